package dev.aquifer.build;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Reads a {@link SourceTree} into a sorted {@link Tree}; the data of regular files comes later. A
 * pool of threads lists the directories that come next.
 */
final class TreeReader {
  private static final int MAX_NAME_BYTES = 255;
  private static final int MAX_TARGET_BYTES = 4095;
  private static final byte[] NO_TARGET = {};

  /** So many directories for each thread are listed before it is their turn. */
  private static final int AHEAD = 4;

  /** What a longer list has to say of its entries may take much memory, and is read later. */
  private static final int MAX_DETAILS = 4096;

  /** With so much said of the first entries, the others have to wait, too. */
  private static final int MAX_DETAIL_BYTES = 1 << 20;

  /** What else there is to know of an entry: the target of a link, or empty, and attributes. */
  private static final class Details {
    final byte[] target;
    final List<Xattr> xattrs;

    Details(byte[] target, List<Xattr> xattrs) {
      this.target = target;
      this.xattrs = xattrs;
    }

    int sizeBytes() {
      int size = target.length;
      for (Xattr xattr : xattrs) {
        size += xattr.name().length + xattr.value().length;
      }
      return size;
    }
  }

  /**
   * What is in a directory.
   *
   * @param entries by name, each checked
   * @param details of the first entries
   */
  private record Listing(List<SourceEntry> entries, List<Details> details) {}

  /** A directory that was not read yet. */
  private static final class Ahead {
    final Node.Directory directory;
    @Nullable Future<Listing> listing;

    Ahead(Node.Directory directory) {
      this.directory = directory;
    }
  }

  private final SourceTree source;
  private final Spool spool;
  private final boolean takesXattrs;
  private final int threads;
  private final Set<FileKey> outputs;
  private final XattrTable xattrs;
  private final List<Node> nodes = new ArrayList<>();
  private final Map<FileKey, Node> linked = new HashMap<>();
  private long regular;
  private long directories;
  private long symlinks;
  private long special;
  private long hardLinks;

  private TreeReader(SourceTree source, Spool spool, BuildOptions options, Set<FileKey> outputs) {
    this.source = source;
    this.spool = spool;
    this.xattrs = new XattrTable(spool, options.longPrefixes());
    this.takesXattrs = options.xattrs();
    this.threads = options.threads();
    this.outputs = outputs;
  }

  /**
   * Reads everything but the data of regular files; targets of links go to {@code spool}.
   *
   * @param outputs what is being written, which must not be in the tree
   */
  static Tree read(SourceTree source, Spool spool, BuildOptions options, Set<FileKey> outputs)
      throws IOException {
    return new TreeReader(source, spool, options, outputs).read();
  }

  private Tree read() throws IOException {
    SourceEntry top = source.root();
    if (!top.stat().isDirectory()) {
      throw new IOException(source.name() + ": is no directory: expected the root of a tree");
    }
    Node.Directory root = new Node.Directory(top, null);
    add(root, details(top));
    WorkerPool pool = WorkerPool.start(threads);
    try {
      readBelow(root, pool.executor());
    } finally {
      pool.end();
    }
    return new Tree(
        root,
        nodes,
        nodes,
        xattrs,
        new BuildResult.Counts(regular, directories, symlinks, special, hardLinks, nodes.size()));
  }

  private void readBelow(Node.Directory root, ExecutorService pool) throws IOException {
    Deque<Ahead> rest = new ArrayDeque<>();
    rest.push(new Ahead(root));
    while (!rest.isEmpty()) {
      Waiting.checkInterrupt();
      int count = 0;
      for (Ahead next : rest) {
        if (next.listing == null) {
          next.listing = pool.submit(() -> list(next.directory.entry));
        }
        if (++count == AHEAD * threads) {
          break;
        }
      }
      Ahead next = rest.pop();
      Node.Directory directory = next.directory;
      readDirectory(directory, Waiting.on(Objects.requireNonNull(next.listing)));
      for (int i = directory.children.length - 1; i >= 0; i--) {
        if (directory.children[i] instanceof Node.Directory child) {
          rest.push(new Ahead(child));
        }
      }
    }
  }

  private Listing list(SourceEntry directory) throws IOException {
    List<SourceEntry> entries = new ArrayList<>(source.children(directory));
    entries.sort((a, b) -> Arrays.compareUnsigned(a.name(), b.name()));
    for (int i = 0; i < entries.size(); i++) {
      SourceEntry entry = entries.get(i);
      checkName(entry);
      if (i > 0 && Arrays.equals(entry.name(), entries.get(i - 1).name())) {
        throw new IOException("%s: %s: is listed twice".formatted(source.name(), entry));
      }
    }
    List<Details> details = new ArrayList<>();
    int most = Math.min(MAX_DETAILS, entries.size());
    for (int i = 0, bytes = 0; i < most && bytes < MAX_DETAIL_BYTES; i++) {
      Details next = details(entries.get(i));
      details.add(next);
      bytes += next.sizeBytes();
    }
    return new Listing(entries, details);
  }

  private Details details(SourceEntry entry) throws IOException {
    return new Details(
        entry.stat().isSymlink() ? target(entry) : NO_TARGET,
        takesXattrs ? source.xattrs(entry) : List.of());
  }

  private void readDirectory(Node.Directory directory, Listing listing) throws IOException {
    List<SourceEntry> entries = listing.entries;
    directory.names = new byte[entries.size()][];
    directory.children = new Node[entries.size()];
    for (int i = 0; i < entries.size(); i++) {
      SourceEntry entry = entries.get(i);
      directory.names[i] = entry.name();
      Details details = i < listing.details.size() ? listing.details.get(i) : null;
      directory.children[i] = inode(directory, entry, details);
    }
  }

  private Node inode(Node.Directory parent, SourceEntry entry, @Nullable Details details)
      throws IOException {
    FileKey key = FileKey.of(entry.stat());
    if (outputs.contains(key)) {
      throw new IOException(
          "%s: the output lies in it, at %s: choose a place outside"
              .formatted(source.name(), entry));
    }
    if (entry.stat().isDirectory()) {
      Node.Directory directory = new Node.Directory(entry, parent);
      parent.nlink++;
      add(directory, details);
      return directory;
    }
    if (entry.stat().nlink() <= 1) {
      Node inode = single(entry);
      add(inode, details);
      return inode;
    }
    Node known = linked.get(key);
    if (known != null) {
      known.nlink++;
      hardLinks++;
      return known;
    }
    Node inode = single(entry);
    linked.put(key, inode);
    add(inode, details);
    return inode;
  }

  private static Node single(SourceEntry entry) {
    return entry.stat().isSymlink() ? new Node.Link(entry) : new Node(entry);
  }

  private void add(Node inode, @Nullable Details known) throws IOException {
    nodes.add(inode);
    FileStat stat = inode.stat();
    switch (stat.type()) {
      case REGULAR -> regular++;
      case DIRECTORY -> directories++;
      case SYMBOLIC_LINK -> symlinks++;
      case BLOCK_DEVICE, CHARACTER_DEVICE, FIFO, SOCKET -> special++;
      case null ->
          throw new IOException(
              "%s: %s: has mode 0%o: expected a regular file, directory, link, device, pipe or socket"
                  .formatted(source.name(), inode.entry, stat.mode()));
    }
    Details details = known == null ? details(inode.entry) : known;
    if (inode instanceof Node.Link link) {
      link.targetBytes = details.target.length;
      link.spooledAt = spool.append(details.target);
    }
    inode.xattrs = xattrs.add(details.xattrs, source, inode.entry);
  }

  private byte[] target(SourceEntry link) throws IOException {
    byte[] target = source.linkTarget(link);
    if (target.length == 0 || target.length > MAX_TARGET_BYTES) {
      throw new IOException(
          "%s: %s: a link with a target of %d bytes: expected 1 to %d"
              .formatted(source.name(), link, target.length, MAX_TARGET_BYTES));
    }
    return target;
  }

  private void checkName(SourceEntry entry) throws IOException {
    byte[] name = entry.name();
    boolean isLegal = name.length >= 1 && name.length <= MAX_NAME_BYTES;
    for (byte b : name) {
      isLegal &= b != 0 && b != '/';
    }
    boolean isDot = name.length <= 2 && name.length > 0 && name[0] == '.';
    if (!isLegal || (isDot && name[name.length - 1] == '.')) {
      throw new IOException(
          "%s: %s: an impossible name of %d bytes: expected 1 to %d, no slash, no NUL, not . or .."
              .formatted(source.name(), entry, name.length, MAX_NAME_BYTES));
    }
  }
}
