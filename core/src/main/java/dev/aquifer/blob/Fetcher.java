package dev.aquifer.blob;

import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Makes the requests: neighbouring missing spans in one, no span twice at once, no more than a cap
 * in flight, and what readers wait for strictly before what is fetched ahead.
 *
 * <p>Three ranks: demand (somebody waits), prefetch (somebody will probably ask), background (the
 * blob is to be completed). A request starts with the best rank there is; behind its demanded spans
 * it carries the prefetched ones that follow them, as long as no other demand waits. Each request
 * is made by a thread of this fetcher; threads and their buffers go when they have been idle for a
 * while. Safe for use by many threads.
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

    /** Fetches the spans of {@code run} and settles each of them. */
    void fetch(Run run, FetchBuffers buffers);
  }

  /** Prefetched spans that wait; more are not taken on. */
  private static final int MAX_QUEUED_PREFETCH = 4096;

  /** No request carries more spans, however small they are. */
  private static final int MAX_RUN_SPANS = 1024;

  private static final long IDLE_MILLIS = 2_000;
  private static final long FORGET_MILLIS = 30_000;

  /** The work for one target. */
  private static final class Work {
    final Map<Integer, Flight> flights = new HashMap<>();
    int runs;
    boolean isForgotten;
    long backgroundNanos;
    int backgroundFrom;
  }

  private final Limits limits;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition workCame = lock.newCondition();
  private final Condition runEnded = lock.newCondition();
  private final Map<Target, Work> works = new HashMap<>(); // guarded by lock
  private final LinkedHashSet<Flight> demand = new LinkedHashSet<>(); // guarded by lock
  private final LinkedHashSet<Flight> prefetch = new LinkedHashSet<>(); // guarded by lock
  private final LinkedHashSet<Target> background = new LinkedHashSet<>(); // guarded by lock
  private int threads; // guarded by lock
  private int idleThreads; // guarded by lock
  private int prefetchRuns; // guarded by lock
  private long threadNumber; // guarded by lock
  private boolean isClosed; // guarded by lock

  /** Starts no thread yet. */
  public Fetcher(Limits limits) {
    this.limits = limits;
  }

  /** The same with {@link Limits#DEFAULT}. */
  public Fetcher() {
    this(Limits.DEFAULT);
  }

  /** Its bounds. */
  public Limits limits() {
    return limits;
  }

  /** Spans of one target that one thread fetches in order. */
  final class Run {
    final Target target;
    final int first;
    final int last;
    private final Work work;
    private final List<Flight> flights;
    private final boolean carriesPrefetch;
    private final boolean isBackground;
    private boolean hasFailed; // guarded by lock

    private Run(Work work, List<Flight> flights, boolean isBackground) {
      this.target = flights.getFirst().target;
      this.first = flights.getFirst().index;
      this.last = flights.getLast().index;
      this.work = work;
      this.flights = flights;
      this.isBackground = isBackground;
      this.carriesPrefetch = flights.stream().anyMatch(flight -> !flight.isDemand);
      for (Flight flight : flights) {
        flight.isQueued = false;
      }
    }

    /** The span is present, or could not be had. Later calls for the same span do nothing. */
    void settle(int index, Flight.Outcome outcome) {
      Flight flight = flights.get(index - first);
      lock.lock();
      try {
        hasFailed |= outcome instanceof Flight.Outcome.Failed;
        work.flights.remove(index, flight);
      } finally {
        lock.unlock();
      }
      flight.done.complete(outcome);
    }

    /** Whether anybody waits for a span from {@code index} on. */
    boolean isAwaited(int index) {
      lock.lock();
      try {
        return flights.stream().anyMatch(flight -> flight.isDemand && flight.index >= index);
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

    private void fetch(FetchBuffers buffers) {
      Throwable failure = new IllegalStateException("span was not settled");
      try {
        target.fetch(this, buffers);
      } catch (RuntimeException | Error e) {
        failure = e;
      }
      for (int i = first; i <= last; i++) {
        if (!flights.get(i - first).done.isDone()) {
          settle(i, new Flight.Outcome.Failed(failure));
        }
      }
    }
  }

  /** Takes {@code target} on. */
  void add(Target target) {
    lock.lock();
    try {
      works.put(target, new Work());
    } finally {
      lock.unlock();
    }
  }

  /**
   * Asks for what is absent of {@code [first, last]}, and behind it for {@code ahead}.
   *
   * @return the flights to wait for
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
      for (int i = first; i <= last; i++) {
        if (!target.isPresent(i)) {
          flights.add(demandOne(target, work, i));
        }
      }
      if (ahead != null) {
        queuePrefetch(target, work, ahead.first(), ahead.end());
      }
      wake();
    } finally {
      lock.unlock();
    }
    return flights;
  }

  private Flight demandOne(Target target, Work work, int index) {
    Flight flight = work.flights.get(index);
    if (flight == null) {
      flight = new Flight(target, index, true);
      work.flights.put(index, flight);
      demand.add(flight);
    } else if (flight.isQueued && !flight.isDemand) {
      prefetch.remove(flight);
      demand.add(flight);
    }
    flight.isDemand = true;
    return flight;
  }

  /** Asks for what is absent of spans {@code [first, end)}, for nobody in particular. */
  void prefetch(Target target, int first, int end) {
    lock.lock();
    try {
      Work work = works.get(target);
      if (work != null && !isClosed) {
        queuePrefetch(target, work, first, end);
        wake();
      }
    } finally {
      lock.unlock();
    }
  }

  private void queuePrefetch(Target target, Work work, int first, int end) {
    for (int i = first; i < end && prefetch.size() < MAX_QUEUED_PREFETCH; i++) {
      if (!target.isPresent(i) && !work.flights.containsKey(i)) {
        Flight flight = new Flight(target, i, false);
        work.flights.put(i, flight);
        prefetch.add(flight);
      }
    }
  }

  /** Asks for all that is absent, behind everything else. */
  void complete(Target target) {
    lock.lock();
    try {
      Work work = works.get(target);
      if (work != null && !isClosed) {
        work.backgroundNanos = System.nanoTime();
        background.add(target);
        wake();
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
    List<Flight> dropped = new ArrayList<>();
    lock.lock();
    try {
      Work work = works.remove(target);
      if (work == null) {
        return;
      }
      work.isForgotten = true;
      background.remove(target);
      for (Flight flight : work.flights.values()) {
        if (flight.isQueued) {
          demand.remove(flight);
          prefetch.remove(flight);
          dropped.add(flight);
        }
      }
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
    } finally {
      lock.unlock();
    }
    fail(dropped, target + ": is closed");
  }

  /** Makes sure that a thread takes what can be taken. */
  private void wake() {
    boolean hasWork =
        !demand.isEmpty()
            || prefetchRuns < limits.maxPrefetchRequests()
                && !(prefetch.isEmpty() && background.isEmpty());
    if (!hasWork) {
      return;
    }
    if (idleThreads > 0) {
      workCame.signal();
    } else if (threads < limits.maxRequests()) {
      Thread.ofPlatform().daemon().name("aquifer-fetch-" + ++threadNumber).start(this::work);
      threads++;
    }
  }

  private void work() {
    try (FetchBuffers buffers = new FetchBuffers()) {
      for (Run run = take(); run != null; run = take()) {
        run.fetch(buffers);
        ended(run);
      }
    }
  }

  /** The next run; null after a while without one, when the thread has to end. */
  private @Nullable Run take() {
    lock.lock();
    try {
      Run run = next();
      while (run == null && !isClosed) {
        boolean isWorth = awaitWork();
        run = next();
        if (run == null && !isWorth) {
          break;
        }
      }
      if (run == null) {
        threads--;
        return null;
      }
      run.work.runs++;
      prefetchRuns += run.carriesPrefetch ? 1 : 0;
      // There may be more than one thread's work.
      wake();
      return run;
    } finally {
      lock.unlock();
    }
  }

  /** Waits for work; returns whether the thread should stay if there is none. */
  @SuppressWarnings("WaitNotInLoop") // The caller loops.
  private boolean awaitWork() {
    long wait = TimeUnit.MILLISECONDS.toNanos(IDLE_MILLIS);
    // The completion of a blob that rests after a failure needs one thread to resume it.
    boolean isNeeded = !background.isEmpty() && idleThreads == 0;
    long now = System.nanoTime();
    for (Target target : background) {
      long rest = workOf(target).backgroundNanos - now;
      wait = rest > 0 ? Math.min(wait, rest) : wait;
    }
    idleThreads++;
    try {
      return workCame.awaitNanos(wait) > 0 || isNeeded;
    } catch (InterruptedException e) {
      // Nobody has this thread to interrupt it.
      return false;
    } finally {
      idleThreads--;
    }
  }

  private Work workOf(Target target) {
    Work work = works.get(target);
    if (work == null) {
      throw new IllegalStateException(target + " has work and is not known");
    }
    return work;
  }

  private void ended(Run run) {
    lock.lock();
    try {
      run.work.runs--;
      prefetchRuns -= run.carriesPrefetch ? 1 : 0;
      if (run.isBackground && run.hasFailed) {
        run.work.backgroundNanos =
            System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(limits.backgroundPauseMillis());
      }
      runEnded.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private @Nullable Run next() {
    if (isClosed) {
      return null;
    }
    if (!demand.isEmpty()) {
      return nextDemand(demand.getFirst());
    }
    if (prefetchRuns >= limits.maxPrefetchRequests()) {
      return null;
    }
    if (!prefetch.isEmpty()) {
      Flight first = prefetch.getFirst();
      List<Flight> flights = new ArrayList<>();
      extend(flights, first, false);
      return new Run(workOf(first.target), flights, false);
    }
    return nextBackground();
  }

  private Run nextDemand(Flight wanted) {
    Work work = workOf(wanted.target);
    Flight first = wanted;
    long bytes = wanted.target.storedBytes(wanted.index);
    for (int count = 1; count < MAX_RUN_SPANS; count++) {
      Flight before = work.flights.get(first.index - 1);
      if (before == null || !before.isQueued || !before.isDemand) {
        break;
      }
      bytes += before.target.storedBytes(before.index);
      if (bytes > limits.maxRequestBytes()) {
        break;
      }
      first = before;
    }
    List<Flight> flights = new ArrayList<>();
    extend(flights, first, true);
    if (demand.isEmpty() && prefetchRuns < limits.maxPrefetchRequests()) {
      Flight after = work.flights.get(flights.getLast().index + 1);
      if (after != null && after.isQueued) {
        extend(flights, after, false);
      }
    }
    return new Run(work, flights, false);
  }

  /** Moves {@code from} and its neighbours behind from their queue to {@code flights}. */
  private void extend(List<Flight> flights, Flight from, boolean isDemand) {
    Work work = workOf(from.target);
    long bytes = 0;
    for (Flight flight : flights) {
      bytes += flight.target.storedBytes(flight.index);
    }
    Flight flight = from;
    while (flight != null && flight.isQueued && flight.isDemand == isDemand) {
      bytes += flight.target.storedBytes(flight.index);
      if (!flights.isEmpty()
          && (bytes > limits.maxRequestBytes() || flights.size() == MAX_RUN_SPANS)) {
        return;
      }
      (isDemand ? demand : prefetch).remove(flight);
      flights.add(flight);
      flight = work.flights.get(flight.index + 1);
    }
  }

  private @Nullable Run nextBackground() {
    long now = System.nanoTime();
    for (Iterator<Target> i = background.iterator(); i.hasNext(); ) {
      Target target = i.next();
      Work work = workOf(target);
      if (work.backgroundNanos - now > 0) {
        continue;
      }
      List<Flight> flights = absentRun(target, work);
      if (!flights.isEmpty()) {
        // Targets take turns.
        i.remove();
        background.add(target);
        return new Run(work, flights, true);
      }
      if (work.runs == 0) {
        i.remove();
      }
    }
    return null;
  }

  /** Claims the next absent spans behind the last ones; empty if there are none. */
  private List<Flight> absentRun(Target target, Work work) {
    List<Flight> flights = new ArrayList<>();
    int index = nextFree(target, work, work.backgroundFrom);
    if (index == target.count()) {
      index = nextFree(target, work, 0);
    }
    long bytes = 0;
    while (index < target.count()
        && flights.size() < MAX_RUN_SPANS
        && isFree(target, work, index)) {
      bytes += target.storedBytes(index);
      if (!flights.isEmpty() && bytes > limits.maxRequestBytes()) {
        break;
      }
      Flight flight = new Flight(target, index, false);
      flights.add(flight);
      work.flights.put(index, flight);
      index++;
    }
    work.backgroundFrom = index;
    return flights;
  }

  private static boolean isFree(Target target, Work work, int index) {
    return target.nextAbsent(index) == index && !work.flights.containsKey(index);
  }

  private static int nextFree(Target target, Work work, int from) {
    int index = target.nextAbsent(from);
    while (index < target.count() && work.flights.containsKey(index)) {
      index = target.nextAbsent(index + 1);
    }
    return index;
  }

  /** Fails what is queued, and ends each thread when its request ends. Idempotent. */
  @Override
  public void close() {
    List<Flight> dropped;
    lock.lock();
    try {
      isClosed = true;
      dropped = new ArrayList<>(demand);
      dropped.addAll(prefetch);
      demand.clear();
      prefetch.clear();
      background.clear();
      workCame.signalAll();
    } finally {
      lock.unlock();
    }
    fail(dropped, "the fetcher is closed");
  }

  private static void fail(List<Flight> flights, String why) {
    for (Flight flight : flights) {
      flight.done.complete(new Flight.Outcome.Failed(new IOException(why)));
    }
  }
}
