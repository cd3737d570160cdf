package dev.aquifer.build;

import dev.aquifer.image.DataLayout;
import java.io.IOException;
import java.util.Arrays;

/**
 * Chooses the size of chunk in which a large file is searched for equal data. Larger chunks make
 * its map in the bootstrap shorter; but every piece of data between holes fills its last chunk with
 * zeros, so that a file of many holes is better off with smaller ones.
 */
final class ChunkSize {
  /** The largest chunk: as much is read at once. */
  private static final int MAX_BITS = 26;

  /** A file's map shall not have more entries than this if larger chunks avoid it. */
  private static final int FAVOURED_COUNT = 1 << 18;

  private static final long MAX_COUNT = 1 << 24;

  /**
   * What a byte of the map weighs against one of the blob: every mount fetches the map, and nobody
   * compresses it.
   */
  private static final int MAP_WEIGHT = 8;

  private final long sizeBytes;
  private final int minBits;
  private final int maxBits;

  /** How many chunks of each size from minBits on have data. */
  private final long[] chunks;

  /** The last chunk of each size that has data. */
  private final long[] last;

  /**
   * For a file of {@code sizeBytes}, before its data is known.
   *
   * @param dedupeChunkBits the size of chunk that is used for smaller files
   */
  ChunkSize(long sizeBytes, int dedupeChunkBits) {
    this.sizeBytes = sizeBytes;
    this.minBits = dedupeChunkBits;
    int bits = dedupeChunkBits;
    while (bits < MAX_BITS && count(bits) > FAVOURED_COUNT) {
      bits++;
    }
    this.maxBits = bits;
    this.chunks = new long[maxBits - minBits + 1];
    this.last = new long[chunks.length];
    Arrays.fill(last, -1);
  }

  /**
   * A chunk of {@code file} has 2^bits bytes; -1 if the file is too large for any. The data is
   * looked for only where that matters.
   *
   * @param dedupeChunkBits the size of chunk that is used for smaller files
   */
  static int bits(SourceFile file, long sizeBytes, int dedupeChunkBits) throws IOException {
    ChunkSize chunkSize = new ChunkSize(sizeBytes, dedupeChunkBits);
    if (chunkSize.dependsOnData()) {
      long to;
      for (long from = file.nextData(0); from < sizeBytes; from = file.nextData(to)) {
        to = endOfData(file, from);
        chunkSize.addData(from, to);
      }
    }
    return chunkSize.bits();
  }

  /** The end of the data that starts at {@code from}. */
  static long endOfData(SourceFile file, long from) throws IOException {
    return Math.max(file.nextHole(from), from + 1);
  }

  /** What is said of a file that is too large for any chunks. */
  static IOException tooLarge(SourceTree source, Node file) {
    return new IOException(
        "%s: %s: %d bytes with data: expected at most 1 PiB, or nothing but a hole"
            .formatted(source.name(), file.entry, file.sizeBytes()));
  }

  /** Whether {@link #bits} depends on where the data is. */
  boolean dependsOnData() {
    return maxBits > minBits;
  }

  /** Tells of data at {@code [from, to)}, not empty and behind what was told before. */
  void addData(long from, long to) {
    for (int i = 0; i < chunks.length; i++) {
      long lastChunk = to - 1 >>> minBits + i;
      chunks[i] += lastChunk - Math.max(from >>> minBits + i, last[i] + 1) + 1;
      last[i] = lastChunk;
    }
  }

  /** A chunk has 2^bits bytes; -1 if the file is too large for any. */
  int bits() {
    if (count(maxBits) > MAX_COUNT) {
      return -1;
    }
    int best = maxBits;
    for (int bits = maxBits - 1; bits >= minBits && count(bits) <= MAX_COUNT; bits--) {
      if (cost(bits) < cost(best)) {
        best = bits;
      }
    }
    return best;
  }

  private long count(int bits) {
    return (sizeBytes - 1 >>> bits) + 1;
  }

  private long cost(int bits) {
    long mapBytes = count(bits) * DataLayout.ChunkBased.INDEX_BYTES;
    return MAP_WEIGHT * mapBytes + (chunks[bits - minBits] << bits);
  }
}
