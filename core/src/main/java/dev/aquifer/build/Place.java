package dev.aquifer.build;

/**
 * A stretch of blocks in an earlier image's blob as one number, sorted as they lie: the number of
 * the blob, then 32 bits of block and 16 of count of blocks.
 */
final class Place {
  /** Blobs have numbers from 1 to this. */
  static final int MAX_BLOB = 1 << 14;

  private static final int COUNT_BITS = 16;
  private static final int BLOCK_NUMBER_BITS = 32;

  private Place() {}

  /** Whether a place can begin at this byte of a blob. */
  static boolean canBe(long addressBytes) {
    return (addressBytes & (1L << ChunkMap.BLOCK_BITS) - 1) == 0
        && addressBytes >>> ChunkMap.BLOCK_BITS < 1L << BLOCK_NUMBER_BITS;
  }

  /** The blocks that have the {@code lengthBytes}, up to 64 MiB, from {@code addressBytes} on. */
  static long of(int blob, long addressBytes, long lengthBytes) {
    long block = addressBytes >>> ChunkMap.BLOCK_BITS;
    return ((long) blob << BLOCK_NUMBER_BITS | block) << COUNT_BITS
        | BlockSize.USUAL.count(lengthBytes);
  }

  static int blob(long place) {
    return (int) (place >>> COUNT_BITS + BLOCK_NUMBER_BITS);
  }

  static long startBytes(long place) {
    return (place >>> COUNT_BITS & (1L << BLOCK_NUMBER_BITS) - 1) << ChunkMap.BLOCK_BITS;
  }

  static long lengthBytes(long place) {
    return (place & (1 << COUNT_BITS) - 1) << ChunkMap.BLOCK_BITS;
  }

  static long endBytes(long place) {
    return startBytes(place) + lengthBytes(place);
  }

  /** Where that is, as chunk maps have it. */
  static long chunkAddress(long place) {
    return ChunkMap.address(blob(place), startBytes(place) >>> ChunkMap.BLOCK_BITS);
  }
}
