package dev.aquifer.codec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayDeque;

/**
 * Decodes LZ4 blocks: sequences of literals and a match, one after the other.
 *
 * <table>
 * <caption>sequence</caption>
 * <tr><th>bytes</th><th>field</th><th>meaning</th></tr>
 * <tr><td>1</td><td>token</td><td>high 4 bits: number of literals; low 4 bits: length of the match
 * less 4</td></tr>
 * <tr><td>0 or more</td><td>more literals</td><td>if that number is 15: bytes to add to it, up to
 * the first that is not 255</td></tr>
 * <tr><td></td><td>literals</td><td>output as they are; the block may end after them</td></tr>
 * <tr><td>2</td><td>offset</td><td>how far back in the output the match begins, little endian, not
 * 0</td></tr>
 * <tr><td>0 or more</td><td>more length</td><td>as for the literals</td></tr>
 * </table>
 *
 * <p>Works on arrays, which the stream is copied to and the output passes through: that is fast
 * before the JVM has compiled it, too, when access to memory outside the heap is slow.
 */
final class Lz4Decompressor implements Decompressor {
  /** More than anybody decodes at once. */
  private static final int MAX_KEPT = 8;

  /** Those that nobody uses now; guarded by itself. */
  private final ArrayDeque<Block> kept = new ArrayDeque<>();

  @Override
  public void decompress(MemorySegment src, MemorySegment dst, boolean isPrefix)
      throws BadStreamException {
    Block block = take();
    try {
      block.decode(src, dst, isPrefix);
    } finally {
      giveBack(block);
    }
  }

  private Block take() {
    synchronized (kept) {
      Block block = kept.poll();
      return block != null ? block : new Block();
    }
  }

  private void giveBack(Block block) {
    block.dst = MemorySegment.NULL;
    if (block.in.length > Block.KEPT_IN_BYTES) {
      block.in = Block.NOTHING;
    }
    if (block.array.length > Block.KEPT_ARRAY_BYTES) {
      block.array = Block.NOTHING;
    }
    synchronized (kept) {
      if (kept.size() < MAX_KEPT) {
        kept.push(block);
      }
    }
  }

  /**
   * Decodes one block after the other. Of the output the last 64 KiB stay in an array, as matches
   * may begin there:
   *
   * <pre>
   *   dst    [ done                    ][ to come              ]
   *   array             [ history      ][ new   ][ free ][ slack ]
   *                     ^ 0             ^ start  ^ out   ^ room
   * </pre>
   */
  private static final class Block {
    private static final VarHandle LONG =
        MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder());
    private static final byte[] NOTHING = {};
    private static final int MIN_MATCH = 4;
    private static final int MORE = 15;

    /** What is copied at once. */
    private static final int STEP = Long.BYTES;

    /** So much may be written after what is meant, or read. */
    private static final int SLACK_BYTES = 4 * STEP;

    /** For more bytes than this, a call that copies is worth its while. */
    private static final int FEW_BYTES = 8 * STEP;

    private static final int HISTORY_BYTES = 1 << 16;

    /** What 4 KiB can stand for: only larger clusters are decoded part by part. */
    private static final int MAX_ROOM_BYTES = 16 * HISTORY_BYTES;

    /** What the array for streams may have while nobody needs it. */
    private static final int KEPT_IN_BYTES = 1 << 17;

    /** And that for output. */
    private static final int KEPT_ARRAY_BYTES = 4 * HISTORY_BYTES + SLACK_BYTES;

    private byte[] in = NOTHING;
    private int inEnd;
    private byte[] array = NOTHING;

    /** No output goes beyond it in the array. */
    private int room;

    private MemorySegment dst = MemorySegment.NULL;

    /** What of the output is in {@link #dst}. */
    private long done;

    /** Where in the array that begins which is not there. */
    private int start;

    void decode(MemorySegment src, MemorySegment dst, boolean isPrefix) throws BadStreamException {
      this.dst = dst;
      done = 0;
      start = 0;
      inEnd = Math.toIntExact(src.byteSize());
      if (in.length < inEnd + SLACK_BYTES) {
        in = new byte[Math.max(inEnd + SLACK_BYTES, HISTORY_BYTES + SLACK_BYTES)];
      }
      MemorySegment.copy(src, ValueLayout.JAVA_BYTE, 0, in, 0, inEnd);
      room = (int) Math.min(dst.byteSize(), MAX_ROOM_BYTES);
      if (array.length < room + SLACK_BYTES) {
        array = new byte[Math.max(room, HISTORY_BYTES) + SLACK_BYTES];
      }
      flush(sequences(isPrefix));
    }

    /** Returns where the output ends in the array. */
    private int sequences(boolean isPrefix) throws BadStreamException {
      byte[] in = this.in;
      byte[] array = this.array;
      int inEnd = this.inEnd;
      int at = 0;
      int out = 0;
      while (true) {
        if (at >= inEnd) {
          throw tooShort(out);
        }
        int token = in[at++];
        int literals = token >>> 4 & MORE;
        if (literals < MORE && literals + Short.BYTES <= inEnd - at && literals < room - out) {
          copyTwoSteps(in, at, array, out);
          at += literals;
          out += literals;
        } else {
          long wanted = literals;
          if (literals == MORE) {
            int more;
            do {
              if (at >= inEnd) {
                throw tooShort(out);
              }
              more = in[at++] & 0xff;
              wanted += more;
            } while (more == 0xff);
          }
          wanted = fitting(wanted, out, isPrefix);
          if (wanted > inEnd - at) {
            throw tooShort(out);
          }
          out = putLiterals(at, (int) wanted, out);
          at += (int) wanted;
          boolean isFull = written(out) == dst.byteSize();
          if (isFull && (isPrefix || at == inEnd)) {
            return out;
          }
          if (inEnd - at < Short.BYTES) {
            throw at == inEnd ? tooShort(out) : cut(at);
          }
        }

        int offset = in[at] & 0xff | (in[at + 1] & 0xff) << 8;
        at += Short.BYTES;
        // There is less in the array than in all only if there are 64 KiB.
        if (offset == 0 || offset > out) {
          throw new BadStreamException(
              "LZ4: byte %d: a match %d bytes back, after %d bytes of output"
                  .formatted(at - Short.BYTES, offset, written(out)));
        }
        int length = (token & MORE) + MIN_MATCH;
        if (length < MORE + MIN_MATCH && offset >= STEP && length < room - out) {
          int from = out - offset;
          copyTwoSteps(array, from, array, out);
          copyStep(array, from + 2 * STEP, array, out + 2 * STEP);
          out += length;
          continue;
        }
        long wanted = length;
        if (length == MORE + MIN_MATCH) {
          int more;
          do {
            if (at >= inEnd) {
              throw cut(at);
            }
            more = in[at++] & 0xff;
            wanted += more;
          } while (more == 0xff);
        }
        wanted = fitting(wanted, out, isPrefix);
        out = putMatch(offset, Math.toIntExact(wanted), out);
        if (isPrefix && written(out) == dst.byteSize()) {
          return out;
        }
      }
    }

    // Methods of their own are compiled when the loop that calls them is still interpreted.
    private static void copyTwoSteps(byte[] from, int at, byte[] to, int out) {
      copyStep(from, at, to, out);
      copyStep(from, at + STEP, to, out + STEP);
    }

    private static void copyStep(byte[] from, int at, byte[] to, int out) {
      LONG.set(to, out, (long) LONG.get(from, at));
    }

    /** How many of {@code wanted} bytes go into what is left. */
    private long fitting(long wanted, int out, boolean isPrefix) throws BadStreamException {
      long left = dst.byteSize() - written(out);
      if (wanted > left && !isPrefix) {
        throw new BadStreamException("LZ4: more than %d bytes".formatted(dst.byteSize()));
      }
      return Math.min(wanted, left);
    }

    private int putLiterals(int at, int count, int before) {
      int out = before;
      for (int put = 0; put < count; ) {
        if (out == room) {
          out = flush(out);
        }
        int some = Math.min(count - put, room - out);
        System.arraycopy(in, at + put, array, out, some);
        put += some;
        out += some;
      }
      return out;
    }

    private int putMatch(int offset, int count, int before) {
      int out = before;
      for (int put = 0; put < count; ) {
        if (out == room) {
          out = flush(out);
        }
        int some = Math.min(count - put, room - out);
        copyMatch(array, offset, out, out + some);
        put += some;
        out += some;
      }
      return out;
    }

    private static void copyMatch(byte[] array, int offset, int start, int end) {
      int distance = offset;
      int out = start;
      if (end - start > FEW_BYTES && offset >= FEW_BYTES) {
        // Twice as much each time, as what was copied is a part of the match as well.
        while (end - out > distance) {
          System.arraycopy(array, start - offset, array, out, distance);
          out += distance;
          distance = out - (start - offset);
        }
        System.arraycopy(array, start - offset, array, out, end - out);
        return;
      }
      if (offset < STEP) {
        // The match repeats itself: once some of it is there, a multiple of the offset does too.
        distance = (STEP + offset - 1) / offset * offset;
        int few = Math.min(end, start + distance - offset);
        for (; out < few; out++) {
          array[out] = array[out - offset];
        }
      }
      for (; out < end; out += STEP) {
        copyStep(array, out - distance, array, out);
      }
    }

    /** How much output there is. */
    private long written(int out) {
      return done + (out - start);
    }

    /** Brings to {@link #dst} what is not there, and gives room; returns where to go on. */
    private int flush(int out) {
      MemorySegment.copy(array, start, dst, ValueLayout.JAVA_BYTE, done, out - start);
      done += out - start;
      start = out;
      long left = dst.byteSize() - done;
      if (left > 0) {
        System.arraycopy(array, out - HISTORY_BYTES, array, 0, HISTORY_BYTES);
        start = HISTORY_BYTES;
        room = (int) Math.min(room, start + left);
      }
      return start;
    }

    private BadStreamException tooShort(int out) {
      return new BadStreamException(
          "LZ4: ends after %d bytes of %d".formatted(written(out), dst.byteSize()));
    }

    private static BadStreamException cut(int at) {
      return new BadStreamException("LZ4: byte %d: ends inside a match".formatted(at));
    }
  }
}
