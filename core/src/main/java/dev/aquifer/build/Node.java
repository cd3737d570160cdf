package dev.aquifer.build;

import dev.aquifer.image.FileType;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A file of the image that is being built. One object for all its names; kept small, since a tree
 * may have millions.
 */
class Node {
  /** The first name that was found for it. */
  final SourceEntry entry;

  /** Its extended attributes, shared by all inodes that have the same. */
  XattrSet xattrs = XattrSet.NONE;

  /** Count of names in the tree; for directories that of the kernel, 2 and the subdirectories. */
  int nlink = 1;

  /** How its data lies in the image. */
  Layout layout = Layout.FLAT_PLAIN;

  /** Whether the 64-byte form is needed. */
  boolean isExtended;

  /** Position of the inode in the bootstrap, in slots of 32 bytes. */
  long nid;

  /** Where the target of a link, or the inline data of a file, is in the {@link Spool}. */
  long spooledAt = NOWHERE;

  /** Where flat blocks start. */
  long startBlock = NOWHERE;

  /** The chunk map of a chunk-based file that is no single hole. */
  @Nullable ChunkMap chunks;

  /** The clusters of a compressed file. */
  @Nullable Clusters clusters;

  static final long NOWHERE = -1;

  /** Layouts of file data that are written; the numbers are those in i_format. */
  enum Layout {
    /** Whole blocks elsewhere in the bootstrap, or no data at all. */
    FLAT_PLAIN(0),
    /** Clusters, with 8 bytes of index for each block of the file. */
    COMPRESSED_FULL(1),
    /** Clusters, with 4 to 32 bytes of index for each. */
    COMPRESSED_EXTENTS(1),
    /** Whole blocks elsewhere, and the rest right after the inode. */
    FLAT_INLINE(2),
    /** Clusters, with 2 to 4 bytes of index for each block of the file. */
    COMPRESSED_COMPACT(3),
    /** Chunks on devices. */
    CHUNK_BASED(4);

    final int number;

    Layout(int number) {
      this.number = number;
    }
  }

  Node(SourceEntry entry) {
    this.entry = entry;
  }

  FileStat stat() {
    return entry.stat();
  }

  /** The type of file; {@link TreeReader} takes no inode without one. */
  FileType type() {
    return Objects.requireNonNull(stat().type());
  }

  /** Length of the data that the image keeps in bytes. */
  long sizeBytes() {
    return stat().isRegular() ? stat().sizeBytes() : 0;
  }

  /** The packed inode, or that of the metabox, whose data grows while an image is built. */
  static final class Packed extends Node {
    long sizeBytes;

    Packed(SourceEntry entry) {
      super(entry);
    }

    @Override
    long sizeBytes() {
      return sizeBytes;
    }
  }

  /** A symbolic link. Some file systems give it another size than its target has. */
  static final class Link extends Node {
    int targetBytes;

    Link(SourceEntry entry) {
      super(entry);
    }

    @Override
    long sizeBytes() {
      return targetBytes;
    }
  }

  /** A directory with its names in bytewise order, without {@code .} and {@code ..}. */
  static final class Directory extends Node {
    private static final byte[][] NO_NAMES = {};
    private static final Node[] NO_CHILDREN = {};

    final Directory parent;
    byte[][] names = NO_NAMES;
    Node[] children = NO_CHILDREN;
    long sizeBytes;

    /** A directory in {@code parent}; null for the root, which is its own parent. */
    Directory(SourceEntry entry, @Nullable Directory parent) {
      super(entry);
      this.parent = parent == null ? this : parent;
      this.nlink = 2;
    }

    @Override
    long sizeBytes() {
      return sizeBytes;
    }
  }
}
