package dev.aquifer.image;

import java.util.List;

/**
 * What a path leads to.
 *
 * @param inode the inode
 * @param names the names from the root to it, without {@code .}, {@code ..} and symbolic links on
 *     the way; they must not be changed
 */
public record ResolvedPath(Inode inode, List<byte[]> names) {}
