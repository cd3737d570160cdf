package dev.aquifer.build;

import java.lang.foreign.MemorySegment;

/**
 * What says where the data of a compressed file is, as it lies behind the inode: a map header and
 * what comes after it. Which kind it is, the layout says:
 *
 * <ul>
 *   <li>{@link ClusterIndex}: an entry for each logical cluster, for clusters of whole blocks
 *   <li>{@link ExtentIndex}: a record for each cluster, which may lie byte by byte, with 48-bit
 *       addresses
 * </ul>
 *
 * <p>Used once, by one thread.
 */
sealed interface FileIndex permits ClusterIndex, ExtentIndex {
  /** The length of the map header. */
  int HEADER_BYTES = 8;

  /** A flag of the header: the last data is in the packed inode. */
  int FRAGMENT = 0x20;

  /**
   * The layout of a file with these clusters: the one decision how its index is written.
   *
   * @see #of
   */
  static Node.Layout layout(Clusters clusters, Encoding encoding) {
    if (clusters.isFragmentAlone()) {
      return Node.Layout.COMPRESSED_FULL;
    }
    if (encoding.wide()) {
      return Node.Layout.COMPRESSED_EXTENTS;
    }
    boolean isCompact =
        !encoding.fullIndexes()
            && !clusters.hasReferences()
            && encoding.block().bits() <= ClusterIndex.MAX_COMPACT_BITS
            && (!clusters.hasFragment() || clusters.fragmentAt() <= 0xffff_ffffL);
    return isCompact ? Node.Layout.COMPRESSED_COMPACT : Node.Layout.COMPRESSED_FULL;
  }

  /** The index of {@code node}, which has these clusters and the layout that they have. */
  static FileIndex of(Node node, Clusters clusters, Encoding encoding) {
    return node.layout == Node.Layout.COMPRESSED_EXTENTS
        ? new ExtentIndex(node.sizeBytes(), clusters, encoding)
        : new ClusterIndex(node, clusters, encoding);
  }

  /**
   * The length of header and index.
   *
   * @param start where the header begins, in bytes from the inode, a multiple of 8
   */
  long sizeBytes(long start);

  /**
   * Writes header and index to zeroed memory.
   *
   * @param start as in {@link #sizeBytes}
   */
  void write(MemorySegment dst, long start);
}
