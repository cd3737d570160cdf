package dev.aquifer.tool;

import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.SortedMap;

/**
 * Puts the tree of an image into a {@link TreeSink}: a directory, or a tar stream.
 *
 * <p>What a sink gets is checked first: names are names (no {@code ..}, no slash), no name comes
 * twice in a directory, directories form a tree, hard links lead to what was put before.
 */
public final class Extractor {
  private static final SortedMap<String, byte[]> NO_XATTRS = Collections.emptySortedMap();

  private final Image image;
  private final TreeSink sink;

  /** Paths of first names may take this much, so that an image can't fill the heap with them. */
  private final long maxHeldBytes;

  /** Of each file with further names to come: the first one, and how many have come. */
  private final Map<Long, Names> names = new HashMap<>();

  /** How many bytes the first names have that are held. */
  private long heldBytes;

  private long directories;
  private long files;
  private long others;
  private long hardLinks;

  private Extractor(Image image, TreeSink sink, long maxHeldBytes) {
    this.maxHeldBytes = maxHeldBytes;
    this.image = image;
    this.sink = sink;
  }

  /**
   * How much was put.
   *
   * @param directories with the one where it began
   * @param files regular files
   * @param others symbolic links, devices, fifos and sockets
   * @param hardLinks further names
   */
  public record Result(long directories, long files, long others, long hardLinks) {}

  @SuppressWarnings("ArrayRecordComponent")
  private record Names(byte[] first, long count) {}

  /**
   * Puts the directory {@code start} and all below it into {@code sink}, and waits until that is
   * done. The sink stays open.
   *
   * @throws CorruptDataException if the image is damaged; what came before is in the sink
   * @throws IOException also if the sink fails
   */
  public static Result extract(Image image, Inode start, TreeSink sink) throws IOException {
    return extract(image, start, sink, Runtime.getRuntime().maxMemory() / 4);
  }

  /** As above, while first names have at most {@code maxHeldBytes} bytes. */
  static Result extract(Image image, Inode start, TreeSink sink, long maxHeldBytes)
      throws IOException {
    Extractor extractor = new Extractor(image, sink, maxHeldBytes);
    ImageWalk.walk(image, WalkEntry.ROOT, start, extractor.new Putter());
    sink.finish();
    return new Result(
        extractor.directories, extractor.files, extractor.others, extractor.hardLinks);
  }

  private final class Putter implements ImageWalk.Visitor {
    @Override
    public boolean enter(WalkEntry entry) throws IOException {
      if (entry.depth() > 0) {
        checkName(entry);
      }
      if (entry.inode().type() == FileType.DIRECTORY) {
        directories++;
        sink.enterDirectory(entry, xattrs(entry));
        return true;
      }
      Inode inode = entry.inode();
      if (inode.nlink() > 1) {
        Names known = names.get(inode.nid());
        if (known != null) {
          hardLinks++;
          sink.hardLink(entry, known.first());
          count(entry, new Names(known.first(), known.count() + 1));
          return false;
        }
        count(entry, new Names(entry.path(), 1));
      }
      put(entry);
      return false;
    }

    @Override
    public void leave(WalkEntry directory) throws IOException {
      sink.leaveDirectory(directory);
    }
  }

  private void count(WalkEntry entry, Names seen) throws IOException {
    Inode inode = entry.inode();
    Names before =
        seen.count() < inode.nlink() ? names.put(inode.nid(), seen) : names.remove(inode.nid());
    if (names.containsKey(inode.nid()) && before == null) {
      heldBytes += seen.first().length;
    } else if (!names.containsKey(inode.nid()) && before != null) {
      heldBytes -= seen.first().length;
    }
    if (heldBytes > maxHeldBytes) {
      throw new IOException(
          "%s: %s: is one of files with several names, whose paths have more than %d bytes: expected fewer, or a larger heap"
              .formatted(image.name(), entry.withShortPath().shown(), maxHeldBytes));
    }
  }

  private void put(WalkEntry entry) throws IOException {
    switch (entry.inode().type()) {
      case REGULAR -> {
        files++;
        sink.regularFile(entry, xattrs(entry), image);
      }
      case SYMBOLIC_LINK -> {
        others++;
        sink.symbolicLink(entry, xattrs(entry), image.readLink(entry.inode()));
      }
      default -> {
        others++;
        sink.special(entry, xattrs(entry));
      }
    }
  }

  private SortedMap<String, byte[]> xattrs(WalkEntry entry) throws IOException {
    return entry.inode().xattrSizeBytes() == 0 ? NO_XATTRS : image.xattrs(entry.inode());
  }

  // The reader refuses such names, too. Here they would write outside of the target.
  private void checkName(WalkEntry entry) throws CorruptDataException {
    byte[] name = entry.name();
    boolean isDots =
        name.length <= 2 && name.length > 0 && name[0] == '.' && name[name.length - 1] == '.';
    boolean isWrong = name.length == 0 || isDots;
    for (byte b : name) {
      isWrong |= b == '/' || b == 0;
    }
    if (isWrong) {
      throw new CorruptDataException(
          "%s: %s: its last name is none that a file can have"
              .formatted(image.name(), entry.shown()));
    }
  }
}
