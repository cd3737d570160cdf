package dev.aquifer.input;

import dev.aquifer.build.SourceEntry;
import dev.aquifer.build.SourceFile;
import dev.aquifer.build.SourceTree;
import dev.aquifer.build.Xattr;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * Another tree with changes. The {@link SourceEntry#origin} of each entry is the other tree's.
 * Closing it closes the other.
 */
abstract class DerivedTree implements SourceTree {
  final SourceTree tree;

  DerivedTree(SourceTree tree) {
    this.tree = tree;
  }

  /** The other tree's entry. */
  SourceEntry inner(SourceEntry entry) {
    return (SourceEntry) Objects.requireNonNull(entry.origin(), "an entry of another tree");
  }

  @Override
  public String name() {
    return tree.name();
  }

  @Override
  public SourceEntry root() throws IOException {
    SourceEntry root = tree.root();
    return SourceEntry.root(root.stat(), root);
  }

  @Override
  public List<SourceEntry> children(SourceEntry directory) throws IOException {
    List<SourceEntry> children = new ArrayList<>();
    for (SourceEntry child : tree.children(inner(directory))) {
      children.add(SourceEntry.of(directory, child.name(), child.stat(), child));
    }
    return children;
  }

  @Override
  public List<Xattr> xattrs(SourceEntry entry) throws IOException {
    return tree.xattrs(inner(entry));
  }

  /** Removes the attribute called {@code name}, if there is one. */
  static void remove(List<Xattr> xattrs, byte[] name) {
    xattrs.removeIf(xattr -> Arrays.equals(xattr.name(), name));
  }

  @Override
  public byte[] linkTarget(SourceEntry link) throws IOException {
    return tree.linkTarget(inner(link));
  }

  @Override
  public SourceFile open(SourceEntry file) throws IOException {
    return tree.open(inner(file));
  }

  @Override
  public long rank(SourceEntry file) {
    return tree.rank(inner(file));
  }

  @Override
  public void close() throws IOException {
    tree.close();
  }
}
