package dev.aquifer.build;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads a {@link SourceTree} into a sorted {@link Tree}; the data of regular files comes later. */
final class TreeReader {
  private static final int MAX_NAME_BYTES = 255;
  private static final int MAX_TARGET_BYTES = 4095;

  private final SourceTree source;
  private final Spool spool;
  private final boolean takesXattrs;
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
    add(root);
    Deque<Node.Directory> rest = new ArrayDeque<>();
    rest.push(root);
    while (!rest.isEmpty()) {
      Waiting.checkInterrupt();
      Node.Directory directory = rest.pop();
      readDirectory(directory);
      for (int i = directory.children.length - 1; i >= 0; i--) {
        if (directory.children[i] instanceof Node.Directory child) {
          rest.push(child);
        }
      }
    }
    return new Tree(
        root,
        nodes,
        nodes,
        xattrs,
        new BuildResult.Counts(regular, directories, symlinks, special, hardLinks, nodes.size()));
  }

  private void readDirectory(Node.Directory directory) throws IOException {
    List<SourceEntry> entries = new ArrayList<>(source.children(directory.entry));
    entries.sort((a, b) -> Arrays.compareUnsigned(a.name(), b.name()));
    directory.names = new byte[entries.size()][];
    directory.children = new Node[entries.size()];
    for (int i = 0; i < entries.size(); i++) {
      SourceEntry entry = entries.get(i);
      checkName(entry);
      if (i > 0 && Arrays.equals(entry.name(), entries.get(i - 1).name())) {
        throw new IOException("%s: %s: is listed twice".formatted(source.name(), entry));
      }
      directory.names[i] = entry.name();
      directory.children[i] = inode(directory, entry);
    }
  }

  private Node inode(Node.Directory parent, SourceEntry entry) throws IOException {
    FileKey key = FileKey.of(entry.stat());
    if (outputs.contains(key)) {
      throw new IOException(
          "%s: the output lies in it, at %s: choose a place outside"
              .formatted(source.name(), entry));
    }
    if (entry.stat().isDirectory()) {
      Node.Directory directory = new Node.Directory(entry, parent);
      parent.nlink++;
      add(directory);
      return directory;
    }
    if (entry.stat().nlink() <= 1) {
      Node inode = single(entry);
      add(inode);
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
    add(inode);
    return inode;
  }

  private static Node single(SourceEntry entry) {
    return entry.stat().isSymlink() ? new Node.Link(entry) : new Node(entry);
  }

  private void add(Node inode) throws IOException {
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
    if (inode instanceof Node.Link link) {
      readTarget(link);
    }
    if (takesXattrs) {
      inode.xattrs = xattrs.add(source, inode.entry);
    }
  }

  private void readTarget(Node.Link link) throws IOException {
    byte[] target = source.linkTarget(link.entry);
    if (target.length == 0 || target.length > MAX_TARGET_BYTES) {
      throw new IOException(
          "%s: %s: a link with a target of %d bytes: expected 1 to %d"
              .formatted(source.name(), link.entry, target.length, MAX_TARGET_BYTES));
    }
    link.targetBytes = target.length;
    link.spooledAt = spool.append(target);
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
