package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class DigestIndexTest {
  @Test
  void findsWhatWasPutAndNothingElse() {
    int count = 100_000;
    Random random = new Random(1);
    long[] digests = random.longs(4L * count).toArray();
    // Some differ in their last word only.
    for (int i = 1; i < 1000; i++) {
      System.arraycopy(digests, 0, digests, 4 * i, 3);
    }
    DigestIndex index = new DigestIndex();
    for (int i = 0; i < count; i += 2) {
      index.put(digests, 4 * i, i);
    }
    for (int i = 0; i < count; i++) {
      assertThat(index.find(digests, 4 * i)).isEqualTo(i % 2 == 0 ? i : DigestIndex.ABSENT);
    }
  }

  @Test
  void theFirstAddressStays() {
    DigestIndex index = new DigestIndex();
    long[] digest = {1, 2, 3, 4};
    index.put(digest, 0, 10);
    index.put(digest, 0, 11);
    assertThat(index.find(digest, 0)).isEqualTo(10);
  }
}
