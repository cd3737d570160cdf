package dev.aquifer.build;

import java.util.ArrayList;
import java.util.List;

/**
 * A mark for each chunk that was seen, by half of a SHA-256: two longs. Primitive arrays, about 30
 * bytes a chunk, since there may be tens of millions. Used by one thread.
 */
final class SeenChunks {
  private static final int PAGE_BITS = 12;
  private static final int PAGE_ENTRIES = 1 << PAGE_BITS;
  private static final int FIRST_SLOTS = 1 << 10;

  /** Pages of digests, two longs each. */
  private final List<long[]> digests = new ArrayList<>();

  /** Pages of marks. */
  private final List<int[]> marks = new ArrayList<>();

  /** Index of an entry plus one, or 0; open addressing, at most three quarters full. */
  private int[] slots = new int[FIRST_SLOTS];

  private int count;

  /** The number of a chunk's entry, which is made with the mark 0 if there is none. */
  int entry(long first, long second) {
    int slot = slotOf(first, second);
    if (slots[slot] != 0) {
      return slots[slot] - 1;
    }
    if (count == slots.length / 4 * 3) {
      grow();
      slot = slotOf(first, second);
    }
    if ((count & PAGE_ENTRIES - 1) == 0) {
      digests.add(new long[2 * PAGE_ENTRIES]);
      marks.add(new int[PAGE_ENTRIES]);
    }
    long[] page = digests.getLast();
    int at = count & PAGE_ENTRIES - 1;
    page[2 * at] = first;
    page[2 * at + 1] = second;
    slots[slot] = count + 1;
    return count++;
  }

  int mark(int entry) {
    return marks.get(entry >>> PAGE_BITS)[entry & PAGE_ENTRIES - 1];
  }

  void mark(int entry, int mark) {
    marks.get(entry >>> PAGE_BITS)[entry & PAGE_ENTRIES - 1] = mark;
  }

  private int slotOf(long first, long second) {
    int mask = slots.length - 1;
    // The digest is uniform: any of its bits are a good hash.
    int slot = (int) first & mask;
    while (slots[slot] != 0 && !has(slots[slot] - 1, first, second)) {
      slot = slot + 1 & mask;
    }
    return slot;
  }

  private boolean has(int entry, long first, long second) {
    long[] page = digests.get(entry >>> PAGE_BITS);
    int at = 2 * (entry & PAGE_ENTRIES - 1);
    return page[at] == first && page[at + 1] == second;
  }

  private void grow() {
    // The entries say all: the smaller table need not be there beside the larger one.
    int size = slots.length * 2;
    slots = new int[0];
    slots = new int[size];
    int mask = size - 1;
    for (int entry = 0; entry < count; entry++) {
      int slot = (int) digests.get(entry >>> PAGE_BITS)[2 * (entry & PAGE_ENTRIES - 1)] & mask;
      while (slots[slot] != 0) {
        slot = slot + 1 & mask;
      }
      slots[slot] = entry + 1;
    }
  }
}
