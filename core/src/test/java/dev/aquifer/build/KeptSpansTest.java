package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

class KeptSpansTest {
  private final KeptSpans kept = new KeptSpans(10 * 1024);
  private int decoded;

  private void decode(int index, MemorySegment plain) {
    plain.fill((byte) index);
    decoded++;
  }

  private MemorySegment get(Object blob, int index) throws IOException {
    return kept.get(blob, index, 1024, this::decode);
  }

  /** How many of spans 0 to 99 of {@code blob} must be decoded anew. */
  private int missing(Object blob) throws IOException {
    int before = decoded;
    // Backwards, as what is kept must not go before it was looked at.
    for (int i = 99; i >= 0; i--) {
      MemorySegment unused = get(blob, i);
    }
    int missing = decoded - before;
    return missing;
  }

  @Test
  void allBlobsTogetherKeepNoMoreThanTheLimit() throws IOException {
    for (int i = 0; i < 100; i++) {
      for (Object blob : new Object[] {"a", "b"}) {
        assertThat(get(blob, i).toArray(ValueLayout.JAVA_BYTE))
            .hasSize(1024)
            .containsOnly((byte) i);
      }
    }
    assertThat(decoded).isEqualTo(200);
    assertThat(missing("a")).isEqualTo(95);
    assertThat(missing("b")).isEqualTo(100);
  }

  @Test
  void whatWasUsedLastStays() throws IOException {
    MemorySegment first = get("a", 0);
    for (int i = 0; i < 50; i++) {
      MemorySegment unused = get("b", i);
      assertThat(get("a", 0)).isSameAs(first);
    }
    kept.drop("b");
    assertThat(get("a", 0)).isSameAs(first);
    assertThat(decoded).isEqualTo(51);
    assertThat(missing("b")).isEqualTo(100);
  }

  @Test
  void aSpanLargerThanTheLimitIsKeptAlone() throws IOException {
    MemorySegment small = get("a", 0);
    MemorySegment large = kept.get("a", 1, 20 * 1024, this::decode);
    assertThat(kept.get("a", 1, 20 * 1024, this::decode)).isSameAs(large);
    assertThat(get("a", 0)).isNotSameAs(small);
  }

  @Test
  void threadsThatWantTheSameWaitForTheFirst() throws Exception {
    CountDownLatch isDecoding = new CountDownLatch(1);
    CountDownLatch mayGoOn = new CountDownLatch(1);
    try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
      Future<MemorySegment> first =
          threads.submit(
              () ->
                  kept.get(
                      "a",
                      7,
                      1024,
                      (index, plain) -> {
                        isDecoding.countDown();
                        try {
                          mayGoOn.await();
                        } catch (InterruptedException e) {
                          throw new IOException(e);
                        }
                        decode(index, plain);
                      }));
      isDecoding.await();
      Future<MemorySegment> second = threads.submit(() -> get("a", 7));
      // Another span is not held up.
      assertThat(get("a", 8).byteSize()).isEqualTo(1024);
      mayGoOn.countDown();
      assertThat(second.get()).isSameAs(first.get());
      assertThat(decoded).isEqualTo(2);
    }
  }

  @Test
  void whatCouldNotBeDecodedIsTriedAgain() throws IOException {
    assertThatThrownBy(
            () ->
                kept.get(
                    "a",
                    0,
                    1024,
                    (index, plain) -> {
                      throw new IOException("damaged");
                    }))
        .hasMessage("damaged");
    assertThat(get("a", 0).byteSize()).isEqualTo(1024);
  }
}
