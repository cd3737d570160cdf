/** Reads EROFS images: superblock, inodes, directories, data layouts. */
@NullMarked
package dev.aquifer.image;

import org.jspecify.annotations.NullMarked;
