package dev.aquifer.codec;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** With streams of a plain encoder; those of liblz4 are in the golden images. */
class Lz4DecompressorTest extends DecompressorContract {
  private static final int MIN_MATCH = 4;

  /** A block ends with at least so many literals. */
  private static final int LAST_LITERALS = 5;

  @Override
  Algorithm algorithm() {
    return Algorithm.LZ4;
  }

  /** More than goes through the decoder's array at once, in short and in very long sequences. */
  @Test
  void decodesMoreThanItHolds() throws Exception {
    Random random = new Random(4);
    byte[] plain = new byte[1_300_000];
    random.nextBytes(plain);
    for (int at = 400_000; at < 900_000; at++) {
      int back = 1 + random.nextInt(65_535);
      int end = Math.min(900_000, at + random.nextInt(40));
      for (; at < end; at++) {
        plain[at] = plain[at - back];
      }
    }
    Arrays.fill(plain, 900_000, 1_250_000, (byte) 7);
    byte[] stream = encode(plain);
    for (int length : new int[] {262_143, 262_144, 262_145, 800_001, 1_299_999, plain.length}) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment src = arena.allocate(stream.length).copyFrom(MemorySegment.ofArray(stream));
        MemorySegment dst = arena.allocate(length);
        algorithm().decompressor().decompress(src, dst, length < plain.length);
        assertThat(dst.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(Arrays.copyOf(plain, length));
      }
    }
  }

  @Override
  byte[] encode(byte[] plain) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Map<Integer, Integer> seen = new HashMap<>();
    int from = 0;
    int at = 0;
    while (at + MIN_MATCH + LAST_LITERALS <= plain.length) {
      int four =
          plain[at] << 24
              | (plain[at + 1] & 0xff) << 16
              | (plain[at + 2] & 0xff) << 8
              | plain[at + 3] & 0xff;
      Integer before = seen.put(four, at);
      if (before == null || at - before > 0xffff) {
        at++;
        continue;
      }
      int length = MIN_MATCH;
      while (at + length < plain.length - LAST_LITERALS
          && plain[at + length] == plain[before + length]) {
        length++;
      }
      write(out, plain, from, at - from, at - before, length - MIN_MATCH);
      at += length;
      from = at;
    }
    write(out, plain, from, plain.length - from, 0, 0);
    return out.toByteArray();
  }

  private static void write(
      ByteArrayOutputStream out, byte[] plain, int from, int literals, int offset, int length) {
    out.write(Math.min(literals, 15) << 4 | Math.min(length, 15));
    writeMore(out, literals);
    out.write(plain, from, literals);
    if (offset > 0) {
      out.write(offset);
      out.write(offset >>> 8);
      writeMore(out, length);
    }
  }

  private static void writeMore(ByteArrayOutputStream out, int value) {
    if (value < 15) {
      return;
    }
    int rest = value - 15;
    for (; rest >= 255; rest -= 255) {
      out.write(255);
    }
    out.write(rest);
  }
}
