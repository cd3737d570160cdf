package dev.aquifer.input;

import dev.aquifer.build.FileStat;
import dev.aquifer.build.SourceEntry;
import dev.aquifer.build.SourceTree;
import dev.aquifer.build.Xattr;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Another tree as a {@link Selection} has it. */
public final class SelectedTree extends DerivedTree {
  private static final byte[] LABEL = "security.selinux".getBytes(StandardCharsets.US_ASCII);
  private static final long MAX_ID = 0xffffffffL;
  private static final int MADE_MODE = 040755;

  /** No file system and no other tree has this number. */
  private static final long DEV = -3;

  private final Selection selection;
  private final List<Name> prefix;

  private SelectedTree(SourceTree tree, Selection selection) {
    super(tree);
    this.selection = selection;
    this.prefix = Name.split(Selection.bytes(selection.prefix()));
  }

  /** {@code tree} as {@code selection} has it; closing the result closes it. */
  public static SourceTree of(SourceTree tree, Selection selection) {
    return selection.equals(Selection.ALL) ? tree : new SelectedTree(tree, selection);
  }

  /** A directory above the tree: how many are between it and the root. */
  private record Made(int depth) {}

  @Override
  public SourceEntry root() throws IOException {
    SourceEntry root = tree.root();
    return prefix.isEmpty()
        ? SourceEntry.root(changed(root), root)
        : SourceEntry.root(made(0, root), new Made(0));
  }

  /** As mkfs.erofs makes directories that nothing describes, but of the tree's time. */
  private FileStat made(int depth, SourceEntry root) throws IOException {
    FileStat stat = root.stat();
    return changed(
        root,
        new FileStat(
            MADE_MODE, 0, 0, 0, stat.mtimeSeconds(), stat.mtimeNanos(), 0, DEV, depth, 2, 0));
  }

  @Override
  public List<SourceEntry> children(SourceEntry directory) throws IOException {
    if (directory.origin() instanceof Made made) {
      byte[] name = prefix.get(made.depth).bytes();
      int depth = made.depth + 1;
      SourceEntry root = tree.root();
      return List.of(
          depth == prefix.size()
              ? SourceEntry.of(directory, name, changed(root), root)
              : SourceEntry.of(directory, name, made(depth, root), new Made(depth)));
    }
    List<SourceEntry> children = new ArrayList<>();
    for (SourceEntry child : tree.children(inner(directory))) {
      if (!isExcluded(child)) {
        children.add(SourceEntry.of(directory, child.name(), changed(child), child));
      }
    }
    return children;
  }

  private boolean isExcluded(SourceEntry entry) {
    if (selection.excluded().isEmpty()) {
      return false;
    }
    String path = Selection.Bytes.text(entry.path());
    return selection.excluded().stream().anyMatch(test -> test.test(path));
  }

  private FileStat changed(SourceEntry entry) throws IOException {
    return changed(entry, entry.stat());
  }

  private FileStat changed(SourceEntry entry, FileStat stat) throws IOException {
    Long latest = selection.latestSeconds();
    boolean isLate = latest != null && stat.mtimeSeconds() >= latest;
    return new FileStat(
        stat.mode(),
        id(entry, "uid", selection.uid(), stat.uid(), selection.uidOffset()),
        id(entry, "gid", selection.gid(), stat.gid(), selection.gidOffset()),
        stat.sizeBytes(),
        isLate && latest != null ? latest : stat.mtimeSeconds(),
        isLate ? 0 : stat.mtimeNanos(),
        stat.rdev(),
        stat.dev(),
        stat.ino(),
        selection.hardDereference() && !stat.isDirectory() ? 1 : stat.nlink(),
        stat.changeToken());
  }

  private long id(SourceEntry entry, String what, @Nullable Long fixed, long own, long offset)
      throws IOException {
    long id = (fixed == null ? own : fixed) + offset;
    if (id > MAX_ID) {
      throw new IOException(
          "%s: %s: its %s would be %d: expected at most %d; choose a smaller offset"
              .formatted(name(), entry, what, id, MAX_ID));
    }
    return id;
  }

  @Override
  public List<Xattr> xattrs(SourceEntry entry) throws IOException {
    List<Xattr> own = entry.origin() instanceof Made ? List.of() : tree.xattrs(inner(entry));
    FileContexts contexts = selection.contexts();
    if (contexts == null) {
      return own;
    }
    List<Xattr> xattrs = new ArrayList<>(own);
    remove(xattrs, LABEL);
    String label = contexts.label(mountedPath(entry), Objects.requireNonNull(entry.stat().type()));
    if (label != null) {
      xattrs.add(Xattr.of(LABEL, label.getBytes(StandardCharsets.ISO_8859_1)));
    }
    return xattrs;
  }

  private String mountedPath(SourceEntry entry) {
    String mountPoint = Selection.Bytes.text(Name.split(Selection.bytes(selection.mountPoint())));
    String path = Selection.Bytes.text(entry.path());
    return "/" + mountPoint + (mountPoint.isEmpty() ? "" : "/") + path;
  }
}
