package dev.aquifer.codec;

import java.util.Arrays;

/**
 * LZ4 as fast as it goes: takes the first match it meets, which a table of hashes proposes, and
 * looks at fewer and fewer positions while there is none.
 */
final class Lz4FastCompressor extends Lz4Compressor {
  private static final int HASH_BITS = 13;

  /** Of 5 bytes. */
  private static final long HASH_FACTOR = 889523592379L << 24;

  /** After so many positions without a match, in powers of two, steps grow by one. */
  private static final int PATIENCE = 6;

  /** Where a hash was last seen: a position of the block, from {@link #first} on. */
  private final int[] table = new int[1 << HASH_BITS];

  /** Grows with each block, so that what others left in the table is older than the block. */
  private int first = 1;

  /** Where the match starts that {@link #search} found. */
  private int matchStart;

  Lz4FastCompressor() {
    super(0);
  }

  @Override
  int encode(int start, int end) {
    if (first > Integer.MAX_VALUE - 2 * MAX_DECODED_BYTES) {
      Arrays.fill(table, 0);
      first = 1;
    }
    int anchor = sequences(in, start, end);
    first += end - start;
    return putLastLiterals(anchor, end);
  }

  private static int hash(long bytes) {
    return (int) (bytes * HASH_FACTOR >>> Long.SIZE - HASH_BITS);
  }

  /** Puts sequences while there are matches and room; returns where the last one ends. */
  private int sequences(byte[] in, int start, int end) {
    int[] table = this.table;
    int base = first - start;
    int lastStart = end - LAST_MATCH;
    int lastEnd = end - LAST_LITERALS;
    int anchor = start;
    if (lastStart <= start) {
      return anchor;
    }
    table[hash((long) LONG.get(in, start))] = base + start;
    int at = start + 1;
    while (true) {
      int found = search(in, at, lastStart, base, start);
      if (found < 0) {
        return anchor;
      }
      at = found;
      int match = matchStart;
      while (at > anchor && match > start && in[at - 1] == in[match - 1]) {
        at--;
        match--;
      }
      do {
        int length = matchEnd(in, at + MIN_MATCH, match + MIN_MATCH, lastEnd) - at;
        int put = putSequence(anchor, at - anchor, at - match, length);
        if (put == 0) {
          return anchor;
        }
        at += put;
        anchor = at;
        if (put < length || at > lastStart) {
          return anchor;
        }
        table[hash((long) LONG.get(in, at - 2))] = base + at - 2;
        long here = (long) LONG.get(in, at);
        int hash = hash(here);
        match = table[hash] - base;
        table[hash] = base + at;
      } while (match >= start
          && at - match <= MAX_DISTANCE
          && (int) INT.get(in, match) == (int) INT.get(in, at));
      at++;
    }
  }

  /** Returns where there is a match of at least 4 bytes, from {@code from} on; -1 if nowhere. */
  private int search(byte[] in, int from, int lastStart, int base, int start) {
    int[] table = this.table;
    int at = from;
    int tries = 1 << PATIENCE;
    while (at <= lastStart) {
      long here = (long) LONG.get(in, at);
      int hash = hash(here);
      int match = table[hash] - base;
      table[hash] = base + at;
      if (match >= start && at - match <= MAX_DISTANCE && (int) INT.get(in, match) == (int) here) {
        matchStart = match;
        return at;
      }
      at += tries++ >>> PATIENCE;
    }
    return -1;
  }
}
