package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.aquifer.io.BackendException;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class RetryingBackendTest extends BackendContract {
  private static final RetryPolicy FAST = new RetryPolicy(4, 2, 8, 10_000);

  @Override
  Backend open(Path directory) throws IOException {
    return new RetryingBackend(new DirectoryBackend(directory), FAST);
  }

  /** Gives byte i at position i; each call is spoiled by the next of the given failures. */
  private static final class Scripted implements Backend {
    final List<String> calls = new ArrayList<>();
    final List<IOException> failures = new ArrayList<>();
    int bytesBeforeFailure;

    private void call(String what) throws IOException {
      calls.add(what);
      if (!failures.isEmpty()) {
        throw failures.removeFirst();
      }
    }

    @Override
    public String name() {
      return "scripted";
    }

    @Override
    public ObjectInfo stat(String key) throws IOException {
      call("stat");
      return new ObjectInfo(100, "v");
    }

    @Override
    public byte[] readAll(String key, int maxBytes) throws IOException {
      call("all");
      return new byte[] {1};
    }

    @Override
    public void read(
        String key, ObjectInfo expected, long offset, MemorySegment dst, ReadListener listener)
        throws IOException {
      listener.onRequest();
      long count = failures.isEmpty() ? dst.byteSize() : bytesBeforeFailure;
      for (long i = 0; i < count; i++) {
        dst.set(ValueLayout.JAVA_BYTE, i, (byte) (offset + i));
      }
      if (count > 0) {
        listener.onReceived(count);
      }
      call("read %d+%d".formatted(offset, dst.byteSize()));
    }

    @Override
    public void close() {}
  }

  private static BackendException transientFailure() {
    return new BackendException("scripted/key: answered 503", true, null);
  }

  private final Scripted origin = new Scripted();
  private final Backend retrying = new RetryingBackend(origin, FAST);

  @Test
  void triesAgainWhatMaySucceed() throws Exception {
    for (int i = 0; i < 3; i++) {
      origin.failures.add(transientFailure());
    }
    assertThat(retrying.stat("key").sizeBytes()).isEqualTo(100);
    assertThat(origin.calls).hasSize(4);
    origin.failures.add(transientFailure());
    assertThat(retrying.readAll("key", 1)).containsExactly(1);
  }

  @Test
  void givesUpAfterTheLastAttemptAndSaysSo() {
    for (int i = 0; i < 9; i++) {
      origin.failures.add(transientFailure());
    }
    BackendException e =
        catchThrowableOfType(BackendException.class, () -> retrying.readAll("key", 1));
    assertThat(e.getMessage()).matches("scripted/key: answered 503 \\(tried 4 times in \\d+ ms\\)");
    assertThat(e.isTransient()).isTrue();
    assertThat(origin.calls).hasSize(4);
  }

  @Test
  void triesOnceWhatCanNotSucceed() {
    for (IOException failure :
        List.of(
            new BackendException("gone", false, null),
            new CorruptDataException("bad"),
            new IOException("disk full"))) {
      origin.calls.clear();
      origin.failures.add(failure);
      assertThatThrownBy(() -> retrying.stat("key")).isSameAs(failure);
      assertThat(origin.calls).hasSize(1);
    }
  }

  @Test
  void aBrokenReadGoesOnWhereItWas() throws Exception {
    origin.bytesBeforeFailure = 30;
    origin.failures.add(transientFailure());
    origin.failures.add(transientFailure());
    List<Long> told = new ArrayList<>();
    int[] requests = {0};
    ReadListener listener =
        new ReadListener() {
          @Override
          public void onRequest() {
            requests[0]++;
          }

          @Override
          public void onReceived(long count) {
            told.add(count);
          }
        };
    try (Arena arena = Arena.ofShared()) {
      MemorySegment dst = arena.allocate(100);
      retrying.read("key", new ObjectInfo(200, null), 50, dst, listener);
      for (int i = 0; i < 100; i++) {
        assertThat(dst.get(ValueLayout.JAVA_BYTE, i)).isEqualTo((byte) (50 + i));
      }
    }
    assertThat(origin.calls).containsExactly("read 50+100", "read 80+70", "read 110+40");
    assertThat(told).containsExactly(30L, 60L, 100L);
    assertThat(requests[0]).isEqualTo(3);
  }

  @Test
  void waitsAsLongAsTheOriginAsks() throws Exception {
    origin.failures.add(new BackendException("busy", true, new RetryAfter(120)));
    long start = System.nanoTime();
    retrying.stat("key");
    assertThat(System.nanoTime() - start).isGreaterThan(TimeUnit.MILLISECONDS.toNanos(119));
  }

  @Test
  void doesNotWaitBeyondItsOwnLimit() {
    origin.failures.add(new BackendException("busy", true, new RetryAfter(3_600_000)));
    assertThatThrownBy(() -> retrying.stat("key")).hasMessageStartingWith("busy (tried 1 times");
    assertThat(origin.calls).hasSize(1);
  }

  @Test
  void pausesGrowAndDiffer() {
    for (int i = 0; i < 4; i++) {
      origin.failures.add(transientFailure());
    }
    Backend slower = new RetryingBackend(origin, new RetryPolicy(4, 20, 40, 10_000));
    long start = System.nanoTime();
    assertThatThrownBy(() -> slower.stat("key")).isInstanceOf(BackendException.class);
    // At least half of 20 + 40 + 40.
    assertThat(System.nanoTime() - start).isGreaterThan(TimeUnit.MILLISECONDS.toNanos(49));
  }

  @Test
  void aCancelledReadDoesNotPause() throws Exception {
    origin.failures.add(new BackendException("busy", true, new RetryAfter(5_000)));
    CountDownLatch asked = new CountDownLatch(1);
    ReadListener listener =
        new ReadListener() {
          @Override
          public void onReceived(long count) {}

          @Override
          public boolean isCancelled() {
            boolean wasAsked = asked.getCount() == 0;
            asked.countDown();
            return wasAsked;
          }
        };
    try (Arena arena = Arena.ofShared()) {
      MemorySegment dst = arena.allocate(10);
      long start = System.nanoTime();
      assertThatThrownBy(() -> retrying.read("key", new ObjectInfo(10, null), 0, dst, listener))
          .hasMessage("busy");
      assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(4));
    }
  }
}
