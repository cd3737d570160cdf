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

  /** Where a hash was last seen, as {@link #base} and its position. */
  private final int[] table = new int[1 << HASH_BITS];

  /** Grows with each block, so that what others left in the table is older than the block. */
  private int base = 1;

  /** Where the match starts that {@link #search} found. */
  private int matchStart;

  Lz4FastCompressor() {
    super(0);
  }

  @Override
  int encode(int end) {
    if (base > Integer.MAX_VALUE - 2 * MAX_DECODED_BYTES) {
      Arrays.fill(table, 0);
      base = 1;
    }
    int anchor = sequences(in, end - LAST_MATCH, end - LAST_LITERALS, base);
    base += end;
    return putLastLiterals(anchor, end);
  }

  private static int hash(long bytes) {
    return (int) (bytes * HASH_FACTOR >>> Long.SIZE - HASH_BITS);
  }

  /** Puts sequences while there are matches and room; returns where the last one ends. */
  private int sequences(byte[] in, int lastStart, int lastEnd, int base) {
    int[] table = this.table;
    int anchor = 0;
    if (lastStart <= 0) {
      return anchor;
    }
    table[hash((long) LONG.get(in, 0))] = base;
    int at = 1;
    while (true) {
      int found = search(in, at, lastStart, base);
      if (found < 0) {
        return anchor;
      }
      at = found;
      int match = matchStart;
      while (at > anchor && match > 0 && in[at - 1] == in[match - 1]) {
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
      } while (match >= 0
          && at - match <= MAX_DISTANCE
          && (int) INT.get(in, match) == (int) INT.get(in, at));
      at++;
    }
  }

  /** Returns where there is a match of at least 4 bytes, from {@code at} on; -1 if nowhere. */
  private int search(byte[] in, int start, int lastStart, int base) {
    int[] table = this.table;
    int at = start;
    int tries = 1 << PATIENCE;
    while (at <= lastStart) {
      long here = (long) LONG.get(in, at);
      int hash = hash(here);
      int match = table[hash] - base;
      table[hash] = base + at;
      if (match >= 0 && at - match <= MAX_DISTANCE && (int) INT.get(in, match) == (int) here) {
        matchStart = match;
        return at;
      }
      at += tries++ >>> PATIENCE;
    }
    return -1;
  }
}
