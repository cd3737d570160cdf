package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class LongSetTest {
  @Test
  void holdsEachValueOnce() {
    Random random = new Random(1);
    for (int bound : new int[] {1, 700, 5000, Integer.MAX_VALUE}) {
      LongSet set = new LongSet();
      TreeSet<Long> expected = new TreeSet<>();
      for (int i = 0; i < 20_000; i++) {
        long value = random.nextInt(bound);
        set.add(value);
        expected.add(value);
      }
      assertThat(set.sorted()).containsExactly(expected.stream().mapToLong(v -> v).toArray());
      set.add(-1);
      assertThat(set.sorted()).startsWith(-1).hasSize(expected.size() + 1);
    }
  }
}
