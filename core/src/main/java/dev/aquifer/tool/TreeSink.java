package dev.aquifer.tool;

import dev.aquifer.image.Image;
import java.io.Closeable;
import java.io.IOException;
import java.util.SortedMap;

/**
 * Takes the tree of an image, path by path, in the order of a walk: a directory, what is in it, its
 * end. Paths are relative to where the walk began, which is {@code /} and comes first.
 *
 * <p>Called by one thread. A method may return before its work is done; then {@link #finish} waits
 * for it, and what went wrong is thrown by a later call. Attributes have full names, as text of
 * {@link dev.aquifer.image.ByteNames}.
 */
public interface TreeSink extends Closeable {
  /** A directory, into which all goes until {@link #leaveDirectory} is called for it. */
  void enterDirectory(WalkEntry directory, SortedMap<String, byte[]> xattrs) throws IOException;

  /** The end of a directory; its times can be set when all that was put into it is done. */
  void leaveDirectory(WalkEntry directory) throws IOException;

  /**
   * A regular file.
   *
   * @param image where its data is
   */
  void regularFile(WalkEntry file, SortedMap<String, byte[]> xattrs, Image image)
      throws IOException;

  /** A symbolic link. */
  void symbolicLink(WalkEntry link, SortedMap<String, byte[]> xattrs, byte[] target)
      throws IOException;

  /** A device, fifo or socket. */
  void special(WalkEntry special, SortedMap<String, byte[]> xattrs) throws IOException;

  /**
   * A further name of a file, which is no directory.
   *
   * @param first the path of its first name, which was put already
   */
  void hardLink(WalkEntry link, byte[] first) throws IOException;

  /** Waits until all is done. Not called when something failed. */
  void finish() throws IOException;

  /** Gives back what it holds; what is not finished stays as it is. */
  @Override
  void close() throws IOException;
}
