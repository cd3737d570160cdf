package dev.aquifer.tool;

import dev.aquifer.build.FileStat;
import dev.aquifer.build.SourceEntry;
import dev.aquifer.build.SourceTree;
import dev.aquifer.build.Xattr;
import dev.aquifer.image.ByteNames;
import dev.aquifer.image.FileType;
import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A tree that an image could be built from. */
final class SourceDiffTree implements DiffTree {
  private static final Comparator<DiffNode> BY_NAME =
      Comparator.comparing(DiffNode::name, Arrays::compareUnsigned);

  private final SourceTree tree;

  SourceDiffTree(SourceTree tree) {
    this.tree = tree;
  }

  @Override
  public String name() {
    return tree.name();
  }

  @Override
  public DiffNode root() throws IOException {
    return node(tree.root());
  }

  private DiffNode node(SourceEntry entry) throws IOException {
    FileStat stat = entry.stat();
    FileType type = stat.type();
    if (type == null) {
      throw new IOException("%s: %s: is of no known type".formatted(name(), entry));
    }
    long rdev = stat.rdev();
    return new DiffNode(
        entry.name(),
        type,
        stat.mode() & 07777,
        stat.uid(),
        stat.gid(),
        stat.nlink(),
        stat.sizeBytes(),
        stat.mtimeSeconds(),
        stat.mtimeNanos(),
        type.isDevice() ? (rdev >> 8 & 0xfff) + ":" + (rdev & 0xff | rdev >> 12 & 0xfff00) : "",
        entry);
  }

  private static SourceEntry entry(DiffNode node) {
    return (SourceEntry) node.key();
  }

  @Override
  public List<DiffNode> children(DiffNode directory) throws IOException {
    List<DiffNode> children = new ArrayList<>();
    for (SourceEntry child : tree.children(entry(directory))) {
      children.add(node(child));
    }
    children.sort(BY_NAME);
    return children;
  }

  @Override
  public Map<String, String> xattrs(DiffNode node) throws IOException {
    Map<String, String> xattrs = new TreeMap<>();
    for (Xattr xattr : tree.xattrs(entry(node))) {
      xattrs.put(ByteNames.toText(xattr.name()), HexFormat.of().formatHex(xattr.value()));
    }
    return xattrs;
  }

  @Override
  public byte[] target(DiffNode link) throws IOException {
    return tree.linkTarget(entry(link));
  }

  @Override
  public ByteSource open(DiffNode file) throws IOException {
    return tree.open(entry(file));
  }
}
