package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class XattrFilterTest {
  private static int hash(String text, int seed) {
    return XattrFilter.xxh32(text.getBytes(StandardCharsets.UTF_8), seed);
  }

  @Test
  void hashesAsTheSpecificationOfXxh32Says() {
    assertThat(hash("", 0)).isEqualTo(0x02CC5D05);
    assertThat(hash("", 0x9E3779B1)).isEqualTo(0x36B78AE7);
    assertThat(hash("Nobody inspects the spammish repetition", 0)).isEqualTo(0xE2293B2F);
  }
}
