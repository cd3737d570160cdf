package dev.aquifer.codec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Makes LZ4 blocks; what is in them see {@link Lz4Decompressor}. Decoders of others rely on what
 * blocks end with: literals alone, at least {@link #LAST_LITERALS} of them, and no match begins in
 * the last {@link #LAST_MATCH} bytes.
 *
 * <p>Works on arrays, for the reasons the decoder has. As much of the piece is copied as a block
 * may want: when it wants more, the block is made again with more. What was copied at first never
 * shows in the result.
 */
abstract sealed class Lz4Compressor implements Compressor
    permits Lz4FastCompressor, Lz4HighCompressor {
  static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.nativeOrder());
  static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  static final int MIN_MATCH = 4;
  static final int MAX_DISTANCE = 65_535;
  static final int LAST_LITERALS = 5;
  static final int LAST_MATCH = 12;

  /** A number of 4 bits that is at least so much goes on in further bytes. */
  static final int MORE = 15;

  /**
   * Times a power of two, its upper bits tell which. Counting zeros is one instruction only when C2
   * has compiled it, which it has not in a build of a few seconds.
   */
  private static final long DE_BRUIJN = 0x022f_dd63_cc95_386dL;

  private static final int DE_BRUIJN_SHIFT = 58;
  private static final byte[] BYTE_OF_BIT = byteOfBit();

  private static final int OFFSET_BYTES = 2;
  private static final int SLACK_BYTES = Long.BYTES;

  /** The least that is copied of a piece at once. */
  private static final int COPY_BYTES = 1 << 16;

  /** To this, arrays grow by doubling. */
  private static final int USUAL_BYTES = 4 << 20;

  /** The piece, as far as it was copied, and bytes that may be read after it. */
  byte[] in = new byte[COPY_BYTES + SLACK_BYTES];

  private MemorySegment data = MemorySegment.NULL;
  private int copied;

  /** The block as far as it has come: {@link #out} bytes of at most {@link #limit}. */
  private byte[] block = {};

  private int out;
  private int limit;

  /** A guess, for speed alone. */
  private int lastConsumed;

  /** Whether there is more after so many bytes changes nothing in what is before them. */
  private final int lookAhead;

  private static byte[] byteOfBit() {
    byte[] bytes = new byte[Long.SIZE];
    for (int bit = 0; bit < Long.SIZE; bit++) {
      bytes[(int) ((1L << bit) * DE_BRUIJN >>> DE_BRUIJN_SHIFT)] = (byte) (bit / Byte.SIZE);
    }
    return bytes;
  }

  /** Matches of at least {@code enough} bytes are all the same. */
  Lz4Compressor(int enough) {
    lookAhead = LAST_MATCH + enough;
  }

  /**
   * Makes a block of the bytes of {@link #in} from {@code start} to {@code end}; returns where what
   * it stands for ends.
   */
  abstract int encode(int start, int end);

  @Override
  public final void start(MemorySegment data) {
    int size = Math.toIntExact(data.byteSize() + SLACK_BYTES);
    if (in.length < size) {
      in = new byte[Math.max(size, Math.min(2 * in.length, USUAL_BYTES))];
    }
    this.data = data;
    copied = 0;
    lastConsumed = 0;
  }

  @Override
  public final Fitted compress(int start, int end, MemorySegment dst) {
    int last = Math.min(end, start + MAX_DECODED_BYTES);
    limit = Math.toIntExact(Math.min(dst.byteSize(), MAX_STREAM_BYTES));
    if (limit == 0) {
      return Fitted.NOTHING;
    }
    if (block.length < limit + SLACK_BYTES) {
      block = new byte[limit + SLACK_BYTES];
    }
    int wanted = Math.max(4 * limit, lastConsumed + lastConsumed / 2);
    while (true) {
      int stop = Math.min(last, start + wanted);
      copy(stop);
      out = 0;
      int consumed = encode(start, stop) - start;
      if (stop < last && consumed > stop - start - lookAhead) {
        wanted *= 4;
        continue;
      }
      lastConsumed = consumed;
      if (consumed <= out) {
        return Fitted.NOTHING;
      }
      MemorySegment.copy(block, 0, dst, ValueLayout.JAVA_BYTE, 0, out);
      return new Fitted(consumed, out);
    }
  }

  private void copy(int end) {
    if (copied < end) {
      int next = (int) Math.min(data.byteSize(), Math.max(end, (long) copied + COPY_BYTES));
      MemorySegment.copy(data, ValueLayout.JAVA_BYTE, copied, in, copied, next - copied);
      copied = next;
    }
  }

  @Override
  public void close() {
    // There is only heap.
  }

  /** How many bytes a number has beyond its 4 bits. */
  static int moreBytes(int number) {
    return number < MORE ? 0 : (number - MORE) / 255 + 1;
  }

  /**
   * Puts literals and a match, shortened if it has to be.
   *
   * @return how long the match is now; 0 if nothing was put, as the block would have no room for
   *     its end
   */
  final int putSequence(int from, int literals, int distance, int length) {
    int more = moreBytes(literals);
    int after = out + 1 + more + literals + OFFSET_BYTES;
    int room = limit - after - 1 - LAST_LITERALS;
    if (room < Math.max(0, LAST_MATCH - LAST_LITERALS - length)) {
      return 0;
    }
    int fitting = length;
    int code = length - MIN_MATCH;
    if (code >= MORE && moreBytes(code) > room) {
      code = MORE - 1 + 255 * room;
      fitting = code + MIN_MATCH;
    }
    byte[] block = this.block;
    int at = out;
    if (literals < MORE) {
      block[at++] = (byte) (literals << 4 | Math.min(code, MORE));
    } else {
      block[at++] = (byte) (MORE << 4 | Math.min(code, MORE));
      at = putMore(literals - MORE, at);
    }
    at = putLiterals(from, literals, at);
    block[at] = (byte) distance;
    block[at + 1] = (byte) (distance >>> 8);
    at += OFFSET_BYTES;
    if (code >= MORE) {
      at = putMore(code - MORE, at);
    }
    out = at;
    return fitting;
  }

  private int putMore(int number, int before) {
    int at = before;
    int rest = number;
    for (; rest >= 255; rest -= 255) {
      block[at++] = (byte) 255;
    }
    block[at++] = (byte) rest;
    return at;
  }

  private int putLiterals(int from, int count, int at) {
    if (count <= 2 * Long.BYTES
        && at + 2 * Long.BYTES <= block.length
        && from + 2 * Long.BYTES <= in.length) {
      LONG.set(block, at, (long) LONG.get(in, from));
      LONG.set(block, at + Long.BYTES, (long) LONG.get(in, from + Long.BYTES));
    } else {
      System.arraycopy(in, from, block, at, count);
    }
    return at + count;
  }

  /** Ends the block with as many literals as it can take; returns where they end. */
  final int putLastLiterals(int from, int end) {
    int room = limit - out - 1;
    if (room < 0) {
      return from;
    }
    int count = Math.min(end - from, fittingLiterals(room));
    if (count >= MORE) {
      block[out++] = (byte) (MORE << 4);
      out = putMore(count - MORE, out);
    } else {
      block[out++] = (byte) (count << 4);
    }
    out = putLiterals(from, count, out);
    return from + count;
  }

  /**
   * How many literals go into {@code room} bytes, together with what their number has beyond 4
   * bits.
   */
  static int fittingLiterals(int room) {
    if (room < MORE) {
      return Math.max(room, 0);
    }
    // 255 of 256, as near as that can be said with whole bytes.
    int count = room - moreBytes(room);
    while (count + 1 + moreBytes(count + 1) <= room) {
      count++;
    }
    return count;
  }

  /** How many bytes the block has so far. */
  final int out() {
    return out;
  }

  /** How many bytes the block may have. */
  final int limit() {
    return limit;
  }

  /**
   * Where the bytes of {@code a} and {@code b}, which lies before it, differ, seen from a; or
   * {@code end}.
   */
  static int matchEnd(byte[] in, int a, int b, int end) {
    int at = a;
    int back = a - b;
    while (at < end) {
      long differing = (long) LONG.get(in, at) ^ (long) LONG.get(in, at - back);
      if (differing != 0) {
        int lowest = (int) ((differing & -differing) * DE_BRUIJN >>> DE_BRUIJN_SHIFT);
        return Math.min(end, at + BYTE_OF_BIT[lowest]);
      }
      at += Long.BYTES;
    }
    return end;
  }
}
