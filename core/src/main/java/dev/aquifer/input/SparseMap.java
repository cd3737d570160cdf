package dev.aquifer.input;

import java.util.Arrays;

/**
 * Which pieces of a file with holes are stored, one after the other. Sorted, apart from each other,
 * none empty.
 */
final class SparseMap {
  private final long[] starts;
  private final long[] ends;

  /** Where a piece begins in what is stored. */
  private final long[] offsets;

  private SparseMap(long[] starts, long[] ends, long[] offsets) {
    this.starts = starts;
    this.ends = ends;
    this.offsets = offsets;
  }

  /**
   * Makes a map of position and length of each piece, in turn; pieces of length 0 are left out.
   *
   * @throws IllegalArgumentException if they overlap, are out of order, or end beyond {@code
   *     sizeBytes}; the message says which
   */
  static SparseMap of(long[] pieces, long sizeBytes) {
    int count = pieces.length / 2;
    long[] starts = new long[count];
    long[] ends = new long[count];
    long[] offsets = new long[count];
    int used = 0;
    long before = 0;
    long offset = 0;
    for (int i = 0; i < count; i++) {
      long start = pieces[2 * i];
      long length = pieces[2 * i + 1];
      if (start < before || length < 0 || start > sizeBytes - length) {
        throw new IllegalArgumentException(
            "its piece %d of %d bytes at %d lies before byte %d or ends beyond its %d bytes"
                .formatted(i + 1, length, start, before, sizeBytes));
      }
      before = start + length;
      if (length > 0) {
        starts[used] = start;
        ends[used] = before;
        offsets[used] = offset;
        used++;
        offset += length;
      }
    }
    return new SparseMap(
        Arrays.copyOf(starts, used), Arrays.copyOf(ends, used), Arrays.copyOf(offsets, used));
  }

  /** How much is stored. */
  long storedBytes() {
    int last = starts.length - 1;
    return last < 0 ? 0 : offsets[last] + ends[last] - starts[last];
  }

  int count() {
    return starts.length;
  }

  long start(int piece) {
    return starts[piece];
  }

  long end(int piece) {
    return ends[piece];
  }

  long offset(int piece) {
    return offsets[piece];
  }

  /** The first piece that ends after {@code positionBytes}; {@link #count} if none does. */
  int pieceAfter(long positionBytes) {
    int found = Arrays.binarySearch(ends, positionBytes);
    return found >= 0 ? found + 1 : -found - 1;
  }
}
