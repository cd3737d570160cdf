package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.aquifer.io.BackendException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class FetcherTest {
  private static final int SPAN = 1000;

  /** Spans of 1000 bytes; each run waits for a permit of the test before it ends. */
  private static class Scripted implements Fetcher.Target {
    final int count;
    final SpanBits present;
    final LinkedBlockingQueue<String> started = new LinkedBlockingQueue<>();
    final Semaphore permits = new Semaphore(0);
    final LinkedBlockingQueue<Fetcher.Run> runs = new LinkedBlockingQueue<>();
    final String origin;
    volatile IOException failure;

    Scripted(int count, String origin) {
      this.count = count;
      this.origin = origin;
      this.present = new SpanBits(count);
    }

    @Override
    public int count() {
      return count;
    }

    @Override
    public boolean isPresent(int index) {
      return present.get(index);
    }

    @Override
    public int nextAbsent(int from) {
      return present.nextClear(from);
    }

    @Override
    public long storedBytes(int index) {
      return SPAN;
    }

    @Override
    public String origin() {
      return origin;
    }

    @Override
    public void fetch(Fetcher.Run run, FetchBuffers buffers) {
      runs.add(run);
      started.add(run.first + "-" + run.last);
      permits.acquireUninterruptibly();
      for (int i = run.first; i <= run.last; i++) {
        IOException fails = failure;
        if (fails == null) {
          present.set(i);
        }
        run.settle(i, fails);
      }
    }

    String nextStarted() throws InterruptedException {
      return started.poll(10, TimeUnit.SECONDS);
    }

    @Override
    public String toString() {
      return "scripted";
    }
  }

  private final Scripted target = new Scripted(100, "here");
  private Fetcher fetcher;

  private Fetcher fetcher(int requests, int prefetchRequests) {
    fetcher = new Fetcher(new Limits(4 * SPAN, requests, prefetchRequests, 0, 0, 10_000, 50));
    fetcher.add(target);
    return fetcher;
  }

  @AfterEach
  void end() {
    target.permits.release(10_000);
    fetcher.close();
  }

  private static void await(List<Flight> flights) throws Exception {
    for (Flight flight : flights) {
      flight.done.get(10, TimeUnit.SECONDS);
    }
  }

  private static Throwable failureOf(Flight flight) {
    return catchThrowable(() -> flight.done.get(10, TimeUnit.SECONDS)).getCause();
  }

  @Test
  void neighboursBecomeOneRequestUpToALimit() throws Exception {
    fetcher(1, 1);
    List<Flight> flights = fetcher.demand(target, 10, 15, null);
    assertThat(target.nextStarted()).isEqualTo("10-13");
    target.permits.release(2);
    assertThat(target.nextStarted()).isEqualTo("14-15");
    await(flights);
    assertThat(fetcher.demand(target, 10, 15, null)).isEmpty();
  }

  @Test
  void requestsOfSeveralReadersAreMerged() throws Exception {
    fetcher(1, 1);
    fetcher.demand(target, 50, 50, null);
    assertThat(target.nextStarted()).isEqualTo("50-50");
    fetcher.demand(target, 3, 3, null);
    fetcher.demand(target, 2, 2, null);
    fetcher.demand(target, 4, 4, null);
    target.permits.release(2);
    assertThat(target.nextStarted()).isEqualTo("2-4");
  }

  @Test
  void whatIsPresentIsSteppedOver() throws Exception {
    fetcher(1, 1);
    target.present.set(11);
    List<Flight> flights = fetcher.demand(target, 10, 12, null);
    assertThat(flights).hasSize(2);
    target.permits.release(2);
    assertThat(target.nextStarted()).isEqualTo("10-10");
    assertThat(target.nextStarted()).isEqualTo("12-12");
  }

  @Test
  void aSpanIsNeverFetchedTwiceAtOnce() throws Exception {
    fetcher(4, 2);
    List<Flight> first = fetcher.demand(target, 5, 6, null);
    assertThat(target.nextStarted()).isEqualTo("5-6");
    List<Flight> second = fetcher.demand(target, 6, 7, null);
    assertThat(second.get(0)).isSameAs(first.get(1));
    assertThat(target.nextStarted()).isEqualTo("7-7");
    target.permits.release(2);
    await(second);
    assertThat(target.started).isEmpty();
  }

  @Test
  void noMoreRequestsThanAllowedAreInFlight() throws Exception {
    fetcher(3, 3);
    Scripted other = new Scripted(100, "there");
    fetcher.add(other);
    fetcher.demand(other, 0, 0, null);
    assertThat(other.nextStarted()).isEqualTo("0-0");
    for (int i = 0; i < 20; i += 2) {
      fetcher.demand(target, i, i, null);
    }
    for (int i = 0; i < 2; i++) {
      target.nextStarted();
    }
    // A third would start before this run ends, if it could.
    for (int ended = 1; ended <= 8; ended++) {
      assertThat(target.started).isEmpty();
      target.permits.release();
      assertThat(target.nextStarted()).isNotNull();
    }
    other.permits.release();
  }

  @Test
  void oneOriginNeverHasAllRequests() throws Exception {
    fetcher(3, 3);
    Scripted more = new Scripted(100, "here");
    Scripted other = new Scripted(100, "there");
    fetcher.add(more);
    fetcher.add(other);
    for (int i = 0; i < 20; i += 2) {
      fetcher.demand(target, i, i, null);
      fetcher.demand(more, i, i, null);
    }
    fetcher.complete(target);
    target.nextStarted();
    more.nextStarted();
    // None of these ends, and still another origin is asked.
    for (int i = 0; i < 20; i += 2) {
      other.permits.release();
      await(fetcher.demand(other, i, i, null));
    }
    assertThat(target.started).isEmpty();
    assertThat(more.started).isEmpty();
    more.permits.release(100);
  }

  @Test
  void targetsTakeTurns() throws Exception {
    fetcher(1, 1);
    Scripted other = new Scripted(100, "here");
    fetcher.add(other);
    for (int i = 0; i < 10; i += 2) {
      fetcher.demand(target, i, i, null);
    }
    assertThat(target.nextStarted()).isEqualTo("0-0");
    List<Flight> late = fetcher.demand(other, 50, 50, null);
    target.permits.release(1);
    other.permits.release(1);
    // Not behind all that the first one queued before.
    assertThat(target.nextStarted()).isEqualTo("2-2");
    target.permits.release(1);
    await(late);
    assertThat(target.nextStarted()).isEqualTo("4-4");
    assertThat(target.started).isEmpty();
  }

  @Test
  void failingOriginsHaveOneRequestEachUntilTheyAnswer() throws Exception {
    fetcher(3, 3);
    fetcher.circuits().failed("here", new BackendException("down", true, null));
    for (int i = 0; i < 10; i += 2) {
      fetcher.demand(target, i, i, null);
    }
    assertThat(target.nextStarted()).isEqualTo("0-0");
    assertThat(target.started).isEmpty();
    fetcher.answered("here");
    assertThat(target.nextStarted()).isEqualTo("2-2");
    assertThat(target.started).isEmpty();
  }

  @Test
  void allFailingOriginsTogetherNeverHaveAllRequests() throws Exception {
    fetcher(3, 3);
    List<Scripted> dead = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      dead.add(new Scripted(10, "dead" + i));
      fetcher.add(dead.get(i));
      fetcher.circuits().failed("dead" + i, new BackendException("down", true, null));
      fetcher.demand(dead.get(i), 0, 0, null);
    }
    target.permits.release(1);
    await(fetcher.demand(target, 0, 0, null));
    assertThat(dead.get(0).nextStarted()).isNotNull();
    assertThat(dead.get(1).nextStarted()).isNotNull();
    assertThat(dead).allSatisfy(one -> assertThat(one.started).isEmpty());
    dead.forEach(one -> one.permits.release(1));
  }

  @Test
  void whatNobodyWaitsForIsDropped() throws Exception {
    fetcher(1, 1);
    fetcher.demand(target, 0, 0, null);
    target.nextStarted();
    List<Flight> one = fetcher.demand(target, 10, 11, null);
    List<Flight> other = fetcher.demand(target, 11, 11, null);
    fetcher.leave(one);
    assertThat(failureOf(one.get(0))).hasMessage("scripted: nobody waits for it any more");
    assertThat(other.get(0).done).isNotDone();
    target.permits.release(2);
    await(other);
    assertThat(target.started).containsExactly("11-11");
    target.permits.release(1);
    await(fetcher.demand(target, 10, 10, null));
  }

  @Test
  void demandGoesBeforePrefetch() throws Exception {
    fetcher(1, 1);
    fetcher.demand(target, 90, 90, null);
    target.nextStarted();
    fetcher.prefetch(target, 10, 12);
    fetcher.demand(target, 30, 30, null);
    fetcher.demand(target, 20, 20, null);
    target.permits.release(100);
    assertThat(target.nextStarted()).isEqualTo("30-30");
    assertThat(target.nextStarted()).isEqualTo("20-20");
    assertThat(target.nextStarted()).isEqualTo("10-11");
  }

  @Test
  void prefetchLeavesRoomForDemand() throws Exception {
    fetcher(4, 2);
    fetcher.prefetch(target, 0, 50);
    // Two threads: either may be the first to say so.
    assertThat(List.of(target.nextStarted(), target.nextStarted()))
        .containsExactlyInAnyOrder("0-3", "4-7");
    fetcher.demand(target, 80, 80, null);
    assertThat(target.nextStarted()).isEqualTo("80-80");
    assertThat(target.started).isEmpty();
  }

  @Test
  void aDemandForAQueuedPrefetchIsPromoted() throws Exception {
    fetcher(1, 1);
    fetcher.demand(target, 90, 90, null);
    target.nextStarted();
    fetcher.prefetch(target, 10, 22);
    List<Flight> wanted = fetcher.demand(target, 19, 19, null);
    target.permits.release(2);
    assertThat(target.nextStarted()).isEqualTo("19-21");
    await(wanted);
    target.permits.release(100);
    assertThat(target.nextStarted()).isEqualTo("10-13");
    assertThat(target.nextStarted()).isEqualTo("14-17");
    assertThat(target.nextStarted()).isEqualTo("18-18");
  }

  @Test
  void aDemandForARunningPrefetchJoinsIt() throws Exception {
    fetcher(2, 1);
    fetcher.prefetch(target, 10, 12);
    target.nextStarted();
    List<Flight> wanted = fetcher.demand(target, 11, 11, null);
    assertThat(target.runs.take().isAwaited(11)).isTrue();
    target.permits.release();
    await(wanted);
    assertThat(target.started).isEmpty();
  }

  @Test
  void aDemandCarriesThePrefetchBehindItIfNobodyElseWaits() throws Exception {
    fetcher(1, 1);
    fetcher.demand(target, 10, 10, new ReadAhead.Range(11, 16));
    assertThat(target.nextStarted()).isEqualTo("10-13");
    fetcher.demand(target, 40, 40, new ReadAhead.Range(41, 43));
    fetcher.demand(target, 60, 60, null);
    target.permits.release(100);
    assertThat(target.nextStarted()).isEqualTo("40-40");
    assertThat(target.nextStarted()).isEqualTo("60-60");
    assertThat(target.nextStarted()).isEqualTo("14-15");
    assertThat(target.nextStarted()).isEqualTo("41-42");
  }

  @Test
  void aFailureReachesAllWhoWaitAndTheNextTriesAgain() throws Exception {
    fetcher(1, 1);
    target.failure = new IOException("no");
    List<Flight> first = fetcher.demand(target, 5, 5, null);
    List<Flight> second = fetcher.demand(target, 5, 5, null);
    target.permits.release();
    assertThat(failureOf(first.get(0))).isSameAs(target.failure);
    assertThat(second.get(0)).isSameAs(first.get(0));
    target.failure = null;
    target.permits.release();
    await(fetcher.demand(target, 5, 5, null));
  }

  @Test
  void completesInTheBackgroundBehindEverything() throws Exception {
    fetcher(1, 1);
    target.present.set(2);
    fetcher.complete(target);
    assertThat(target.nextStarted()).isEqualTo("0-1");
    fetcher.prefetch(target, 50, 51);
    fetcher.demand(target, 70, 70, null);
    target.permits.release(1000);
    assertThat(target.nextStarted()).isEqualTo("70-70");
    assertThat(target.nextStarted()).isEqualTo("50-50");
    assertThat(target.nextStarted()).isEqualTo("3-6");
    List<String> rest = new ArrayList<>();
    while (!target.present.isFull()) {
      // The last request may have begun and not ended.
      String started = target.started.poll(10, TimeUnit.MILLISECONDS);
      if (started != null) {
        rest.add(started);
      }
    }
    assertThat(rest).doesNotHaveDuplicates();
  }

  @Test
  void backgroundWorkRestsAfterAFailureAndGoesOn() throws Exception {
    fetcher(2, 2);
    target.failure = new IOException("down");
    fetcher.complete(target);
    target.permits.release(2);
    assertThat(target.nextStarted()).isEqualTo("0-3");
    assertThat(target.nextStarted()).isEqualTo("4-7");
    target.failure = null;
    target.permits.release(1000);
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!target.present.isFull()) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      target.started.poll(10, TimeUnit.MILLISECONDS);
    }
  }

  @Test
  void aTargetIsCompletedWhateverFailedMeanwhile() throws Exception {
    fetcher(2, 2);
    fetcher.demand(target, 0, 0, null);
    target.nextStarted();
    target.failure = new IOException("down");
    fetcher.complete(target);
    fetcher.demand(target, 90, 99, null);
    target.permits.release(8);
    while (target.permits.availablePermits() > 0) {
      target.started.poll(10, TimeUnit.MILLISECONDS);
    }
    target.failure = null;
    target.permits.release(1000);
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!target.present.isFull()) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      target.started.poll(10, TimeUnit.MILLISECONDS);
    }
  }

  @Test
  void forgettingDoesNotWaitLongForARequestThatIsStuck() throws Exception {
    fetcher(2, 1);
    fetcher.demand(target, 0, 0, null);
    target.nextStarted();
    long start = System.nanoTime();
    fetcher.forget(target);
    assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(6));
  }

  @Test
  void forgettingFailsWhatIsQueuedAndWaitsForWhatRuns() throws Exception {
    fetcher(1, 1);
    fetcher.demand(target, 0, 0, null);
    target.nextStarted();
    List<Flight> queued = fetcher.demand(target, 10, 10, null);
    fetcher.complete(target);
    Fetcher.Run run = target.runs.take();
    assertThat(run.isCancelled()).isFalse();
    Thread forgetting = Thread.ofPlatform().start(() -> fetcher.forget(target));
    while (!run.isCancelled()) {
      Thread.onSpinWait();
    }
    assertThat(forgetting.join(Duration.ofMillis(20))).isFalse();
    target.permits.release();
    assertThat(forgetting.join(Duration.ofSeconds(10))).isTrue();
    assertThat(failureOf(queued.get(0))).hasMessage("scripted: is closed");
    assertThatThrownBy(() -> fetcher.demand(target, 1, 1, null)).hasMessage("scripted: is closed");
    assertThat(target.started).isEmpty();
  }

  @Test
  void closingFailsWhatIsQueued() throws Exception {
    fetcher(1, 1);
    fetcher.demand(target, 0, 0, null);
    target.nextStarted();
    List<Flight> queued = fetcher.demand(target, 10, 10, null);
    fetcher.close();
    assertThat(failureOf(queued.get(0))).hasMessage("the fetcher is closed");
    assertThatThrownBy(() -> fetcher.demand(target, 1, 1, null)).isInstanceOf(IOException.class);
  }

  @Test
  void theQueueForPrefetchIsBounded() throws Exception {
    Scripted large = new Scripted(10_000, "here");
    fetcher(1, 1);
    fetcher.demand(target, 0, 0, null);
    target.nextStarted();
    fetcher.add(large);
    fetcher.prefetch(large, 0, 10_000);
    large.permits.release(100_000);
    target.permits.release();
    int last = 0;
    for (String run = large.nextStarted(); !run.endsWith("-4095"); run = large.nextStarted()) {
      last++;
    }
    assertThat(last).isEqualTo(1023);
    assertThat(large.started.poll(50, TimeUnit.MILLISECONDS)).isNull();
  }

  @Test
  void whatIsQueuedIsToldWhenMemoryEnds() throws Exception {
    fetcher(1, 1);
    AtomicBoolean isShort = new AtomicBoolean();
    Scripted hungry =
        new Scripted(10, "here") {
          @Override
          public long storedBytes(int index) {
            if (isShort.get()) {
              throw new OutOfMemoryError("heap");
            }
            return SPAN;
          }
        };
    fetcher.add(hungry);
    fetcher.demand(target, 0, 0, null);
    target.nextStarted();
    List<Flight> flights = fetcher.demand(hungry, 0, 3, null);
    isShort.set(true);
    target.permits.release();
    for (Flight flight : flights) {
      assertThat(failureOf(flight)).isInstanceOf(OutOfMemoryError.class);
    }
    isShort.set(false);
    hungry.permits.release();
    await(fetcher.demand(hungry, 0, 3, null));
  }

  @Test
  void anErrorOfATargetFailsItsRunAlone() throws Exception {
    fetcher(1, 1);
    Scripted broken =
        new Scripted(10, "here") {
          @Override
          public void fetch(Fetcher.Run run, FetchBuffers buffers) {
            throw new OutOfMemoryError("buffers");
          }
        };
    fetcher.add(broken);
    List<Flight> flights = fetcher.demand(broken, 0, 1, null);
    assertThat(failureOf(flights.get(1))).isInstanceOf(OutOfMemoryError.class);
    target.permits.release();
    await(fetcher.demand(target, 0, 0, null));
  }
}
