package dev.aquifer.io;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class Sha256Test {
  /** The one-block example of FIPS 180-4. */
  private static final String ABC =
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

  @Test
  void hashesTheStandardsExample() {
    byte[] abc = "abc".getBytes(US_ASCII);
    assertThat(Sha256.hash(abc).hex()).isEqualTo(ABC);
    assertThat(Sha256.hash(MemorySegment.ofArray(abc))).hasToString("sha256:" + ABC);
  }

  @Test
  void isAValue() throws CorruptDataException {
    Sha256 one = Sha256.parse(ABC);
    assertThat(one).isEqualTo(Sha256.parse("sha256:" + ABC)).hasSameHashCodeAs(Sha256.parse(ABC));
    assertThat(one).isNotEqualTo(Sha256.hash(new byte[0]));
    assertThat(Sha256.of(one.bytes())).isEqualByComparingTo(one);
  }

  @Test
  void refusesOtherText() {
    for (String text : new String[] {"", ABC.substring(1), ABC.toUpperCase(), "md5:" + ABC}) {
      assertThatThrownBy(() -> Sha256.parse(text))
          .isInstanceOf(CorruptDataException.class)
          .hasMessageContaining("64 lower-case hexadecimal digits");
    }
  }

  @Test
  void hashesASourceOfAnySize() throws Exception {
    for (int size : new int[] {0, 1, (1 << 20) - 1, 1 << 20, 2_500_000}) {
      byte[] bytes = new byte[size];
      new java.util.Random(size).nextBytes(bytes);
      assertThat(Sha256.hash(ByteSource.of("source", bytes))).isEqualTo(Sha256.hash(bytes));
    }
  }
}
