package dev.aquifer.codec;

import java.util.Arrays;

/**
 * LZ4 as small as it gets: the cheapest way to each position, among all that literals and the
 * longest matches lead to. As the price of every position is known in bytes, the last one that is
 * within the block's size is where the block ends.
 *
 * <pre>
 *   in   [ put | literals to put ][ window, priced   ][ not looked at ]
 *              ^ anchor           ^ start     ^ at   ^ stop
 * </pre>
 *
 * <p>What the level says is how many earlier places with the same hash are looked at, and from
 * which length on a match is taken at once.
 */
final class Lz4HighCompressor extends Lz4Compressor {
  private static final int HASH_BITS = 15;
  private static final int HASH_FACTOR = 0x9e3779b1;
  private static final int DISTANCES = 1 << 16;

  /** So many positions are priced before the best way to them is put. */
  private static final int WINDOW = 1 << 14;

  /** A token and a distance. */
  private static final int MATCH_PRICE = 3;

  /** A position may be cheaper than the one before it, but never by so much. */
  private static final int PRICE_SLACK = 8;

  /** With a match of this length already, a longer one is worth less searching. */
  private static final int GOOD = 12;

  /** By level: about as small as liblz4 of the same level, where 0 means 9. */
  private static final int[] ATTEMPTS = {96, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 1024};

  private static final int[] ENOUGH = {64, 32, 32, 48, 48, 48, 48, 64, 64, 64, 128, 256, 1024};

  private final int attempts;
  private final int enough;

  /** Where a hash was last seen: a position of the block, from {@link #first} on. */
  private final int[] heads = new int[1 << HASH_BITS];

  /** For each of these, where its hash was seen before, the same way. */
  private final int[] before = new int[DISTANCES];

  /** Grows with each block, so that what others left is older than the block. */
  private int first = 1;

  /** What makes such numbers of positions of the piece. */
  private int base;

  /** Where the block begins in the piece. */
  private int blockStart;

  /** Of the positions from {@link #start} on: the bytes before them, at best. */
  private final int[] prices;

  /** How many literals come right before them, on the best way. */
  private final int[] runs;

  /** The length of the match that the best way comes by; 0 for a literal. */
  private final int[] lengths;

  private final int[] distances;

  /** Positions after matches, the last one first. */
  private final int[] way = new int[WINDOW / MIN_MATCH + 1];

  private int start;
  private int anchor;
  private boolean isFull;

  /** What {@link #find} found. */
  private int matchLength;

  private int matchDistance;

  /** What the position costs where the match was last priced. */
  private int matchPrice;

  Lz4HighCompressor(int level) {
    super(ENOUGH[level]);
    attempts = ATTEMPTS[level];
    enough = ENOUGH[level];
    int size = WINDOW + enough + 1;
    prices = new int[size];
    runs = new int[size];
    lengths = new int[size];
    distances = new int[size];
  }

  @Override
  int encode(int from, int end) {
    if (first > Integer.MAX_VALUE - 2 * MAX_DECODED_BYTES) {
      Arrays.fill(heads, 0);
      first = 1;
    }
    base = first - from;
    blockStart = from;
    start = from;
    anchor = from;
    isFull = false;
    while (start < end && !isFull) {
      start = window(end);
    }
    first += end - from;
    return putLastLiterals(anchor, end);
  }

  /** Prices the next positions and puts the best way to the last; returns where to go on. */
  private int window(int end) {
    int stop = Math.min(end, start + WINDOW);
    int pending = start - anchor;
    prices[0] = out() + pending + moreBytes(pending);
    runs[0] = pending;
    lengths[0] = 0;
    matchLength = 0;
    int reached = 0;
    for (int at = start; at < stop; at++) {
      int k = at - start;
      if (prices[k] >= limit() + PRICE_SLACK) {
        return fill(at, end);
      }
      reached = literal(k, reached);
      if (at > end - LAST_MATCH) {
        continue;
      }
      boolean isNew = find(at, end - LAST_LITERALS);
      if (matchLength >= enough && prices[k] + MATCH_PRICE + LAST_MATCH < limit()) {
        return take(at, end);
      }
      // The rest of an earlier match leads nowhere new, unless it became cheaper to get here.
      if (matchLength >= MIN_MATCH && (isNew || prices[k] < matchPrice)) {
        matchPrice = prices[k];
        reached = match(k, Math.min(matchLength, enough), reached);
      }
    }
    if (prices[stop - start] + 1 > limit()) {
      return fill(stop, end);
    }
    put(stop);
    return stop;
  }

  private int literal(int k, int reached) {
    int run = runs[k] + 1;
    int price = prices[k] + 1;
    if (run >= MORE && (run - MORE) % 255 == 0) {
      price++;
    }
    if (k == reached || price < prices[k + 1]) {
      prices[k + 1] = price;
      runs[k + 1] = run;
      lengths[k + 1] = 0;
    }
    return Math.max(reached, k + 1);
  }

  private int match(int k, int longest, int before) {
    int[] prices = this.prices;
    int reached = before;
    for (; reached < k + longest; ) {
      prices[++reached] = Integer.MAX_VALUE;
    }
    int price = prices[k] + MATCH_PRICE;
    for (int length = longest; length >= MIN_MATCH; length--) {
      int sum = length < MIN_MATCH + MORE ? price : price + moreBytes(length - MIN_MATCH);
      int to = k + length;
      if (sum < prices[to]) {
        prices[to] = sum;
        runs[to] = 0;
        lengths[to] = length;
        distances[to] = matchDistance;
      }
    }
    return reached;
  }

  /** Takes the match that was found at {@code at} without looking at others. */
  private int take(int at, int end) {
    put(at);
    int length = putSequence(anchor, at - anchor, matchDistance, matchLength);
    isFull = length < matchLength;
    if (length > 0) {
      anchor = at + length;
    }
    int last = Math.min(anchor, end - LAST_MATCH);
    for (int i = at + 1; i < last; i++) {
      insert(i);
    }
    return anchor;
  }

  /** Puts the best way to {@code at}, but for the literals before it. */
  private void put(int at) {
    int count = 0;
    for (int k = at - start; k > 0; ) {
      if (lengths[k] == 0) {
        // Some may come from before the window.
        k -= Math.min(k, runs[k]);
      } else {
        way[count++] = k;
        k -= lengths[k];
      }
    }
    while (count > 0 && !isFull) {
      int k = way[--count];
      int from = start + k - lengths[k];
      int length = putSequence(anchor, from - anchor, distances[k], lengths[k]);
      isFull = length < lengths[k];
      if (length > 0) {
        anchor = from + length;
      }
    }
  }

  /** Ends the block as far on as it can, after a match before {@code at} and some literals. */
  private int fill(int at, int end) {
    int best = 0;
    int bestEnd = anchor + fittingLiterals(limit() - 1 - out());
    for (int k = 1; k <= at - start; k++) {
      if (lengths[k] == 0) {
        continue;
      }
      int count = fittingLiterals(limit() - 1 - prices[k]);
      if (count >= Math.max(LAST_LITERALS, LAST_MATCH - lengths[k])
          && Math.min(end, start + k + count) > bestEnd) {
        best = k;
        bestEnd = Math.min(end, start + k + count);
      }
    }
    put(start + best);
    isFull = true;
    return end;
  }

  private void insert(int at) {
    int hash = (int) INT.get(in, at) * HASH_FACTOR >>> Integer.SIZE - HASH_BITS;
    int name = base + at;
    before[name & DISTANCES - 1] = heads[hash];
    heads[hash] = name;
  }

  /**
   * Looks for the longest match at {@code at}, and makes the position known for those that come
   * later.
   *
   * @return whether it is more than the rest of what the position before had
   */
  private boolean find(int at, int end) {
    byte[] in = this.in;
    // What the position before had found goes on here.
    int length = Math.max(matchLength - 1, MIN_MATCH - 1);
    int found = matchLength > MIN_MATCH ? matchDistance : 0;
    boolean isNew = false;
    int four = (int) INT.get(in, at);
    int hash = four * HASH_FACTOR >>> Integer.SIZE - HASH_BITS;
    int base = this.base;
    int candidate = heads[hash];
    before[base + at & DISTANCES - 1] = candidate;
    heads[hash] = base + at;
    int oldest = Math.max(blockStart, at - MAX_DISTANCE);
    if (length < enough) {
      for (int left = length < GOOD ? attempts : attempts / 4 + 1;
          left > 0 && candidate - base >= oldest;
          left--) {
        int from = candidate - base;
        if ((int) INT.get(in, from + length - 3) == (int) INT.get(in, at + length - 3)
            && (int) INT.get(in, from) == four) {
          int reached = matchEnd(in, at + MIN_MATCH, from + MIN_MATCH, end) - at;
          if (reached > length) {
            length = reached;
            isNew = true;
            found = at - from;
            if (length >= enough || at + length >= end) {
              break;
            }
          }
        }
        int next = before[candidate & DISTANCES - 1];
        if (next >= candidate) {
          break;
        }
        candidate = next;
      }
    }
    matchLength = found == 0 ? 0 : length;
    matchDistance = found;
    return isNew;
  }
}
