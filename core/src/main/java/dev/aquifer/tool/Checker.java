package dev.aquifer.tool;

import dev.aquifer.image.DataLayout;
import dev.aquifer.image.DirEntry;
import dev.aquifer.image.Directory;
import dev.aquifer.image.Extent;
import dev.aquifer.image.Feature;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.image.Superblock;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * Checks an opened image: all inodes that can be reached, names and their order, {@code .} and
 * {@code ..}, counts of names and of inodes, attributes, targets, where all data is and that
 * nothing lies on something else; and, if asked, reads every byte, in several threads. The
 * superblock with its checksum and the device table were checked when the image was opened.
 *
 * <p>Needs some 200 bytes of memory for each inode and each run of data, and its path, of which
 * only the last name is told if it has more than 512 bytes. What would take more than the heap is
 * not checked for overlaps, which is told.
 */
public final class Checker {
  private static final byte[] DOT = {'.'};
  private static final byte[] DOT_DOT = {'.', '.'};
  private static final int XATTR_HEADER_BYTES = 12;
  private static final int MAX_OVERLAPS = 100;

  private final Image image;
  private final boolean withData;
  private final Consumer<Finding> findings;
  private final DataReaders readers;
  private final Overlaps overlaps;

  /** Of each inode that is no directory: how many names were met. */
  private final Map<Long, Integer> names = new HashMap<>();

  /** Of each inode that has or says it has several names: where it was met first. */
  private final Map<Long, WalkEntry> linked = new HashMap<>();

  /** The directories on the way, innermost first. */
  private final Deque<Parent> way = new ArrayDeque<>();

  private long directories;
  private long hidden;
  private long damages;
  private long unsupported;

  private Checker(
      Image image, boolean withData, Consumer<Finding> findings, LongConsumer progress) {
    this.image = image;
    this.withData = withData;
    this.findings = findings;
    this.readers =
        new DataReaders(
            image, progress, (entry, read) -> step(Finding.Kind.DATA, entry, read::get));
    this.overlaps = new Overlaps(image);
  }

  /**
   * How a check ended.
   *
   * @param inodes how many were reached
   * @param dataBytes how many bytes of data were read
   * @param damages how many findings are damage
   * @param unsupported how many things this version can't check
   */
  public record Result(long inodes, long dataBytes, long damages, long unsupported) {}

  /** A directory, and how many directories were met in it. */
  private static final class Parent {
    private final WalkEntry entry;
    private final byte[] path;
    private long subdirectories;

    /** Something in it could not be read. */
    private boolean isPartial;

    Parent(WalkEntry entry, byte[] path) {
      this.entry = entry;
      this.path = path;
    }
  }

  /**
   * Checks {@code image}.
   *
   * @param withData whether to read all data
   * @param findings is told of each finding as it is found
   * @param progress is told counts of bytes of data as they are read
   * @throws IOException if the image can't be read: nothing is known of the rest then
   */
  public static Result check(
      Image image, boolean withData, Consumer<Finding> findings, LongConsumer progress)
      throws IOException {
    Checker checker = new Checker(image, withData, findings, progress);
    try (DataReaders readers = checker.readers) {
      ImageWalk.walk(image, checker.new Visitor());
      checker.checkHiddenInodes();
      readers.finish();
    }
    checker.checkInodeCount();
    checker.overlaps.find(MAX_OVERLAPS, checker::report);
    return new Result(
        checker.names.size() + checker.directories,
        checker.readers.dataBytes(),
        checker.damages,
        checker.unsupported);
  }

  private void report(Finding finding) {
    if (finding.isDamage()) {
      damages++;
    } else {
      unsupported++;
    }
    findings.accept(finding);
  }

  private void report(Finding.Kind kind, WalkEntry entry, String message) {
    report(
        new Finding(
            kind,
            PathText.percent(entry.path()),
            entry.inode().nid(),
            "%s: %s: %s".formatted(image.name(), entry.shown(), message)));
  }

  /** A step that may find damage. */
  private interface Step {
    void run() throws IOException;
  }

  private void step(Finding.Kind kind, WalkEntry entry, Step step) throws IOException {
    try {
      step.run();
    } catch (CorruptDataException e) {
      report(kind, entry, withoutName(e));
    } catch (UnsupportedFeatureException e) {
      report(Finding.Kind.UNSUPPORTED, entry, withoutName(e));
    }
  }

  private String withoutName(IOException e) {
    String message = String.valueOf(e.getMessage());
    String start = image.name() + ": ";
    return message.startsWith(start) ? message.substring(start.length()) : message;
  }

  private final class Visitor implements ImageWalk.Visitor {
    @Override
    public boolean enter(WalkEntry met) throws IOException {
      WalkEntry entry = met.withShortPath();
      if (entry.inode().type() == FileType.DIRECTORY) {
        directories++;
        checkInode(entry);
        step(Finding.Kind.PARENT, entry, () -> checkDots(entry));
        if (!way.isEmpty()) {
          way.getFirst().subdirectories++;
        }
        way.push(new Parent(entry, met.path()));
      } else if (names.merge(entry.inode().nid(), 1, Integer::sum) == 1) {
        checkInode(entry);
        if (entry.inode().nlink() == 0) {
          report(Finding.Kind.LINK_COUNT, entry, "its inode says that it has no name");
        }
      }
      countNames(entry);
      return true;
    }

    @Override
    public void leave(WalkEntry directory) {
      Parent left = way.pop();
      long nlink = directory.inode().nlink();
      // As other file systems do, 1 means that nobody counted.
      if (!left.isPartial && nlink != 1 && nlink != left.subdirectories + 2) {
        report(
            Finding.Kind.LINK_COUNT,
            directory,
            "its inode says %d links: with %d directories in it, expected %d"
                .formatted(nlink, left.subdirectories, left.subdirectories + 2));
      }
    }

    @Override
    public void failed(byte[] path, IOException why) throws IOException {
      boolean isDirectory = false;
      if (!way.isEmpty()) {
        way.getFirst().isPartial = true;
        isDirectory = way.getFirst().path == path;
      }
      Finding.Kind kind = isDirectory ? Finding.Kind.DIRECTORY : Finding.Kind.INODE;
      if (why instanceof UnsupportedFeatureException) {
        kind = Finding.Kind.UNSUPPORTED;
      } else if (!(why instanceof CorruptDataException)) {
        throw why;
      }
      byte[] shown = WalkEntry.shortPath(path);
      String place = PathText.shown(shown) + ": ";
      String message = withoutName(why);
      report(
          new Finding(
              kind,
              PathText.percent(shown),
              null,
              image.name() + ": " + (message.startsWith(place) ? "" : place) + message));
    }
  }

  /** Files with several names are judged at the end, when all have been met. */
  private void countNames(WalkEntry entry) {
    Inode inode = entry.inode();
    if (inode.type() != FileType.DIRECTORY
        && (inode.nlink() > 1 || names.getOrDefault(inode.nid(), 0) > 1)) {
      linked.putIfAbsent(inode.nid(), entry);
    }
  }

  private void checkInode(WalkEntry entry) throws IOException {
    Inode inode = entry.inode();
    step(Finding.Kind.XATTR, entry, () -> checkXattrs(inode));
    if (inode.type() == FileType.SYMBOLIC_LINK) {
      step(Finding.Kind.TARGET, entry, () -> image.readLink(inode));
    }
    overlaps.addInode(entry.path(), inode);
    if (inode.type().hasData()) {
      step(Finding.Kind.MAP, entry, () -> checkMap(entry));
      if (withData && inode.type() == FileType.REGULAR) {
        readers.submit(entry);
      }
    }
  }

  private void checkXattrs(Inode inode) throws IOException {
    if (inode.xattrSizeBytes() == XATTR_HEADER_BYTES) {
      throw new CorruptDataException(
          "its extended attributes have a header and nothing else (i_xattr_icount 1): Linux gives EOPNOTSUPP for them");
    }
    Set<String> found = image.xattrs(inode).keySet();
    overlaps.addShared(image.sharedXattrs(inode));
    XattrFilterCheck.check(image, inode, found);
  }

  private void checkMap(WalkEntry entry) throws IOException {
    Inode inode = entry.inode();
    if (inode.layout() instanceof DataLayout.Compressed && inode.sizeBytes() > 0) {
      overlaps.addIndex(entry.path(), inode, image.indexEndBytes(inode));
    }
    for (long at = 0; at < inode.sizeBytes(); ) {
      Extent extent = image.map(inode, at);
      overlaps.addData(entry.path(), inode, extent);
      at += extent.lengthBytes();
    }
  }

  private void checkDots(WalkEntry entry) throws IOException {
    Directory directory = image.directory(entry.inode());
    long self = entry.inode().nid();
    long parent = way.isEmpty() ? self : way.getFirst().entry.inode().nid();
    Optional<DirEntry> up = directory.find(DOT_DOT);
    if (up.isEmpty()) {
      report(Finding.Kind.PARENT, entry, "has no ..");
    } else if (up.get().nid() != parent) {
      report(
          Finding.Kind.PARENT,
          entry,
          "its .. is nid %s: expected %s"
              .formatted(Long.toUnsignedString(up.get().nid()), Long.toUnsignedString(parent)));
    }
    // The bit that lets it be omitted came with 48-bit images.
    if (!image.superblock().has(Feature.WIDE_ADDRESSES) && directory.find(DOT).isEmpty()) {
      report(Finding.Kind.DIRECTORY, entry, "has no .");
    }
  }

  /** Inodes without names: that of tails, and that of metadata. */
  private void checkHiddenInodes() throws IOException {
    Superblock superblock = image.superblock();
    if (superblock.has(Feature.FRAGMENTS) && superblock.packedNid() != 0) {
      checkHidden("packed inode", superblock.packedNid());
    }
    if (superblock.has(Feature.METABOX)) {
      checkHidden("metabox inode", superblock.metaboxNid());
    }
  }

  private void checkHidden(String what, long nid) throws IOException {
    hidden++;
    WalkEntry entry;
    try {
      byte[] name = ("(" + what + ")").getBytes(java.nio.charset.StandardCharsets.US_ASCII);
      entry = new WalkEntry(name, name, 0, true, image.inode(nid));
    } catch (CorruptDataException e) {
      report(
          new Finding(
              Finding.Kind.INODE, null, nid, image.name() + ": " + what + ": " + withoutName(e)));
      return;
    }
    checkInode(entry);
  }

  private void checkInodeCount() {
    linked.forEach(
        (nid, entry) -> {
          int count = names.getOrDefault(nid, 0);
          if (count != entry.inode().nlink()) {
            report(
                Finding.Kind.LINK_COUNT,
                entry,
                "its inode says %d links: has %d names".formatted(entry.inode().nlink(), count));
          }
        });
    // What could not be reached is told already.
    long reached = names.size() + directories;
    long said = image.superblock().inodes();
    // Builders may or may not count inodes without names.
    boolean isRight = said >= reached && said <= reached + hidden;
    if (damages == 0 && unsupported == 0 && !isRight) {
      report(
          new Finding(
              Finding.Kind.INODE_COUNT,
              null,
              null,
              "%s: the superblock says %d inodes: %d can be reached"
                  .formatted(image.name(), said, reached)));
    }
  }
}
