package dev.aquifer.tool;

import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The tree of an image. */
final class ImageDiffTree implements DiffTree {
  private final Image image;
  private final Set<Long> listed = new HashSet<>();

  ImageDiffTree(Image image) {
    this.image = image;
  }

  @Override
  public String name() {
    return image.name();
  }

  @Override
  public DiffNode root() {
    return node(new byte[0], image.root());
  }

  private static DiffNode node(byte[] name, Inode inode) {
    return new DiffNode(
        name,
        inode.type(),
        inode.permissions(),
        inode.uid(),
        inode.gid(),
        inode.nlink(),
        inode.sizeBytes(),
        inode.mtimeSeconds(),
        inode.mtimeNanos(),
        inode.type().isDevice() ? inode.rdevMajor() + ":" + inode.rdevMinor() : "",
        inode);
  }

  private static Inode inode(DiffNode node) {
    return (Inode) node.key();
  }

  @Override
  public List<DiffNode> children(DiffNode directory) throws IOException {
    Inode inode = inode(directory);
    if (!listed.add(inode.nid())) {
      throw new CorruptDataException(
          "%s: directory nid %s, %s, is met a second time: a directory has one name"
              .formatted(
                  image.name(),
                  Long.toUnsignedString(inode.nid()),
                  PathText.shown(directory.name())));
    }
    List<DiffNode> children = new ArrayList<>();
    image.directory(inode).forEach(entry -> children.add(node(entry.name(), image.inode(entry))));
    return children;
  }

  @Override
  public Map<String, String> xattrs(DiffNode node) throws IOException {
    Map<String, String> xattrs = new TreeMap<>();
    image
        .xattrs(inode(node))
        .forEach((name, value) -> xattrs.put(name, HexFormat.of().formatHex(value)));
    return xattrs;
  }

  @Override
  public byte[] target(DiffNode link) throws IOException {
    return image.readLink(inode(link));
  }

  @Override
  public ByteSource open(DiffNode file) throws IOException {
    if (file.type() != FileType.REGULAR) {
      throw new IllegalArgumentException("no regular file");
    }
    return image.open(inode(file));
  }
}
