package dev.aquifer.build;

import java.util.List;

/**
 * All inodes of a source tree.
 *
 * @param root the root directory
 * @param nodes every inode once, the root first, in the order in which inodes are laid out: the
 *     entries of a directory side by side, then its subdirectories one after the other
 * @param data the same inodes in the order in which their data is laid out
 * @param xattrs the extended attributes of all of them
 * @param counts what there is
 */
record Tree(
    Node.Directory root,
    List<Node> nodes,
    List<Node> data,
    XattrTable xattrs,
    BuildResult.Counts counts) {}
