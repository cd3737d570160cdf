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

  private static final long FINGERPRINT_MASK = 0xffffffff00000000L;

  private final ReusedBlobs blobs;
  private final long[] places;

  /** Fingerprints in the upper half, indexes of places in the lower; sorted. */
  private final long[] index;

  /**
   * Takes what is known of all chunks.
   *
   * @param places where they lie; those first come first
   * @param fingerprints what {@link #fingerprint} gave for all of their blocks
   */
  EarlierChunks(ReusedBlobs blobs, long[] places, long[] fingerprints) {
    this.blobs = blobs;
    this.places = places;
    this.index = new long[places.length];
    for (int i = 0; i < places.length; i++) {
      index[i] = fingerprints[i] * FACTOR & FINGERPRINT_MASK | i;
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
  static long fingerprint(long before, int[] crcs, int from, int to) {
    long fingerprint = before;
    for (int i = from; i < to; i++) {
      fingerprint = fingerprint * FACTOR + crcs[i];
    }
    return fingerprint;
  }

  @Override
  public long find(MemorySegment blocks) throws IOException {
    if (places.length == 0) {
      return DigestIndex.ABSENT;
    }
    int[] crcs = crcs(blocks);
    long fingerprint = fingerprint(0, crcs, 0, crcs.length) * FACTOR & FINGERPRINT_MASK;
    int at = Arrays.binarySearch(index, fingerprint);
    int first = at < 0 ? -at - 1 : at;
    for (int i = first; i < index.length && i < first + MAX_TRIES; i++) {
      if ((index[i] & FINGERPRINT_MASK) != fingerprint) {
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
