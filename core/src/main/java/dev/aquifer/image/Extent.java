package dev.aquifer.image;

import dev.aquifer.codec.Algorithm;

/**
 * Where one run of a file's bytes is.
 *
 * <p>An extent answers for the bytes {@code [fileOffsetBytes, fileOffsetBytes + lengthBytes)} of
 * the file.
 */
public sealed interface Extent {
  /** In place of a device: the address is a position in the data of the metabox inode. */
  int METABOX = -1;

  /** The first byte of the file that this extent is for. */
  long fileOffsetBytes();

  /** The number of bytes, at least 1. */
  long lengthBytes();

  /** Bytes that are stored nowhere and read as zeros. */
  record Hole(long fileOffsetBytes, long lengthBytes) implements Extent {}

  /**
   * Bytes stored as they are.
   *
   * @param device 0 for the primary device, else the number of the device slot, from 1
   * @param addressBytes where they begin in that device
   */
  record Plain(long fileOffsetBytes, long lengthBytes, int device, long addressBytes)
      implements Extent {}

  /**
   * Bytes that come of decompressing one physical cluster: they are {@code lengthBytes} of the
   * {@code decodedBytes} that it gives, from byte {@code skipBytes} of them on.
   *
   * @param device 0 for the primary device, the number of the device slot, or {@link #METABOX}
   * @param addressBytes where the physical cluster begins in that device
   * @param storedBytes its length, with the zeros that may come before the stream
   * @param algorithm how it is compressed
   * @param skipBytes how many decoded bytes come before those of this extent
   * @param decodedBytes how many bytes of the file the cluster stands for
   * @param isPartial whether its stream may give more than those
   */
  record Encoded(
      long fileOffsetBytes,
      long lengthBytes,
      int device,
      long addressBytes,
      int storedBytes,
      Algorithm algorithm,
      int skipBytes,
      int decodedBytes,
      boolean isPartial)
      implements Extent {
    /** Where the decoded bytes of the cluster end in the file. */
    public long clusterEndBytes() {
      return fileOffsetBytes - skipBytes + decodedBytes;
    }
  }

  /**
   * Bytes that are in the data of the packed inode, beside those of other files.
   *
   * @param packedOffsetBytes where they begin there
   */
  record Fragment(long fileOffsetBytes, long lengthBytes, long packedOffsetBytes)
      implements Extent {}
}
