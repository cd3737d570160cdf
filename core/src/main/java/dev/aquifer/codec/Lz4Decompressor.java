package dev.aquifer.codec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

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
 */
final class Lz4Decompressor implements Decompressor {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;
  private static final int MIN_MATCH = 4;
  private static final int MORE = 15;

  /** What is copied at once where there is room to write a little too much. */
  private static final int STEP = Long.BYTES;

  /** For more literals than this, a call that copies is worth its while. */
  private static final int FEW_LITERALS = 8 * STEP;

  @Override
  public void decompress(MemorySegment src, MemorySegment dst, boolean isPrefix)
      throws BadStreamException {
    long inEnd = src.byteSize();
    long outEnd = dst.byteSize();
    long in = 0;
    long out = 0;
    while (true) {
      if (in >= inEnd) {
        throw tooShort(out, outEnd);
      }
      long token = src.get(ValueLayout.JAVA_BYTE, in++) & 0xffL;

      long literals = token >>> 4;
      if (literals == MORE) {
        int more;
        do {
          if (in >= inEnd) {
            throw tooShort(out, outEnd);
          }
          more = src.get(ValueLayout.JAVA_BYTE, in++) & 0xff;
          literals += more;
        } while (more == 0xff);
      }
      if (literals > outEnd - out) {
        if (!isPrefix) {
          throw tooLong(outEnd);
        }
        literals = outEnd - out;
      }
      if (literals > inEnd - in) {
        throw tooShort(out, outEnd);
      }
      if (literals <= FEW_LITERALS
          && inEnd - in >= FEW_LITERALS + STEP
          && outEnd - out >= FEW_LITERALS + STEP) {
        for (long i = 0; i < literals; i += 2 * STEP) {
          dst.set(LONG, out + i, src.get(LONG, in + i));
          dst.set(LONG, out + i + STEP, src.get(LONG, in + i + STEP));
        }
      } else {
        MemorySegment.copy(src, in, dst, out, literals);
      }
      in += literals;
      out += literals;
      if (out == outEnd && (isPrefix || in == inEnd)) {
        return;
      }
      if (inEnd - in < Short.BYTES) {
        throw in == inEnd ? tooShort(out, outEnd) : cut(in);
      }

      long offset = src.get(SHORT, in) & 0xffff;
      in += Short.BYTES;
      if (offset == 0 || offset > out) {
        throw new BadStreamException(
            "LZ4: byte %d: a match %d bytes back, after %d bytes of output"
                .formatted(in - Short.BYTES, offset, out));
      }
      long length = (token & MORE) + MIN_MATCH;
      if (length == MORE + MIN_MATCH) {
        int more;
        do {
          if (in >= inEnd) {
            throw cut(in);
          }
          more = src.get(ValueLayout.JAVA_BYTE, in++) & 0xff;
          length += more;
        } while (more == 0xff);
      }
      if (length > outEnd - out) {
        if (!isPrefix) {
          throw tooLong(outEnd);
        }
        length = outEnd - out;
      }
      copyMatch(dst, out, offset, length, outEnd);
      out += length;
      if (out == outEnd && isPrefix) {
        return;
      }
    }
  }

  private static void copyMatch(
      MemorySegment dst, long start, long offset, long length, long outEnd) {
    long out = start;
    long end = start + length;
    if (end > outEnd - 2 * STEP) {
      for (; out < end; out++) {
        dst.set(ValueLayout.JAVA_BYTE, out, dst.get(ValueLayout.JAVA_BYTE, out - offset));
      }
      return;
    }
    long distance = offset;
    if (offset < STEP) {
      // The match repeats itself: once some of it is there, a multiple of the offset does as well.
      distance = (STEP + offset - 1) / offset * offset;
      long few = Math.min(end, start + distance - offset);
      for (; out < few; out++) {
        dst.set(ValueLayout.JAVA_BYTE, out, dst.get(ValueLayout.JAVA_BYTE, out - offset));
      }
    }
    // Longs one after the other, so that a distance of one is enough.
    for (; out < end; out += 2 * STEP) {
      dst.set(LONG, out, dst.get(LONG, out - distance));
      dst.set(LONG, out + STEP, dst.get(LONG, out + STEP - distance));
    }
  }

  private static BadStreamException tooShort(long out, long outEnd) {
    return new BadStreamException("LZ4: ends after %d bytes of %d".formatted(out, outEnd));
  }

  private static BadStreamException tooLong(long outEnd) {
    return new BadStreamException("LZ4: more than %d bytes".formatted(outEnd));
  }

  private static BadStreamException cut(long in) {
    return new BadStreamException("LZ4: byte %d: ends inside a match".formatted(in));
  }
}
