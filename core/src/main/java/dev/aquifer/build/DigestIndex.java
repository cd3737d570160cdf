package dev.aquifer.build;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A number for each thing that is known, by a key of 32 bytes, mostly the SHA-256 of its bytes:
 * where a chunk lies, which attribute it is. Primitive arrays, about 50 bytes a thing, since an
 * image may have millions. Used by one thread.
 */
final class DigestIndex {
  /** What {@link #find} returns for what is not known. */
  static final long ABSENT = -1;

  /** The length of a digest in longs. */
  static final int DIGEST_LONGS = 4;

  private static final int PAGE_BITS = 12;
  private static final int PAGE_ENTRIES = 1 << PAGE_BITS;
  private static final int ENTRY_LONGS = 5;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;
  private static final int FIRST_SLOTS = 1 << 14;

  /** Pages of entries: the digest as four longs, and the number. */
  private final List<long[]> pages = new ArrayList<>();

  /** Index of an entry plus one, or 0; open addressing, at most half full. */
  private int[] slots = new int[FIRST_SLOTS];

  private int count;

  /** Writes the 32 bytes of {@code digest} to {@code dst} as the other methods take them. */
  static void toLongs(byte[] digest, long[] dst, int offset) {
    MemorySegment words = MemorySegment.ofArray(digest);
    for (int i = 0; i < DIGEST_LONGS; i++) {
      dst[offset + i] = words.get(LONG, (long) i * Long.BYTES);
    }
  }

  /** The number of what has the digest at {@code offset} in longs, or {@link #ABSENT}. */
  long find(long[] digests, int offset) {
    int slot = slotOf(digests, offset);
    return slots[slot] == 0 ? ABSENT : page(slots[slot] - 1)[at(slots[slot] - 1) + DIGEST_LONGS];
  }

  /** Notes a number of 0 or more; the first number of a digest stays. */
  void put(long[] digests, int offset, long number) {
    int slot = slotOf(digests, offset);
    if (slots[slot] != 0) {
      return;
    }
    if ((count & PAGE_ENTRIES - 1) == 0) {
      pages.add(new long[PAGE_ENTRIES * ENTRY_LONGS]);
    }
    long[] page = page(count);
    System.arraycopy(digests, offset, page, at(count), DIGEST_LONGS);
    page[at(count) + DIGEST_LONGS] = number;
    count++;
    slots[slot] = count;
    if (count > slots.length / 2) {
      grow();
    }
  }

  private int slotOf(long[] digests, int offset) {
    int mask = slots.length - 1;
    // The digest is uniform: any of its bits are a good hash.
    int slot = (int) digests[offset] & mask;
    while (slots[slot] != 0) {
      int entry = slots[slot] - 1;
      int at = at(entry);
      if (Arrays.equals(
          digests, offset, offset + DIGEST_LONGS, page(entry), at, at + DIGEST_LONGS)) {
        break;
      }
      slot = slot + 1 & mask;
    }
    return slot;
  }

  private void grow() {
    int[] larger = new int[slots.length * 2];
    int mask = larger.length - 1;
    for (int entry = 0; entry < count; entry++) {
      int slot = (int) page(entry)[at(entry)] & mask;
      while (larger[slot] != 0) {
        slot = slot + 1 & mask;
      }
      larger[slot] = entry + 1;
    }
    slots = larger;
  }

  private long[] page(int entry) {
    return pages.get(entry >>> PAGE_BITS);
  }

  private static int at(int entry) {
    return (entry & PAGE_ENTRIES - 1) * ENTRY_LONGS;
  }
}
