package dev.aquifer.blob;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Makes the requests: neighbouring missing spans in one, no span twice at once, no more than a cap
 * in flight, and what readers wait for strictly before what is fetched ahead.
 *
 * <p>Three ranks: demand (somebody waits), prefetch (somebody will probably ask), background (the
 * blob is to be completed). A request starts with the best rank there is; behind its demanded spans
 * it carries the prefetched ones that follow them, as long as no other demand waits. In each rank
 * the targets take turns.
 *
 * <p>One origin never has all requests: whatever it does, another one is still asked. An origin
 * that fails has one at a time until it gives something, and all failing ones together never have
 * all.
 *
 * <p>Each request is made by a thread of this fetcher; threads and their buffers go when they have
 * been idle for a while. Safe for use by many threads.
 */
public final class Fetcher implements Closeable {
  /** What is fetched into. */
  interface Target {
    /** The count of its spans. */
    int count();

    boolean isPresent(int index);

    /** The first absent span from {@code from} on; the count if there is none. */
    int nextAbsent(int from);

    /** About how many bytes span {@code index} takes on the wire. */
    long storedBytes(int index);

    /** Who is asked for it first. */
    String origin();

    /** Fetches the spans of {@code run} and settles each of them. */
    void fetch(Run run, FetchBuffers buffers);
  }

  private static final long IDLE_MILLIS = 2_000;

  /** How long the end of a target waits for requests that don't end when they are cancelled. */
  private static final long FORGET_MILLIS = 3_000;

  private static final long CIRCUIT_MILLIS = 5_000;

  /** Those of the thread. */
  private static final ThreadLocal<FetchBuffers> BUFFERS = new ThreadLocal<>();

  private final Limits limits;
  private final int maxRequestsOfOne;
  private final int maxPrefetchOfOne;
  private final Circuits circuits;
  private final ThreadPoolExecutor threads;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition runEnded = lock.newCondition();
  private final Map<Target, Work> works = new HashMap<>(); // guarded by lock
  // In the order of their turns.
  private final Set<Work> demanding = new LinkedHashSet<>(); // guarded by lock
  private final Set<Work> prefetching = new LinkedHashSet<>(); // guarded by lock
  private final Set<Work> completing = new LinkedHashSet<>(); // guarded by lock
  private final Map<String, int[]> runsOfOrigin = new HashMap<>(); // guarded by lock
  private int runs; // guarded by lock
  private int prefetchRuns; // guarded by lock
  private int failingRuns; // guarded by lock
  private boolean isClosed; // guarded by lock

  /** Starts no thread yet. */
  public Fetcher(Limits limits) {
    this(limits, CIRCUIT_MILLIS);
  }

  /** Takes also how long an origin that failed is left alone. */
  Fetcher(Limits limits, long circuitMillis) {
    this.limits = limits;
    this.maxRequestsOfOne = Math.max(1, limits.maxRequests() - 1);
    // Somebody who waits finds room beside what is fetched ahead.
    this.maxPrefetchOfOne = Math.max(1, maxRequestsOfOne - 1);
    this.circuits = new Circuits(circuitMillis);
    ThreadFactory named = Thread.ofPlatform().daemon().name("aquifer-fetch-", 1).factory();
    this.threads =
        new ThreadPoolExecutor(
            limits.maxRequests(),
            limits.maxRequests(),
            IDLE_MILLIS,
            TimeUnit.MILLISECONDS,
            new LinkedBlockingQueue<>(),
            work -> named.newThread(() -> withBuffers(work)));
    threads.allowCoreThreadTimeOut(true);
  }

  /** The same with {@link Limits#DEFAULT}. */
  public Fetcher() {
    this(Limits.DEFAULT);
  }

  /** Its bounds. */
  public Limits limits() {
    return limits;
  }

  Circuits circuits() {
    return circuits;
  }

  private static void withBuffers(Runnable work) {
    try (FetchBuffers own = new FetchBuffers()) {
      BUFFERS.set(own);
      work.run();
    }
  }

  /** Spans of one target that one thread fetches in order. */
  final class Run {
    final Target target;
    final int first;
    final int last;
    private final Work work;
    private final List<Flight> flights;
    private final String origin;
    private final int[] runsOfOrigin;
    private final boolean isOfFailing;
    private final boolean carriesPrefetch;
    private final boolean isBackground;
    private boolean hasFailed; // guarded by lock

    private Run(Work work, List<Flight> flights, boolean isBackground) {
      this.target = work.target;
      this.first = flights.getFirst().index;
      this.last = flights.getLast().index;
      this.work = work;
      this.flights = flights;
      this.origin = target.origin();
      this.runsOfOrigin = Fetcher.this.runsOfOrigin.computeIfAbsent(origin, _ -> new int[1]);
      this.isOfFailing = circuits.isFailing(origin);
      this.isBackground = isBackground;
      this.carriesPrefetch = flights.stream().anyMatch(flight -> !flight.isDemand);
    }

    /**
     * The span is present, or could not be had because of {@code failure}. Later calls for the same
     * span do nothing.
     */
    void settle(int index, @Nullable Throwable failure) {
      Flight flight = flights.get(index - first);
      lock.lock();
      try {
        hasFailed |= failure != null;
        work.settled(flight);
      } finally {
        lock.unlock();
      }
      if (failure == null) {
        flight.done.complete(null);
      } else {
        flight.done.completeExceptionally(failure);
      }
    }

    /** Whether anybody waits for a span from {@code index} on. */
    boolean isAwaited(int index) {
      lock.lock();
      try {
        return flights.stream().anyMatch(flight -> flight.waiters > 0 && flight.index >= index);
      } finally {
        lock.unlock();
      }
    }

    /** Whether the target goes and nobody wants the spans any more. */
    boolean isCancelled() {
      lock.lock();
      try {
        return work.isForgotten;
      } finally {
        lock.unlock();
      }
    }

    private void fetch(FetchBuffers own) {
      Throwable failure = new IllegalStateException("span was not settled");
      try {
        target.fetch(this, own);
      } catch (RuntimeException | Error e) {
        failure = e;
      }
      settleRest(failure);
    }

    private void settleRest(Throwable failure) {
      for (int i = first; i <= last; i++) {
        if (!flights.get(i - first).done.isDone()) {
          settle(i, failure);
        }
      }
    }
  }

  /** Takes {@code target} on. */
  void add(Target target) {
    lock.lock();
    try {
      works.put(target, new Work(target, limits.maxRequestBytes()));
    } finally {
      lock.unlock();
    }
  }

  /**
   * Asks for what is absent of {@code [first, last]}, and behind it for {@code ahead}.
   *
   * @return the flights to wait for; who gives one up says so with {@link #leave}
   */
  List<Flight> demand(Target target, int first, int last, ReadAhead.@Nullable Range ahead)
      throws IOException {
    List<Flight> flights = new ArrayList<>();
    lock.lock();
    try {
      Work work = works.get(target);
      if (work == null || isClosed) {
        throw new IOException(target + ": is closed");
      }
      // Before its flights: who is in no queue is never served.
      demanding.add(work);
      for (int i = first; i <= last; i++) {
        if (!target.isPresent(i)) {
          flights.add(work.demand(i));
        }
      }
      if (ahead != null) {
        prefetching.add(work);
        work.prefetch(ahead.first(), ahead.end());
      }
      dispatch();
    } finally {
      lock.unlock();
    }
    return flights;
  }

  /** The caller of {@link #demand} waits no more: what is queued and nobody wants is dropped. */
  void leave(List<Flight> flights) {
    List<Flight> dropped = new ArrayList<>();
    lock.lock();
    try {
      for (Flight flight : flights) {
        if (flight.work.leave(flight)) {
          dropped.add(flight);
        }
      }
    } finally {
      lock.unlock();
    }
    for (Flight flight : dropped) {
      flight.done.completeExceptionally(
          new IOException(flight.work.target + ": nobody waits for it any more"));
    }
  }

  /** Asks for what is absent of spans {@code [first, end)}, for nobody in particular. */
  void prefetch(Target target, int first, int end) {
    lock.lock();
    try {
      Work work = works.get(target);
      if (work != null && !isClosed) {
        prefetching.add(work);
        work.prefetch(first, end);
        dispatch();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Asks for all that is absent, behind everything else, until nothing is absent. */
  void complete(Target target) {
    lock.lock();
    try {
      Work work = works.get(target);
      if (work != null && !isClosed) {
        work.restsUntilNanos = System.nanoTime();
        completing.add(work);
        dispatch();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives {@code target} up: what is queued fails, what runs is cancelled and waited for, within a
   * limit.
   */
  void forget(Target target) {
    lock.lock();
    try {
      Work work = works.remove(target);
      if (work == null) {
        return;
      }
      work.isForgotten = true;
      demanding.remove(work);
      prefetching.remove(work);
      completing.remove(work);
      work.dropQueued(new IOException(target + ": is closed"));
      awaitRuns(work);
    } finally {
      lock.unlock();
    }
  }

  private void awaitRuns(Work work) {
    long left = TimeUnit.MILLISECONDS.toNanos(FORGET_MILLIS);
    boolean interrupted = false;
    while (work.runs > 0 && left > 0) {
      try {
        left = runEnded.awaitNanos(left);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** An origin gave something: if it had been failing, it may now have more requests. */
  void answered(String origin) {
    if (circuits.answered(origin)) {
      dispatchLocking();
    }
  }

  private void dispatchLocking() {
    lock.lock();
    try {
      dispatch();
    } finally {
      lock.unlock();
    }
  }

  /** Starts all that may start now; the caller holds the lock. */
  private void dispatch() {
    try {
      while (runs < limits.maxRequests()) {
        Run run = next();
        if (run == null) {
          return;
        }
        start(run);
      }
    } catch (RuntimeException | Error e) {
      // Such as the end of memory. What waits is told, instead of waiting for nothing.
      works.values().forEach(work -> work.dropQueued(e));
    }
  }

  private @Nullable Run next() {
    if (isClosed) {
      return null;
    }
    Work work = nextOf(demanding, Work::hasDemand, maxRequestsOfOne);
    if (work != null) {
      boolean isLast = demanding.size() == 1 && prefetchRuns < limits.maxPrefetchRequests();
      return new Run(work, work.demandRun(isLast), false);
    }
    if (prefetchRuns >= limits.maxPrefetchRequests()) {
      return null;
    }
    work = nextOf(prefetching, Work::hasPrefetch, maxPrefetchOfOne);
    return work != null ? new Run(work, work.prefetchRun(), false) : nextBackground();
  }

  /** The first of {@code queue} that has something and whose origin may be asked. */
  private @Nullable Work nextOf(Set<Work> queue, Predicate<Work> hasSome, int maxOfOne) {
    queue.removeIf(hasSome.negate());
    for (Work work : queue) {
      if (mayAsk(work.target.origin(), maxOfOne)) {
        return work;
      }
    }
    return null;
  }

  private @Nullable Run nextBackground() {
    completing.removeIf(Work::isFull);
    for (Work work : completing) {
      if (work.restsUntilNanos - System.nanoTime() <= 0
          && mayAsk(work.target.origin(), maxPrefetchOfOne)) {
        List<Flight> flights = work.backgroundRun();
        if (!flights.isEmpty()) {
          return new Run(work, flights, true);
        }
      }
    }
    return null;
  }

  private boolean mayAsk(String origin, int maxOfOne) {
    int[] counted = runsOfOrigin.get(origin);
    int asked = counted == null ? 0 : counted[0];
    return circuits.isFailing(origin)
        ? asked == 0 && failingRuns < maxRequestsOfOne
        : asked < maxOfOne;
  }

  private void start(Run run) {
    Work work = run.work;
    for (Set<Work> queue : List.of(demanding, prefetching, completing)) {
      // Targets take turns.
      if (queue.remove(work)) {
        queue.add(work);
      }
    }
    work.claim(run.flights);
    // From here to the thread that settles them nothing may fail but what is caught.
    run.runsOfOrigin[0]++;
    runs++;
    work.runs++;
    prefetchRuns += run.carriesPrefetch ? 1 : 0;
    failingRuns += run.isOfFailing ? 1 : 0;
    try {
      threads.execute(() -> perform(run));
    } catch (RuntimeException | Error e) {
      run.settleRest(e);
      ended(run);
    }
  }

  private void perform(Run run) {
    try {
      run.fetch(Objects.requireNonNull(BUFFERS.get()));
    } finally {
      ended(run);
    }
  }

  private void ended(Run run) {
    lock.lock();
    try {
      runs--;
      run.work.runs--;
      prefetchRuns -= run.carriesPrefetch ? 1 : 0;
      failingRuns -= run.isOfFailing ? 1 : 0;
      if (--run.runsOfOrigin[0] == 0) {
        runsOfOrigin.remove(run.origin);
      }
      if (run.isBackground && run.hasFailed) {
        long millis = limits.backgroundPauseMillis();
        run.work.restsUntilNanos = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        CompletableFuture.delayedExecutor(millis, TimeUnit.MILLISECONDS)
            .execute(this::dispatchLocking);
      }
      runEnded.signalAll();
      dispatch();
    } finally {
      lock.unlock();
    }
  }

  /** Fails what is queued, and ends each thread when its request ends. Idempotent. */
  @Override
  public void close() {
    lock.lock();
    try {
      isClosed = true;
      IOException why = new IOException("the fetcher is closed");
      works.values().forEach(work -> work.dropQueued(why));
      threads.shutdown();
    } finally {
      lock.unlock();
    }
  }
}
