package dev.aquifer.codec;

import java.util.Arrays;

/**
 * Cuts an LZMA stream with {@code lc=3 lp=0 pb=2} after the last symbol with which it fits.
 *
 * <p>A range coder's stream is one long number {@code low}, which grows with each symbol. A decoder
 * holds what the stream is above {@code low}, its {@code code}; whoever stops after a symbol wants
 * it to be 0. So this goes through the stream as a decoder does, and where it stops subtracts the
 * code from the bytes until there:
 *
 * <pre>
 *   stream  [ 00 | ............ c0 c1 c2 c3 ][ not read ]
 *                               less the code ^ end
 * </pre>
 *
 * <p>What comes out is byte for byte what an encoder would have made that flushed after this
 * symbol.
 */
final class LzmaCut {
  private static final int TOP = 24;
  private static final int PROBABILITY_BITS = 11;
  private static final short HALF = 1 << PROBABILITY_BITS - 1;
  private static final int SHIFT = 5;

  private static final int LITERAL_BITS = 3;
  private static final int POSITIONS = 4;
  private static final int LITERAL_SIZE = 0x300;
  private static final int STATES = 12;

  /** From this state on, what came last was no literal. */
  private static final int FIRST_MATCH_STATE = 7;

  private static final int MIN_MATCH = 2;
  private static final int LENGTH_STATES = 4;
  private static final int SLOT_BITS = 6;
  private static final int FIRST_MODEL_SLOT = 4;
  private static final int FIRST_DIRECT_SLOT = 14;
  private static final int ALIGN_BITS = 4;

  /** A coder of lengths: two choices, then 8 low and 8 middle ones a position, then 256. */
  private static final int LOW = 2;

  private static final int MIDDLE = LOW + (POSITIONS << 3);
  private static final int HIGH = MIDDLE + (POSITIONS << 3);
  private static final int LENGTH_SIZE = HIGH + 256;

  private final short[] isMatch = new short[STATES * POSITIONS];
  private final short[] isRep = new short[STATES];
  private final short[] isRep0 = new short[STATES];
  private final short[] isRep1 = new short[STATES];
  private final short[] isRep2 = new short[STATES];
  private final short[] isRep0Long = new short[STATES * POSITIONS];
  private final short[] slots = new short[LENGTH_STATES << SLOT_BITS];
  private final short[] special = new short[128];
  private final short[] align = new short[1 << ALIGN_BITS];
  private final short[] lengths = new short[LENGTH_SIZE];
  private final short[] repLengths = new short[LENGTH_SIZE];
  private final short[] literals = new short[LITERAL_SIZE << LITERAL_BITS];

  private byte[] stream = {};
  private int read;
  private int range;
  private int code;

  private int state;
  private int rep0;
  private int rep1;
  private int rep2;
  private int rep3;

  private int streamBytes;

  /**
   * Cuts {@code stream}, which goes on for at least one symbol beyond {@code limit}.
   *
   * @param plain what it was made from
   * @param length how much of that there is
   * @return how many bytes it decodes to now; {@link #streamBytes} says how long it is
   */
  int cut(byte[] stream, byte[] plain, int length, int limit) {
    start(stream);
    int position = 0;
    int end = 0;
    int endRead = 0;
    int endCode = 0;
    while (read <= limit) {
      end = position;
      endRead = read;
      endCode = code;
      if (position == length) {
        break;
      }
      position = symbol(plain, position);
    }
    subtract(endRead, endCode);
    streamBytes = endRead;
    return end;
  }

  int streamBytes() {
    return streamBytes;
  }

  private void start(byte[] stream) {
    this.stream = stream;
    for (short[] probabilities :
        new short[][] {
          isMatch,
          isRep,
          isRep0,
          isRep1,
          isRep2,
          isRep0Long,
          slots,
          special,
          align,
          lengths,
          repLengths,
          literals
        }) {
      Arrays.fill(probabilities, HALF);
    }
    state = 0;
    rep0 = 0;
    rep1 = 0;
    rep2 = 0;
    rep3 = 0;
    range = -1;
    code = 0;
    read = 1;
    for (int i = 0; i < Integer.BYTES; i++) {
      code = code << Byte.SIZE | stream[read++] & 0xff;
    }
  }

  private void subtract(int end, int value) {
    long borrow = value & 0xffff_ffffL;
    for (int i = end - 1; i >= 0 && borrow != 0; i--) {
      long left = (stream[i] & 0xff) - (borrow & 0xff);
      stream[i] = (byte) left;
      borrow = (borrow >>> Byte.SIZE) + (left < 0 ? 1 : 0);
    }
  }

  /** Decodes one symbol; returns the position after it. */
  private int symbol(byte[] plain, int position) {
    int place = position & POSITIONS - 1;
    if (bit(isMatch, state * POSITIONS + place) == 0) {
      literal(plain, position);
      return position + 1;
    }
    int length;
    if (bit(isRep, state) == 0) {
      rep3 = rep2;
      rep2 = rep1;
      rep1 = rep0;
      state = state < FIRST_MATCH_STATE ? 7 : 10;
      length = length(lengths, place);
      rep0 = distance(length);
      return position + length;
    }
    if (bit(isRep0, state) == 0) {
      if (bit(isRep0Long, state * POSITIONS + place) == 0) {
        state = state < FIRST_MATCH_STATE ? 9 : 11;
        return position + 1;
      }
    } else {
      int distance;
      if (bit(isRep1, state) == 0) {
        distance = rep1;
      } else {
        if (bit(isRep2, state) == 0) {
          distance = rep2;
        } else {
          distance = rep3;
          rep3 = rep2;
        }
        rep2 = rep1;
      }
      rep1 = rep0;
      rep0 = distance;
    }
    state = state < FIRST_MATCH_STATE ? 8 : 11;
    return position + length(repLengths, place);
  }

  private void literal(byte[] plain, int position) {
    int before = position == 0 ? 0 : plain[position - 1] & 0xff;
    int base = LITERAL_SIZE * (before >>> Byte.SIZE - LITERAL_BITS);
    int symbol = 1;
    if (state >= FIRST_MATCH_STATE) {
      int match = plain[position - rep0 - 1] & 0xff;
      int offset = 0x100;
      while (symbol < 0x100) {
        match <<= 1;
        int matchBit = match & offset;
        int bit = bit(literals, base + offset + matchBit + symbol);
        symbol = symbol << 1 | bit;
        offset &= bit == 0 ? ~matchBit : matchBit;
      }
    } else {
      while (symbol < 0x100) {
        symbol = symbol << 1 | bit(literals, base + symbol);
      }
    }
    state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
  }

  private int length(short[] probabilities, int place) {
    if (bit(probabilities, 0) == 0) {
      return MIN_MATCH + tree(probabilities, LOW + (place << 3), 3);
    }
    if (bit(probabilities, 1) == 0) {
      return MIN_MATCH + 8 + tree(probabilities, MIDDLE + (place << 3), 3);
    }
    return MIN_MATCH + 16 + tree(probabilities, HIGH, 8);
  }

  private int distance(int length) {
    int lengthState = Math.min(length - MIN_MATCH, LENGTH_STATES - 1);
    int slot = tree(slots, lengthState << SLOT_BITS, SLOT_BITS);
    if (slot < FIRST_MODEL_SLOT) {
      return slot;
    }
    int bits = (slot >>> 1) - 1;
    int distance = (2 | slot & 1) << bits;
    if (slot < FIRST_DIRECT_SLOT) {
      return distance + reverseTree(special, distance - slot, bits);
    }
    return distance + (direct(bits - ALIGN_BITS) << ALIGN_BITS) + reverseTree(align, 0, ALIGN_BITS);
  }

  private int tree(short[] probabilities, int base, int bits) {
    int symbol = 1;
    for (int i = 0; i < bits; i++) {
      symbol = symbol << 1 | bit(probabilities, base + symbol);
    }
    return symbol - (1 << bits);
  }

  private int reverseTree(short[] probabilities, int base, int bits) {
    int symbol = 1;
    int result = 0;
    for (int i = 0; i < bits; i++) {
      int bit = bit(probabilities, base + symbol);
      symbol = symbol << 1 | bit;
      result |= bit << i;
    }
    return result;
  }

  private int direct(int bits) {
    int result = 0;
    for (int i = 0; i < bits; i++) {
      range >>>= 1;
      int bit = Integer.compareUnsigned(code, range) < 0 ? 0 : 1;
      if (bit != 0) {
        code -= range;
      }
      result = result << 1 | bit;
      normalize();
    }
    return result;
  }

  private int bit(short[] probabilities, int index) {
    int probability = probabilities[index];
    int bound = (range >>> PROBABILITY_BITS) * probability;
    int bit;
    if (Integer.compareUnsigned(code, bound) < 0) {
      range = bound;
      probabilities[index] += (short) ((1 << PROBABILITY_BITS) - probability >>> SHIFT);
      bit = 0;
    } else {
      range -= bound;
      code -= bound;
      probabilities[index] -= (short) (probability >>> SHIFT);
      bit = 1;
    }
    normalize();
    return bit;
  }

  /** At once after each bit, as encoders do, so that what has been read is what one would write. */
  private void normalize() {
    if (range >>> TOP == 0) {
      range <<= Byte.SIZE;
      code = code << Byte.SIZE | stream[read++] & 0xff;
    }
  }
}
