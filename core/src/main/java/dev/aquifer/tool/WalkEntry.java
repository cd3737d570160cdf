package dev.aquifer.tool;

import dev.aquifer.image.Inode;

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

  /** The path of {@code name} in the directory {@code parent}. */
  static byte[] childPath(byte[] parent, byte[] name) {
    int length = parent.length == 1 && parent[0] == '/' ? 0 : parent.length;
    byte[] path = new byte[length + 1 + name.length];
    System.arraycopy(parent, 0, path, 0, length);
    path[length] = '/';
    System.arraycopy(name, 0, path, length + 1, name.length);
    return path;
  }

  /** The path as text for messages. */
  public String shown() {
    return PathText.shown(path);
  }
}
