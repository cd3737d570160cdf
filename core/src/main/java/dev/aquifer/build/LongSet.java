package dev.aquifer.build;

import java.util.Arrays;

/** A set of longs that takes 8 to 16 bytes for each. Used by one thread. */
final class LongSet {
  private long[] values = new long[1024];
  private int count;

  void add(long value) {
    if (count == values.length) {
      // Before more room is made: what is there twice shall not need more and more.
      sort();
      if (count > values.length / 2) {
        values = Arrays.copyOf(values, 2 * values.length);
      }
    }
    values[count++] = value;
  }

  private void sort() {
    Arrays.sort(values, 0, count);
    int kept = 0;
    for (int i = 0; i < count; i++) {
      if (i == 0 || values[i] != values[i - 1]) {
        values[kept++] = values[i];
      }
    }
    count = kept;
  }

  /** All values, the smallest first. */
  long[] sorted() {
    sort();
    return Arrays.copyOf(values, count);
  }
}
