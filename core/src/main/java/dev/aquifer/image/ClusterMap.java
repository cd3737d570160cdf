package dev.aquifer.image;

import dev.aquifer.io.CorruptDataException;
import java.io.IOException;

/**
 * Says of each byte of a compressed file in which cluster it is. Safe for use by many threads; what
 * it remembers makes it faster and changes no answer.
 */
abstract sealed class ClusterMap permits LclusterMap, ExtentRecords, WholeFragment {
  /** No more than this is stored in one cluster, as Linux has it. */
  static final int MAX_STORED_BYTES = 1 << 20;

  /** No more than this comes of one cluster, as Linux has it. */
  static final int MAX_DECODED_BYTES = 12 << 20;

  final Volume volume;
  final Inode inode;
  private volatile Cluster last = Cluster.hole(0, 0);

  ClusterMap(Volume volume, Inode inode) {
    this.volume = volume;
    this.inode = inode;
  }

  /** The map of {@code inode}, whose layout is {@code layout}. */
  static ClusterMap open(Volume volume, Inode inode, DataLayout.Compressed layout)
      throws IOException {
    Metadata metadata = volume.metadata(inode.nid());
    IndexBytes bytes =
        new IndexBytes(
            metadata, () -> inode.place(volume.name()) + ": its index of compressed data");
    long position = layout.headerPositionBytes();
    byte[] window = bytes.at(position, MapHeader.SIZE_BYTES);
    MapHeader header = MapHeader.read(volume, inode, layout, window, IndexBytes.offset(position));
    if (header.hasFragment() && inode.nid() == volume.superblock().packedNid()) {
      throw new CorruptDataException(
          inode.place(volume.name()) + ": the packed inode has a fragment, which is in itself");
    }
    if (header.isWholeFragment()) {
      return new WholeFragment(volume, inode, header);
    }
    return !layout.isCompact() && header.hasShortPacksOrExtents()
        ? new ExtentRecords(volume, inode, header, bytes, metadata)
        : new LclusterMap(volume, inode, header, bytes, layout.isCompact());
  }

  /** The cluster that byte {@code offset} of the file is in. */
  final Cluster find(long offset) throws IOException {
    Cluster cluster = last;
    if (!cluster.contains(offset)) {
      cluster = look(offset);
      if (!cluster.contains(offset)) {
        throw corrupt(
            offset,
            "the index leads to the cluster of bytes %d to %d"
                .formatted(cluster.startBytes(), cluster.endBytes()));
      }
      check(cluster);
      last = cluster;
    }
    return cluster;
  }

  abstract Cluster look(long offset) throws IOException;

  /** Where the index ends, with an inline tail. */
  abstract long endBytes();

  private void check(Cluster cluster) throws IOException {
    switch (cluster.form()) {
      case HOLE, FRAGMENT -> {}
      case SHIFTED, INTERLACED -> {
        if (cluster.lengthBytes() > cluster.storedBytes()) {
          throw corrupt(
              cluster.startBytes(),
              "%d bytes as they are, in %d stored bytes"
                  .formatted(cluster.lengthBytes(), cluster.storedBytes()));
        }
      }
      case ENCODED -> {
        if (cluster.lengthBytes() > MAX_DECODED_BYTES) {
          throw tooLong(cluster.startBytes(), cluster.lengthBytes());
        }
        if (cluster.algorithm() != null && !volume.superblock().hasAlgorithm(cluster.algorithm())) {
          throw corrupt(
              cluster.startBytes(),
              "is compressed with %s, which the superblock does not name"
                  .formatted(cluster.algorithm().onDiskName()));
        }
      }
    }
    if (cluster.storedBytes() > MAX_STORED_BYTES) {
      throw corrupt(
          cluster.startBytes(),
          "a cluster of %d stored bytes: expected at most %d"
              .formatted(cluster.storedBytes(), MAX_STORED_BYTES));
    }
  }

  final CorruptDataException tooLong(long offset, long length) {
    return corrupt(
        offset,
        "a cluster of %d bytes or more: expected at most %d".formatted(length, MAX_DECODED_BYTES));
  }

  /** An error in what the index says of byte {@code offset} of the file. */
  final CorruptDataException corrupt(long offset, String what) {
    return new CorruptDataException(
        "%s: byte %d of its data: %s".formatted(inode.place(volume.name()), offset, what));
  }
}
