package dev.aquifer.image;

import java.util.List;

/**
 * The way to what a path leads to, without {@code .}, {@code ..} and symbolic links.
 *
 * @param trail the inodes from the root to it
 * @param names the names of all of them but the root; they must not be changed
 */
public record ResolvedPath(List<Inode> trail, List<byte[]> names) {
  /** What the path leads to. */
  public Inode inode() {
    return trail.getLast();
  }
}
