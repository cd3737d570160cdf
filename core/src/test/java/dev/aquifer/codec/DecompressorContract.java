package dev.aquifer.codec;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What every decompressor does, with good streams and with bad ones. */
abstract class DecompressorContract {
  private static final int GUARD_BYTES = 64;

  abstract Algorithm algorithm();

  /** A stream of {@code plain}, made by another hand than ours where there is one. */
  abstract byte[] encode(byte[] plain) throws IOException;

  private byte[] decode(byte[] stream, int length, boolean isPrefix) throws BadStreamException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment src = arena.allocate(Math.max(stream.length, 1)).asSlice(0, stream.length);
      MemorySegment.copy(stream, 0, src, JAVA_BYTE, 0, stream.length);
      MemorySegment room = arena.allocate(length + 2 * GUARD_BYTES);
      room.fill((byte) 0x5a);
      MemorySegment dst = room.asSlice(GUARD_BYTES, length);
      try {
        algorithm().decompressor().decompress(src, dst, isPrefix);
        return dst.toArray(JAVA_BYTE);
      } finally {
        for (int i = 0; i < GUARD_BYTES; i++) {
          assertThat(room.get(JAVA_BYTE, i)).isEqualTo((byte) 0x5a);
          assertThat(room.get(JAVA_BYTE, GUARD_BYTES + length + i)).isEqualTo((byte) 0x5a);
        }
      }
    }
  }

  /** Texts, noise, and what repeats itself at every small distance. */
  static List<byte[]> samples() {
    Random random = new Random(11);
    List<byte[]> samples = new ArrayList<>();
    for (int size : new int[] {1, 2, 12, 13, 100, 4096, 70_001}) {
      byte[] noise = new byte[size];
      random.nextBytes(noise);
      samples.add(noise);
      samples.add(new byte[size]);
      byte[] text = new byte[size];
      for (int i = 0; i < size; i++) {
        text[i] = (byte) ("aeiou mnrst.\n ..".charAt(random.nextInt(4) * random.nextInt(5)));
      }
      samples.add(text);
    }
    for (int period = 1; period < 40; period++) {
      byte[] repeated = new byte[1000];
      for (int i = 0; i < repeated.length; i++) {
        repeated[i] = (byte) (i % period * 37);
      }
      samples.add(repeated);
    }
    return samples;
  }

  @Test
  void givesBackWhatWasEncoded() throws Exception {
    for (byte[] plain : samples()) {
      assertThat(decode(encode(plain), plain.length, false)).isEqualTo(plain);
    }
  }

  @Test
  void givesAnyPrefix() throws Exception {
    for (byte[] plain : samples()) {
      byte[] stream = encode(plain);
      for (int length = 1; length <= plain.length; length += 1 + length / 3) {
        assertThat(decode(stream, length, true)).isEqualTo(Arrays.copyOf(plain, length));
      }
      assertThat(decode(stream, plain.length, true)).isEqualTo(plain);
    }
  }

  @Test
  void refusesAStreamOfAnotherLength() throws Exception {
    for (byte[] plain : samples()) {
      byte[] stream = encode(plain);
      assertThatThrownBy(() -> decode(stream, plain.length + 1, false))
          .isInstanceOf(BadStreamException.class);
      assertThatThrownBy(() -> decode(stream, plain.length + 1, true))
          .isInstanceOf(BadStreamException.class);
      if (plain.length > 1) {
        assertThatThrownBy(() -> decode(stream, plain.length - 1, false))
            .isInstanceOf(BadStreamException.class);
      }
    }
  }

  @Test
  void refusesAStreamCutShort() throws Exception {
    for (byte[] plain : samples()) {
      byte[] stream = encode(plain);
      for (int length = 0; length < Math.min(stream.length / 2, 50); length++) {
        byte[] part = Arrays.copyOf(stream, length);
        assertThatThrownBy(() -> decode(part, plain.length, false))
            .isInstanceOf(BadStreamException.class);
      }
    }
  }

  @Test
  void answersOrRefusesWhateverTheStreamSays() throws Exception {
    long seed = Long.getLong("aquifer.seed", new Random().nextLong());
    System.out.println(getClass().getSimpleName() + ": -Daquifer.seed=" + seed);
    Random random = new Random(seed);
    int refused = 0;
    for (byte[] plain : samples()) {
      byte[] stream = encode(plain);
      for (int i = 0; i < 60; i++) {
        byte[] changed = stream.clone();
        for (int n = 1 + random.nextInt(3); n > 0; n--) {
          changed[random.nextInt(changed.length)] = (byte) random.nextInt(256);
        }
        try {
          decode(changed, plain.length, random.nextBoolean());
        } catch (BadStreamException e) {
          refused++;
          assertThat(e.getMessage()).isNotBlank().doesNotContain("\n");
        }
      }
    }
    assertThat(refused).isGreaterThan(100);
  }
}
