package dev.aquifer.codec;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Cuts a raw DEFLATE stream after the last symbol with which it fits: goes through it as a decoder
 * does, but for the bytes that it stands for. Where it stops, it puts the end of the block, in the
 * block's own code, and makes the block the last one.
 *
 * <pre>
 *   stream  [ block ][ header, codes | symbols        | symbols not read ]
 *                    ^ last                           ^ end of block
 * </pre>
 */
final class DeflateCut {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int MAX_BITS = 15;
  private static final int LITERALS = 288;
  private static final int DISTANCES = 30;
  private static final int END_OF_BLOCK = 256;
  private static final int MAX_FAST_BITS = 10;
  private static final int STORED = 0;
  private static final int FIXED = 1;
  private static final int STORED_HEADER_BYTES = 4;

  /** In the first byte of a stored block, the lowest bit that means nothing. */
  private static final int PADDING = 8;

  private static final int[] CODE_ORDER = {
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15
  };

  private final int[] lengthBases = new int[29];
  private final int[] lengthBits = new int[29];
  private final int[] distanceBits = new int[DISTANCES];

  private final Code literalCode = new Code();
  private final Code distanceCode = new Code();
  private final Code lengthCode = new Code();
  private final int[] lengths = new int[LITERALS + 32];

  private byte[] stream = {};
  private int size;
  private long at;
  private long limitBits;
  private int position;

  /** The best place to cut: where its block begins, where the cut is, and what is before it. */
  private long bestBlock;

  private long bestAt;
  private int bestPosition;
  private int endCode;
  private int endBits;

  private int streamBytes;

  DeflateCut() {
    int base = 3;
    for (int i = 0; i < 28; i++) {
      lengthBits[i] = i < 8 ? 0 : i / 4 - 1;
      lengthBases[i] = base;
      base += 1 << lengthBits[i];
    }
    lengthBases[28] = 258;
    for (int i = 0; i < DISTANCES; i++) {
      distanceBits[i] = i < 4 ? 0 : i / 2 - 1;
    }
  }

  /**
   * Cuts {@code stream}.
   *
   * @param size how long it is
   * @param limit how long it may be
   * @return how many bytes it decodes to now; {@link #streamBytes} says how long it is. Both are 0
   *     if nothing fits
   */
  int cut(byte[] stream, int size, int limit) {
    this.stream = stream;
    this.size = size;
    at = 0;
    limitBits = (long) limit * Byte.SIZE;
    position = 0;
    bestPosition = 0;
    streamBytes = 0;
    boolean isOn = true;
    while (isOn) {
      isOn = block();
    }
    if (bestPosition > 0) {
      end();
    }
    return bestPosition;
  }

  int streamBytes() {
    return streamBytes;
  }

  /** Makes the first byte of a stream another than 0, by a bit that no decoder looks at. */
  static void avoidZero(byte[] stream) {
    if (stream[0] == 0) {
      stream[0] = PADDING;
    }
  }

  /** Goes through one block; returns whether there is another and room for it. */
  private boolean block() {
    long start = at;
    boolean isLast = bits(1) != 0;
    int type = bits(2);
    if (type == STORED) {
      return stored(start) && !isLast;
    }
    if (type == FIXED) {
      Arrays.fill(lengths, 0, 144, 8);
      Arrays.fill(lengths, 144, 256, 9);
      Arrays.fill(lengths, 256, 280, 7);
      Arrays.fill(lengths, 280, LITERALS, 8);
      literalCode.set(lengths, 0, LITERALS);
      Arrays.fill(lengths, 0, DISTANCES, 5);
      distanceCode.set(lengths, 0, DISTANCES);
    } else {
      codes();
    }
    return symbols(start) && !isLast;
  }

  private boolean stored(long start) {
    long header = at + Byte.SIZE - 1 & -Byte.SIZE;
    at = header;
    int length = bits(16);
    at += 16;
    int room = (int) ((limitBits - at) / Byte.SIZE);
    int count = Math.min(length, room);
    if (count > 0) {
      bestBlock = start;
      bestAt = header;
      bestPosition = position + count;
      endBits = -count;
    }
    at += (long) length * Byte.SIZE;
    position += length;
    return count == length;
  }

  /** Reads the two codes of a block. */
  private void codes() {
    int literals = bits(5) + 257;
    int distances = bits(5) + 1;
    int count = bits(4) + 4;
    Arrays.fill(lengths, 0, CODE_ORDER.length, 0);
    for (int i = 0; i < count; i++) {
      lengths[CODE_ORDER[i]] = bits(3);
    }
    lengthCode.set(lengths, 0, CODE_ORDER.length);
    for (int i = 0; i < literals + distances; ) {
      int symbol = symbol(lengthCode);
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      int value = symbol == 16 ? lengths[i - 1] : 0;
      int times = symbol == 16 ? 3 + bits(2) : symbol == 17 ? 3 + bits(3) : 11 + bits(7);
      Arrays.fill(lengths, i, i + times, value);
      i += times;
    }
    distanceCode.set(lengths, literals, distances);
    literalCode.set(lengths, 0, literals);
  }

  /** Goes through the symbols of a block; returns whether its end was there and fits. */
  private boolean symbols(long start) {
    int blockEndBits = literalCode.bitsOf(END_OF_BLOCK);
    long lastAt = limitBits - blockEndBits;
    long fitting = -1;
    int fittingPosition = 0;
    boolean isEnd = false;
    while (at <= lastAt) {
      fitting = at;
      fittingPosition = position;
      int symbol = symbol(literalCode);
      if (symbol < END_OF_BLOCK) {
        position++;
      } else if (symbol == END_OF_BLOCK) {
        isEnd = true;
        break;
      } else {
        int index = symbol - END_OF_BLOCK - 1;
        position += lengthBases[index] + bits(lengthBits[index]);
        int distance = symbol(distanceCode);
        at += distanceBits[distance];
      }
    }
    if (fitting >= 0 && fittingPosition > bestPosition) {
      bestBlock = start;
      bestAt = fitting;
      bestPosition = fittingPosition;
      endBits = blockEndBits;
      endCode = literalCode.codeOf(END_OF_BLOCK);
    }
    return isEnd;
  }

  /** Ends the stream at the best place. */
  private void end() {
    stream[(int) (bestBlock >>> 3)] |= (byte) (1 << (bestBlock & 7));
    if (endBits < 0) {
      int header = (int) (bestAt >>> 3);
      int count = -endBits;
      stream[header] = (byte) count;
      stream[header + 1] = (byte) (count >>> 8);
      stream[header + 2] = (byte) ~count;
      stream[header + 3] = (byte) (~count >>> 8);
      streamBytes = header + STORED_HEADER_BYTES + count;
      return;
    }
    long to = bestAt;
    for (int i = endBits - 1; i >= 0; i--) {
      put(to++, endCode >>> i & 1);
    }
    streamBytes = (int) (to + 7 >>> 3);
    while ((to & 7) != 0) {
      put(to++, 0);
    }
  }

  private void put(long bit, int value) {
    int index = (int) (bit >>> 3);
    int mask = 1 << (bit & 7);
    stream[index] = (byte) (value != 0 ? stream[index] | mask : stream[index] & ~mask);
  }

  private int bits(int count) {
    int value = peek() & (1 << count) - 1;
    at += count;
    return value;
  }

  /** At least 25 bits, as far as there are so many. */
  private int peek() {
    int index = (int) (at >>> 3);
    if (index + Long.BYTES <= size) {
      return (int) ((long) LONG.get(stream, index) >>> (at & 7));
    }
    long rest = 0;
    for (int i = 0; index + i < size; i++) {
      rest |= (stream[index + i] & 0xffL) << 8 * i;
    }
    return (int) (rest >>> (at & 7));
  }

  private int symbol(Code code) {
    int bits = peek();
    int entry = code.fast[bits & (1 << MAX_FAST_BITS) - 1];
    if (entry == 0) {
      entry = code.slow(bits);
    }
    at += entry & 15;
    return entry >>> 4;
  }

  /** A Huffman code, from the lengths of its words. */
  private static final class Code {
    /** By the next bits of the stream: the symbol and the length, or 0 if that is longer. */
    private final int[] fast = new int[1 << MAX_FAST_BITS];

    private final int[] counts = new int[MAX_BITS + 1];
    private final int[] firsts = new int[MAX_BITS + 1];
    private final int[] offsets = new int[MAX_BITS + 2];
    private final int[] symbols = new int[LITERALS];
    private final int[] words = new int[LITERALS];
    private final int[] wordBits = new int[LITERALS];

    void set(int[] lengths, int from, int count) {
      Arrays.fill(fast, 0);
      Arrays.fill(counts, 0);
      for (int i = 0; i < count; i++) {
        wordBits[i] = lengths[from + i];
        counts[wordBits[i]]++;
      }
      counts[0] = 0;
      int word = 0;
      for (int bits = 1; bits <= MAX_BITS; bits++) {
        word = word + counts[bits - 1] << 1;
        firsts[bits] = word;
        offsets[bits + 1] = offsets[bits] + counts[bits];
      }
      int[] next = firsts.clone();
      for (int i = 0; i < count; i++) {
        int bits = wordBits[i];
        if (bits == 0) {
          continue;
        }
        words[i] = next[bits];
        symbols[offsets[bits] + next[bits]++ - firsts[bits]] = i;
        if (bits <= MAX_FAST_BITS) {
          int reversed = Integer.reverse(words[i]) >>> Integer.SIZE - bits;
          for (int k = reversed; k < fast.length; k += 1 << bits) {
            fast[k] = i << 4 | bits;
          }
        }
      }
    }

    int bitsOf(int symbol) {
      return wordBits[symbol];
    }

    int codeOf(int symbol) {
      return words[symbol];
    }

    /** The entry for a word of any length. */
    int slow(int stream) {
      int word = 0;
      for (int bits = 1; bits <= MAX_BITS; bits++) {
        word = word << 1 | stream >>> bits - 1 & 1;
        int index = word - firsts[bits];
        if (index >= 0 && index < counts[bits]) {
          return symbols[offsets[bits] + index] << 4 | bits;
        }
      }
      throw new IllegalStateException("DEFLATE: no code for 0x%x".formatted(stream));
    }
  }
}
