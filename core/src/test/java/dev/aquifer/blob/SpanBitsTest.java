package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class SpanBitsTest {
  @Property(tries = 200)
  void behavesLikeABitSet(@ForAll @IntRange(max = 300) int count, @ForAll long seed) {
    Random random = new Random(seed);
    SpanBits bits = new SpanBits(count);
    BitSet model = new BitSet();
    for (int i = 0; i < 100 && count > 0; i++) {
      int index = random.nextInt(count);
      if (random.nextInt(3) > 0) {
        assertThat(bits.set(index)).isEqualTo(!model.get(index));
        model.set(index);
      } else {
        assertThat(bits.clear(index)).isEqualTo(model.get(index));
        model.clear(index);
      }
    }
    assertThat(bits.setCount()).isEqualTo(model.cardinality());
    assertThat(bits.isFull()).isEqualTo(model.cardinality() == count);
    for (int i = 0; i <= count; i++) {
      assertThat(bits.nextClear(i)).isEqualTo(Math.min(count, model.nextClearBit(i)));
      int set = model.nextSetBit(i);
      assertThat(bits.nextSet(i)).isEqualTo(set < 0 ? count : set);
    }
    SpanBits copy = new SpanBits(count);
    copy.addAll(bits.toWords());
    assertThat(copy.toWords()).isEqualTo(bits.toWords());
    assertThat(copy.setCount()).isEqualTo(bits.setCount());
  }
}
