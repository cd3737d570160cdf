package dev.aquifer.build;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Where each chunk that is known lies, by the SHA-256 of its bytes. Primitive arrays, about 50
 * bytes a chunk, since an image may have millions. Used by one thread.
 */
final class ChunkIndex {
  /** What {@link #find} returns for a chunk that is not known. */
  static final long ABSENT = -1;

  private static final int PAGE_BITS = 12;
  private static final int PAGE_ENTRIES = 1 << PAGE_BITS;
  private static final int ENTRY_LONGS = 5;
  private static final int DIGEST_LONGS = 4;
  private static final int FIRST_SLOTS = 1 << 14;

  /** Pages of entries: the digest as four longs, and the address. */
  private final List<long[]> pages = new ArrayList<>();

  /** Index of an entry plus one, or 0; open addressing, at most half full. */
  private int[] slots = new int[FIRST_SLOTS];

  private int count;

  /** The address of the chunk whose digest is at {@code offset} in longs, or {@link #ABSENT}. */
  long find(long[] digests, int offset) {
    int slot = slotOf(digests, offset);
    return slots[slot] == 0 ? ABSENT : page(slots[slot] - 1)[at(slots[slot] - 1) + DIGEST_LONGS];
  }

  /** Notes the address of a chunk; the first address of a chunk stays. */
  void put(long[] digests, int offset, long address) {
    int slot = slotOf(digests, offset);
    if (slots[slot] != 0) {
      return;
    }
    if ((count & PAGE_ENTRIES - 1) == 0) {
      pages.add(new long[PAGE_ENTRIES * ENTRY_LONGS]);
    }
    long[] page = page(count);
    System.arraycopy(digests, offset, page, at(count), DIGEST_LONGS);
    page[at(count) + DIGEST_LONGS] = address;
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
