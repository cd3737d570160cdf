package dev.aquifer.image;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;

/**
 * Native memory that stored and decoded bytes pass through. What is given back is used again; a
 * little of each size is kept, by all images together.
 */
final class Scratch implements AutoCloseable {
  private static final int MIN_BITS = 16;
  private static final int MAX_BITS = 24;
  private static final int MAX_KEPT = 3;

  /** Of what is larger than this, one is kept: 44 MiB in all at most. */
  private static final int LARGE_BITS = 21;

  /** By size; guarded by itself. */
  private static final ArrayDeque<?>[] KEPT = new ArrayDeque<?>[MAX_BITS + 1];

  private final int sizeBits;
  private final MemorySegment memory;

  private Scratch(int sizeBits, MemorySegment memory) {
    this.sizeBits = sizeBits;
    this.memory = memory;
  }

  /** Takes memory of at least {@code lengthBytes}, at most 16 MiB, until it is closed. */
  static Scratch take(long lengthBytes) {
    int bits = Math.max(MIN_BITS, Long.SIZE - Long.numberOfLeadingZeros(lengthBytes - 1));
    synchronized (KEPT) {
      if (KEPT[bits] != null && KEPT[bits].poll() instanceof MemorySegment memory) {
        return new Scratch(bits, memory);
      }
    }
    return new Scratch(bits, Arena.ofAuto().allocate(1L << bits));
  }

  /** The memory, with whatever was left in it. */
  MemorySegment memory() {
    return memory;
  }

  @Override
  public void close() {
    synchronized (KEPT) {
      @SuppressWarnings("unchecked")
      ArrayDeque<MemorySegment> kept = (ArrayDeque<MemorySegment>) KEPT[sizeBits];
      if (kept == null) {
        kept = new ArrayDeque<>();
        KEPT[sizeBits] = kept;
      }
      if (kept.size() < (sizeBits > LARGE_BITS ? 1 : MAX_KEPT)) {
        kept.push(memory);
      }
    }
  }
}
