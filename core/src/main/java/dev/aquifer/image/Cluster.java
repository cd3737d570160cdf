package dev.aquifer.image;

import dev.aquifer.codec.Algorithm;
import org.jspecify.annotations.Nullable;

/**
 * One logical run of a compressed file, as its index says: where it is, before that is looked for
 * among the devices.
 *
 * @param startBytes its first byte in the file
 * @param lengthBytes its length in the file, at least 1
 * @param form how it is stored
 * @param algorithm how it is compressed; null if it is not
 * @param addressBytes where its stored bytes are; for a fragment, in the data of the packed inode
 * @param storedBytes their length
 * @param isPartial whether they may stand for more than the run
 * @param isInline whether the address is one of metadata, that the inode is in
 */
record Cluster(
    long startBytes,
    long lengthBytes,
    Form form,
    @Nullable Algorithm algorithm,
    long addressBytes,
    long storedBytes,
    boolean isPartial,
    boolean isInline) {

  /** How a run is stored. */
  enum Form {
    /** Nowhere: zeros. */
    HOLE,
    /** As it is, from the start of the stored bytes. */
    SHIFTED,
    /** As it is, but rotated, so that its bytes have the same places in blocks as in the file. */
    INTERLACED,
    /** Compressed. */
    ENCODED,
    /** In the data of the packed inode. */
    FRAGMENT
  }

  static Cluster hole(long startBytes, long lengthBytes) {
    return new Cluster(startBytes, lengthBytes, Form.HOLE, null, 0, 0, false, false);
  }

  static Cluster fragment(long startBytes, long lengthBytes, long packedOffsetBytes) {
    return new Cluster(
        startBytes, lengthBytes, Form.FRAGMENT, null, packedOffsetBytes, 0, false, false);
  }

  /** Where it ends in the file. */
  long endBytes() {
    return startBytes + lengthBytes;
  }

  boolean contains(long offset) {
    return offset >= startBytes && offset - startBytes < lengthBytes;
  }
}
