package dev.aquifer.build;

import java.util.Arrays;

/**
 * Where the chunks of a file lie. An address is the number of a blob in its upper 16 bits and a
 * block of it in the lower 48; {@link #HOLE} stands for zeros that lie nowhere.
 */
final class ChunkMap {
  static final long HOLE = -1;

  /** Stands for a chunk that is still to be copied to the image. */
  static final long WANTED = -2;

  /** Blocks of blobs have 2^12 bytes. */
  static final int BLOCK_BITS = 12;

  /** Five bits on disk say by how many powers of two a chunk is larger than a block. */
  private static final int MAX_BITS_MORE = 31;

  private static final int BLOB_SHIFT = 48;

  private final BlockSize block;
  private int chunkBits;
  private long[] addresses;

  private ChunkMap(BlockSize block, int chunkBits, long[] addresses) {
    this.block = block;
    this.chunkBits = chunkBits;
    this.addresses = addresses;
  }

  /** A map of holes. */
  static ChunkMap holes(long sizeBytes, int chunkBits, BlockSize block) {
    long[] addresses = new long[Math.toIntExact(count(sizeBytes, chunkBits))];
    Arrays.fill(addresses, HOLE);
    return new ChunkMap(block, chunkBits, addresses);
  }

  /** The map of a file that is one hole: as few entries as can be. */
  static ChunkMap hole(long sizeBytes, BlockSize block) {
    int bits = Math.max(block.bits(), 64 - Long.numberOfLeadingZeros(sizeBytes - 1));
    return holes(sizeBytes, Math.min(bits, block.bits() + MAX_BITS_MORE), block);
  }

  /** The map of a file whose blocks follow one another: as few entries as can be. */
  static ChunkMap run(long sizeBytes, BlockSize block, int blob, long startBlock) {
    ChunkMap map = hole(sizeBytes, block);
    for (int i = 0; i < map.count(); i++) {
      map.set(i, address(blob, startBlock + ((long) i << map.chunkBits - block.bits())));
    }
    return map;
  }

  private static long count(long sizeBytes, int chunkBits) {
    return (sizeBytes - 1 >>> chunkBits) + 1;
  }

  static long address(int blob, long block) {
    return (long) blob << BLOB_SHIFT | block;
  }

  static int blob(long address) {
    return (int) (address >>> BLOB_SHIFT);
  }

  static long block(long address) {
    return address & (1L << BLOB_SHIFT) - 1;
  }

  /**
   * Whether a chunk at {@code address} would have the block after the {@code blocksBefore} of the
   * chunk before it, in another blob. Linux joins reads of blocks that follow one another by their
   * numbers, and where blobs are block devices does not look whether the device is the same.
   */
  static boolean continuesOtherBlob(long before, long blocksBefore, long address) {
    return before != HOLE
        && address != HOLE
        && blob(address) != blob(before)
        && block(address) == block(before) + blocksBefore;
  }

  void set(int chunk, long address) {
    addresses[chunk] = address;
  }

  int chunkBits() {
    return chunkBits;
  }

  int count() {
    return addresses.length;
  }

  long address(int chunk) {
    return addresses[chunk];
  }

  /** Whether there is no hole. */
  boolean isFull() {
    for (long address : addresses) {
      if (address == HOLE) {
        return false;
      }
    }
    return true;
  }

  /** Makes chunks as large as the data's neighbourhood allows, so that the map gets shorter. */
  void merge() {
    while (addresses.length > 1
        && chunkBits < block.bits() + MAX_BITS_MORE
        && pairsAreNeighbours()) {
      long[] merged = new long[(addresses.length + 1) / 2];
      for (int i = 0; i < merged.length; i++) {
        merged[i] = addresses[2 * i];
      }
      addresses = merged;
      chunkBits++;
    }
  }

  private boolean pairsAreNeighbours() {
    long step = 1L << chunkBits - block.bits();
    for (int i = 0; i + 1 < addresses.length; i += 2) {
      long first = addresses[i];
      long wanted = first == HOLE ? HOLE : first + step;
      if (addresses[i + 1] != wanted) {
        return false;
      }
    }
    return true;
  }
}
