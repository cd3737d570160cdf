package dev.aquifer.blob;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/**
 * What is wanted of one target: its flights, queued and running. Guarded by the lock of its {@link
 * Fetcher}.
 */
final class Work {
  /** Prefetched spans that wait; more are not taken on. */
  private static final int MAX_QUEUED_PREFETCH = 4096;

  /** No request carries more spans, however small they are. */
  private static final int MAX_RUN_SPANS = 1024;

  final Fetcher.Target target;
  private final int maxRequestBytes;
  private final Map<Integer, Flight> flights = new HashMap<>();
  private final LinkedHashSet<Flight> demand = new LinkedHashSet<>();
  private final LinkedHashSet<Flight> prefetch = new LinkedHashSet<>();
  private int backgroundFrom;

  /** Runs under way. */
  int runs;

  /** Whether nobody wants anything of it any more. */
  boolean isForgotten;

  /** Its completion rests until then. */
  long restsUntilNanos = System.nanoTime();

  Work(Fetcher.Target target, int maxRequestBytes) {
    this.target = target;
    this.maxRequestBytes = maxRequestBytes;
  }

  boolean hasDemand() {
    return !demand.isEmpty();
  }

  boolean hasPrefetch() {
    return !prefetch.isEmpty();
  }

  /** One more waits for span {@code index}. */
  Flight demand(int index) {
    Flight flight = flights.get(index);
    if (flight == null) {
      flight = new Flight(this, index, true);
      // First the queue: memory may end here, and what is in the queue is settled in any case.
      demand.add(flight);
      flights.put(index, flight);
    } else if (flight.isQueued && !flight.isDemand) {
      demand.add(flight);
      prefetch.remove(flight);
    }
    flight.isDemand = true;
    flight.waiters++;
    return flight;
  }

  /** Queues what is absent of {@code [first, end)} and not under way. */
  void prefetch(int first, int end) {
    for (int i = first; i < end && prefetch.size() < MAX_QUEUED_PREFETCH; i++) {
      if (!target.isPresent(i) && !flights.containsKey(i)) {
        Flight flight = new Flight(this, i, false);
        prefetch.add(flight);
        flights.put(i, flight);
      }
    }
  }

  /**
   * The demanded span that waits longest, with its neighbours.
   *
   * @param isLast whether nobody else waits for anything, so that the request may carry what is to
   *     be fetched ahead if nothing else of this target is demanded either
   */
  List<Flight> demandRun(boolean isLast) {
    Flight first = demand.getFirst();
    long bytes = target.storedBytes(first.index);
    for (int count = 1; count < MAX_RUN_SPANS; count++) {
      Flight before = flights.get(first.index - 1);
      if (before == null || !before.isQueued || !before.isDemand) {
        break;
      }
      bytes += target.storedBytes(before.index);
      if (bytes > maxRequestBytes) {
        break;
      }
      first = before;
    }
    List<Flight> run = new ArrayList<>();
    bytes = extend(run, first, 0);
    if (isLast && run.size() == demand.size()) {
      Flight after = flights.get(run.getLast().index + 1);
      if (after != null && !after.isDemand) {
        extend(run, after, bytes);
      }
    }
    return run;
  }

  /** What was to be fetched ahead first, with its neighbours. */
  List<Flight> prefetchRun() {
    List<Flight> run = new ArrayList<>();
    extend(run, prefetch.getFirst(), 0);
    return run;
  }

  /** Adds {@code from} and what is behind it in the same queue; returns the bytes of the run. */
  private long extend(List<Flight> run, Flight from, long runBytes) {
    long bytes = runBytes;
    Flight flight = from;
    while (flight != null && flight.isQueued && flight.isDemand == from.isDemand) {
      bytes += target.storedBytes(flight.index);
      if (isFull(run, bytes)) {
        break;
      }
      run.add(flight);
      flight = flights.get(flight.index + 1);
    }
    return bytes;
  }

  private boolean isFull(List<Flight> run, long bytes) {
    return !run.isEmpty() && (bytes > maxRequestBytes || run.size() == MAX_RUN_SPANS);
  }

  /** The next absent spans behind the last ones; empty if all that is absent is under way. */
  List<Flight> backgroundRun() {
    List<Flight> run = new ArrayList<>();
    int index = nextFree(backgroundFrom);
    if (index == target.count()) {
      index = nextFree(0);
    }
    long bytes = 0;
    while (index < target.count() && nextFree(index) == index) {
      bytes += target.storedBytes(index);
      if (isFull(run, bytes)) {
        break;
      }
      run.add(new Flight(this, index, false));
      index++;
    }
    backgroundFrom = index;
    return run;
  }

  private int nextFree(int from) {
    int index = target.nextAbsent(from);
    while (index < target.count() && flights.containsKey(index)) {
      index = target.nextAbsent(index + 1);
    }
    return index;
  }

  /** Whether nothing is absent. */
  boolean isFull() {
    return target.nextAbsent(0) == target.count();
  }

  /** A request carries {@code run} from now on. */
  void claim(List<Flight> run) {
    long nowNanos = System.nanoTime();
    for (Flight flight : run) {
      flights.put(flight.index, flight);
    }
    for (Flight flight : run) {
      demand.remove(flight);
      prefetch.remove(flight);
      flight.isQueued = false;
      flight.begunNanos = nowNanos;
    }
  }

  void settled(Flight flight) {
    flights.remove(flight.index, flight);
  }

  /** One waits no more for {@code flight}; returns whether it was dropped, for nobody wants it. */
  boolean leave(Flight flight) {
    flight.waiters--;
    if (flight.waiters > 0 || !demand.remove(flight)) {
      return false;
    }
    settled(flight);
    return true;
  }

  /** Fails what is queued; needs next to no memory. */
  void dropQueued(Throwable why) {
    flights.values().removeIf(flight -> flight.isQueued);
    demand.forEach(flight -> flight.done.completeExceptionally(why));
    prefetch.forEach(flight -> flight.done.completeExceptionally(why));
    demand.clear();
    prefetch.clear();
  }
}
