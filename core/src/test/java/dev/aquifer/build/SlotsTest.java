package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

class SlotsTest {
  @Property(tries = 100)
  void inodesNeitherOverlapNorHaveATailAcrossBlocks(@ForAll long seed) {
    Random random = new Random(seed);
    Slots slots = new Slots(1184, BlockSize.USUAL);
    TreeMap<Long, Long> ends = new TreeMap<>();
    for (int i = 0; i < 2000; i++) {
      long head = (random.nextBoolean() ? 32 : 64) + 4L * random.nextInt(random.nextInt(3) + 1);
      head += random.nextInt(50) == 0 ? 4L * random.nextInt(2000) : 0;
      int tail = random.nextInt(3) == 0 ? 0 : random.nextInt(random.nextInt(4000) + 1);
      long start = slots.place(head, tail);
      assertThat(start % 32).isZero();
      assertThat(start).isGreaterThanOrEqualTo(1184);
      if (tail > 0) {
        assertThat((start + head) % 4096 + tail).isLessThanOrEqualTo(4096);
        assertThat((start + head) % 4096).isNotZero();
        if (head + tail <= 4096) {
          assertThat(start % 4096 + head + tail).isLessThanOrEqualTo(4096);
        }
      }
      Map.Entry<Long, Long> before = ends.floorEntry(start);
      Map.Entry<Long, Long> after = ends.ceilingEntry(start);
      assertThat(before == null || before.getValue() <= start).isTrue();
      assertThat(after == null || start + head + tail <= after.getKey()).isTrue();
      ends.put(start, start + head + tail);
    }
    assertThat(slots.endBytes()).isGreaterThanOrEqualTo(ends.lastEntry().getValue());
  }
}
