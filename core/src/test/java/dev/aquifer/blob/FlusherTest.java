package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class FlusherTest {
  @Test
  void whatIsAddedOftenIsFlushedOnceWithinTheDelay() throws Exception {
    AtomicInteger flushes = new AtomicInteger();
    CountDownLatch flushed = new CountDownLatch(1);
    Flusher.Dirty blob =
        () -> {
          flushes.incrementAndGet();
          flushed.countDown();
        };
    try (Flusher flusher = new Flusher(100)) {
      flusher.add(blob, false);
      flusher.add(blob, false);
      assertThat(flushed.await(10, TimeUnit.SECONDS)).isTrue();
      assertThat(flushes).hasValue(1);
    }
  }

  @Test
  void whatIsUrgentDoesNotWait() throws Exception {
    CountDownLatch flushed = new CountDownLatch(1);
    try (Flusher flusher = new Flusher(600_000)) {
      flusher.add(flushed::countDown, false);
      flusher.add(flushed::countDown, true);
      assertThat(flushed.await(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void survivesErrorsAndTriesAgain() throws Exception {
    CountDownLatch flushed = new CountDownLatch(1);
    AtomicInteger flushes = new AtomicInteger();
    Flusher.Dirty blob =
        () -> {
          if (flushes.incrementAndGet() <= 2) {
            throw new OutOfMemoryError("of the test");
          }
          flushed.countDown();
        };
    try (Flusher flusher = new Flusher(1)) {
      flusher.add(blob, true);
      assertThat(flushed.await(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void flushesNothingAfterItsEnd() {
    AtomicInteger flushes = new AtomicInteger();
    Flusher flusher = new Flusher(600_000);
    flusher.add(flushes::incrementAndGet, false);
    flusher.close();
    flusher.close();
    flusher.add(flushes::incrementAndGet, true);
    assertThat(flushes).hasValue(0);
  }
}
