package dev.aquifer.build;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Cuts data into slices where its content says so: behind a byte where a hash of the 64 bytes
 * before has zeros in its upper bits. Equal data is so cut alike, but for its first and last slice,
 * wherever it lies.
 */
final class SliceCutter {
  private static final int MIN_BITS = 10;
  private static final int MAX_BITS = 20;

  /** A tree is cut into about so many slices, as each one takes some 70 bytes of memory. */
  private static final int SLICES_BITS = 21;

  /** For each byte a number without a pattern: from the generator that is known as SplitMix64. */
  private static final long[] GEAR = new long[256];

  static {
    long state = 0;
    for (int i = 0; i < GEAR.length; i++) {
      state += 0x9e3779b97f4a7c15L;
      long mixed = (state ^ state >>> 30) * 0xbf58476d1ce4e5b9L;
      mixed = (mixed ^ mixed >>> 27) * 0x94d049bb133111ebL;
      GEAR[i] = mixed ^ mixed >>> 31;
    }
  }

  private final long mask;

  /** No slice is shorter, but for the last one of what is cut. */
  private final int minBytes;

  private final int maxBytes;

  private SliceCutter(int bits) {
    this.mask = -1L << Long.SIZE - bits;
    this.minBytes = 1 << bits - 2;
    this.maxBytes = 1 << bits + 3;
  }

  /** One for data of {@code sizeBytes} in all: the more, the longer are slices. */
  static SliceCutter of(long sizeBytes) {
    int log = Long.SIZE - Long.numberOfLeadingZeros(Math.max(sizeBytes, 1) - 1);
    return new SliceCutter(Math.clamp(log - SLICES_BITS, MIN_BITS, MAX_BITS));
  }

  /** Where the slice ends that begins at byte {@code start} of {@code bytes}. */
  int end(MemorySegment bytes, int start) {
    int length = (int) bytes.byteSize();
    int limit = (int) Math.min(length, (long) start + maxBytes);
    long hash = 0;
    for (int at = start + minBytes; at < limit; ) {
      hash = (hash << 1) + GEAR[bytes.get(ValueLayout.JAVA_BYTE, at++) & 0xff];
      if ((hash & mask) == 0) {
        return at;
      }
    }
    return limit;
  }
}
