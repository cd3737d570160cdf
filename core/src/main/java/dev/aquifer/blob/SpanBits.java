package dev.aquifer.blob;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;

/** One bit a span; reads and writes take no lock. */
final class SpanBits {
  private final int count;
  private final AtomicLongArray words;
  private final AtomicInteger setCount = new AtomicInteger();

  SpanBits(int count) {
    this.count = count;
    this.words = new AtomicLongArray(wordsOf(count));
  }

  static int wordsOf(int count) {
    return (count + 63) >>> 6;
  }

  int count() {
    return count;
  }

  int setCount() {
    return setCount.get();
  }

  boolean isFull() {
    return setCount.get() == count;
  }

  boolean get(int index) {
    return (words.get(index >>> 6) & 1L << index) != 0;
  }

  /** Whether all of {@code [first, last]} are set. */
  boolean isAllSet(int first, int last) {
    return nextClear(first) > last;
  }

  /** The first clear bit from {@code from} on; {@link #count} if there is none. */
  int nextClear(int from) {
    return next(from, -1L);
  }

  /** The first set bit from {@code from} on; {@link #count} if there is none. */
  int nextSet(int from) {
    return next(from, 0);
  }

  private int next(int from, long flip) {
    if (from >= count) {
      return count;
    }
    int word = from >>> 6;
    long bits = (words.get(word) ^ flip) & -1L << from;
    while (bits == 0) {
      if (++word == words.length()) {
        return count;
      }
      bits = words.get(word) ^ flip;
    }
    return Math.min(count, (word << 6) + Long.numberOfTrailingZeros(bits));
  }

  /** Returns whether the bit was clear before. */
  boolean set(int index) {
    long bit = 1L << index;
    boolean isNew = (words.getAndAccumulate(index >>> 6, bit, (a, b) -> a | b) & bit) == 0;
    if (isNew) {
      setCount.incrementAndGet();
    }
    return isNew;
  }

  /** Returns whether the bit was set before. */
  boolean clear(int index) {
    long bit = 1L << index;
    boolean wasSet = (words.getAndAccumulate(index >>> 6, ~bit, (a, b) -> a & b) & bit) != 0;
    if (wasSet) {
      setCount.decrementAndGet();
    }
    return wasSet;
  }

  long[] toWords() {
    long[] copy = new long[words.length()];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = words.get(i);
    }
    return copy;
  }

  /** Sets what is set in {@code from}. */
  void addAll(long[] from) {
    for (int i = 0; i < count; i++) {
      if ((from[i >>> 6] & 1L << i) != 0) {
        set(i);
      }
    }
  }
}
