package dev.aquifer.image;

/**
 * Where one run of a file's bytes is. Encoded extents come with the compressed layouts.
 *
 * <p>An extent answers for the bytes {@code [fileOffsetBytes, fileOffsetBytes + lengthBytes)} of
 * the file.
 */
public sealed interface Extent {
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
}
