package dev.aquifer.tool;

import dev.aquifer.build.SourceTree;
import dev.aquifer.image.Image;
import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** One side of a comparison: an image, or a directory. For use by one thread. */
public interface DiffTree {
  /** The tree of an image, which stays open. */
  static DiffTree of(Image image) {
    return new ImageDiffTree(image);
  }

  /** A tree that an image could be built from, which stays open. */
  static DiffTree of(SourceTree tree) {
    return new SourceDiffTree(tree);
  }

  /** What messages call it. */
  String name();

  /** The root directory. */
  DiffNode root() throws IOException;

  /** What is in a directory of this tree, in the order of the names' unsigned bytes. */
  List<DiffNode> children(DiffNode directory) throws IOException;

  /** The values of extended attributes by full name, in hex. */
  Map<String, String> xattrs(DiffNode node) throws IOException;

  /** The target of a symbolic link. */
  byte[] target(DiffNode link) throws IOException;

  /** The data of a regular file; the caller closes it. */
  ByteSource open(DiffNode file) throws IOException;
}
