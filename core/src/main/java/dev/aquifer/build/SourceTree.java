package dev.aquifer.build;

import java.io.Closeable;
import java.io.IOException;
import java.util.List;

/**
 * A directory tree to build an image from, or to compare with another: raw names, full stat,
 * extended attributes, link targets, data with holes.
 *
 * <p>Entries given to a method must come from the same tree. Safe for use by many threads. Every
 * {@link IOException} names the file and says what was wrong.
 */
public interface SourceTree extends Closeable {
  /** What messages call the tree: a path, an image's name. */
  String name();

  /** The root directory. */
  SourceEntry root() throws IOException;

  /**
   * The entries of a directory in any order, each name once, without {@code .} and {@code ..}.
   *
   * @throws IOException if it can't be listed, or an entry can't be represented by this tree
   */
  List<SourceEntry> children(SourceEntry directory) throws IOException;

  /** The extended attributes of any file in any order, ACLs in their raw form included. */
  List<Xattr> xattrs(SourceEntry entry) throws IOException;

  /** The bytes of a symbolic link's target. */
  byte[] linkTarget(SourceEntry link) throws IOException;

  /**
   * Opens a regular file.
   *
   * @throws IOException if it can't be read or is not the file that was listed any more
   */
  SourceFile open(SourceEntry file) throws IOException;

  /**
   * Where a regular file comes in what the tree is read from, such as an archive: what stands there
   * first has the lower number. -1, for all files, if that has no order of its own.
   */
  default long rank(SourceEntry file) {
    return -1;
  }
}
