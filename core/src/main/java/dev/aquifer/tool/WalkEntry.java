package dev.aquifer.tool;

import dev.aquifer.image.Inode;
import java.util.Arrays;

/**
 * One path of an image.
 *
 * @param path the whole path from the root, beginning with {@code /}; must not be changed
 * @param name its last name, empty for where the walk starts; must not be changed
 * @param depth how many directories the walk went down to it, 0 for where it starts
 * @param isLast whether no name follows in the same directory
 * @param inode what is there
 */
@SuppressWarnings("ArrayRecordComponent")
public record WalkEntry(byte[] path, byte[] name, int depth, boolean isLast, Inode inode) {
  static final byte[] ROOT = {'/'};

  /** Of longer paths, only the last name is kept where many are. */
  private static final int MAX_SHORT_BYTES = 512;

  /** The path of {@code name} in the directory {@code parent}. */
  static byte[] childPath(byte[] parent, byte[] name) {
    int length = parent.length == 1 && parent[0] == '/' ? 0 : parent.length;
    byte[] path = new byte[length + 1 + name.length];
    System.arraycopy(parent, 0, path, 0, length);
    path[length] = '/';
    System.arraycopy(name, 0, path, length + 1, name.length);
    return path;
  }

  /** {@code path}, or if it is very long, {@code .../} and its last name. */
  static byte[] shortPath(byte[] path) {
    if (path.length <= MAX_SHORT_BYTES) {
      return path;
    }
    int slash = path.length - 1;
    while (path[slash] != '/') {
      slash--;
    }
    byte[] shortened = Arrays.copyOfRange(path, slash - 3, path.length);
    Arrays.fill(shortened, 0, 3, (byte) '.');
    return shortened;
  }

  /** This with its {@link #shortPath}. */
  WalkEntry withShortPath() {
    return path.length <= MAX_SHORT_BYTES
        ? this
        : new WalkEntry(shortPath(path), name, depth, isLast, inode);
  }

  /** The path as text for messages. */
  public String shown() {
    return PathText.shown(path);
  }
}
