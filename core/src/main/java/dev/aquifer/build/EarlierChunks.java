package dev.aquifer.build;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * Finds chunks in earlier blobs. A fingerprint, which proves nothing, tells where they may be, and
 * the bytes there are compared. Immutable, 16 bytes a chunk. Safe for use by many threads.
 */
final class EarlierChunks implements ChunkBatch.Finder {
  /** So many chunks are compared of those that have one fingerprint. */
  private static final int MAX_TRIES = 8;

  /** Odd, and without a pattern in its bits. */
  private static final long FACTOR = 0x9e3779b97f4a7c15L;

  private static final long PRINT = 0xffffffff00000000L;

  private final ReusedBlobs blobs;
  private final long[] places;

  /** Fingerprints in the upper half, indexes of places in the lower; sorted. */
  private final long[] index;

  /**
   * Takes what is known of all chunks.
   *
   * @param places where they lie; those first come first
   * @param prints what {@link #print} gave for all of their blocks
   */
  EarlierChunks(ReusedBlobs blobs, long[] places, long[] prints) {
    this.blobs = blobs;
    this.places = places;
    this.index = new long[places.length];
    for (int i = 0; i < places.length; i++) {
      index[i] = prints[i] * FACTOR & PRINT | i;
    }
    Arrays.sort(index);
  }

  /** The CRC-32C of each block. */
  static int[] crcs(MemorySegment blocks) {
    ByteBuffer bytes = blocks.asByteBuffer();
    int[] crcs = new int[(int) BlockSize.USUAL.count(blocks.byteSize())];
    CRC32C crc = new CRC32C();
    for (int i = 0; i < crcs.length; i++) {
      int start = i << ChunkMap.BLOCK_BITS;
      bytes.limit(Math.min(start + BlockSize.USUAL.bytes(), bytes.capacity())).position(start);
      crc.reset();
      crc.update(bytes);
      crcs[i] = (int) crc.getValue();
    }
    return crcs;
  }

  /** A fingerprint, 0 at first, with more blocks: those from {@code from} to before {@code to}. */
  static long print(long before, int[] crcs, int from, int to) {
    long print = before;
    for (int i = from; i < to; i++) {
      print = print * FACTOR + crcs[i];
    }
    return print;
  }

  @Override
  public long find(MemorySegment blocks) throws IOException {
    if (places.length == 0) {
      return DigestIndex.ABSENT;
    }
    int[] crcs = crcs(blocks);
    long print = print(0, crcs, 0, crcs.length) * FACTOR & PRINT;
    int at = Arrays.binarySearch(index, print);
    int first = at < 0 ? -at - 1 : at;
    for (int i = first; i < index.length && i < first + MAX_TRIES; i++) {
      if ((index[i] & PRINT) != print) {
        break;
      }
      long place = places[(int) index[i]];
      if (Place.lengthBytes(place) == blocks.byteSize()
          && blobs.stored(Place.blob(place)).holds(Place.startBytes(place), blocks)) {
        return Place.chunkAddress(place);
      }
    }
    return DigestIndex.ABSENT;
  }
}
