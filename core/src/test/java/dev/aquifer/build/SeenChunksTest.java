package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class SeenChunksTest {
  @Test
  void keepsAMarkForEachDigest() {
    int count = 100_000;
    long[] words = new Random(3).longs(2L * count).toArray();
    // Some have one word in common, so that they want the same slot.
    for (int i = 1; i < 300; i++) {
      words[2 * i] = words[0];
    }
    SeenChunks seen = new SeenChunks();
    for (int i = 0; i < count; i++) {
      int entry = seen.entry(words[2 * i], words[2 * i + 1]);
      assertThat(seen.mark(entry)).isZero();
      seen.mark(entry, i + 1);
    }
    for (int i = 0; i < count; i++) {
      assertThat(seen.mark(seen.entry(words[2 * i], words[2 * i + 1]))).isEqualTo(i + 1);
    }
  }
}
