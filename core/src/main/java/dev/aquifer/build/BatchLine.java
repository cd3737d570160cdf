package dev.aquifer.build;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Fills batches with pieces, has a pool run them, and hands them on in the order in which they were
 * filled, so that the result does not depend on the count of threads. Used by one thread.
 */
final class BatchLine<B extends Batch> {
  /** What becomes of a batch that was run. */
  interface Taker<B> {
    /** Called for each batch in their order; returns what the pool is to do then, in any order. */
    @Nullable Callable<@Nullable Void> take(B batch) throws IOException;
  }

  /** What is decided of batches in their order, when they were read, and before they go on. */
  interface Between<B> {
    /** Called once for each batch. */
    void decide(B batch) throws IOException;

    /** Whether all that the batch just decided on waits for was taken. */
    boolean isReady(B batch);

    /** The second step, run by the pool. */
    void goOn(B batch) throws IOException;
  }

  /** A piece may have up to 64 MiB. */
  private static final long MAX_IN_FLIGHT_BYTES = 256 << 20;

  private record Flight<B>(B batch, Future<?> end) {}

  private final ExecutorService pool;
  private final int maxInFlight;
  private final Arena arena;
  private final BlockSize block;
  private final Function<MemorySegment, B> make;
  private final Taker<B> taker;
  private final @Nullable Between<B> between;
  private final Deque<B> idle = new ArrayDeque<>();

  /** Batches whose first step runs, if there are two. */
  private final Deque<Flight<B>> reading = new ArrayDeque<>();

  private final Deque<Flight<B>> inFlight = new ArrayDeque<>();

  /** Batches that were taken, and which the pool is not done with. */
  private final Deque<Flight<B>> ending = new ArrayDeque<>();

  private long inFlightBytes;
  private B current;

  /**
   * A line without batches.
   *
   * @param arena for the buffers of batches; shared, closed when the pool runs nothing any more
   * @param make makes a batch with a buffer
   * @param taker is called by the thread that adds pieces
   */
  BatchLine(
      ExecutorService pool,
      int threads,
      Arena arena,
      BlockSize block,
      Function<MemorySegment, B> make,
      Taker<B> taker) {
    this(pool, threads, arena, block, make, taker, null);
  }

  /**
   * The same, with two steps.
   *
   * @param between decides, in the thread that adds pieces; null for one step
   */
  BatchLine(
      ExecutorService pool,
      int threads,
      Arena arena,
      BlockSize block,
      Function<MemorySegment, B> make,
      Taker<B> taker,
      @Nullable Between<B> between) {
    this.pool = pool;
    this.maxInFlight = threads + 2;
    this.arena = arena;
    this.block = block;
    this.make = make;
    this.taker = taker;
    this.between = between;
    this.current = newBatch(0);
  }

  private B newBatch(long sizeBytes) {
    return make.apply(arena.allocate(Math.max(block.roundUp(sizeBytes), Batch.USUAL_BYTES), 64));
  }

  /** As {@link Batch#add}; the buffer grows with the piece. */
  void add(Node file, long positionBytes, int lengthBytes, int kind) throws IOException {
    if (current.add(file, positionBytes, lengthBytes, kind)) {
      return;
    }
    submit();
    current = idleBatch(lengthBytes);
    if (!current.add(file, positionBytes, lengthBytes, kind)) {
      throw new AssertionError("an empty batch has no room for " + lengthBytes + " bytes");
    }
  }

  private B idleBatch(int lengthBytes) throws IOException {
    while (!ending.isEmpty() && ending.getFirst().end.isDone()) {
      endOldest();
    }
    for (B batch : idle) {
      if (batch.capacityBytes() >= lengthBytes) {
        idle.remove(batch);
        batch.clear();
        return batch;
      }
    }
    return newBatch(lengthBytes);
  }

  private void submit() throws IOException {
    if (current.count() > 0) {
      (between == null ? inFlight : reading).add(new Flight<>(current, pool.submit(current)));
      inFlightBytes += current.capacityBytes();
    } else {
      idle.add(current);
    }
    while (reading.size() >= maxInFlight) {
      decideOldest();
    }
    while (inFlight.size() >= maxInFlight) {
      takeOldest();
    }
    while (ending.size() >= maxInFlight) {
      endOldest();
    }
    while (inFlightBytes > MAX_IN_FLIGHT_BYTES) {
      if (ending.isEmpty()) {
        takeOldest();
      } else {
        endOldest();
      }
    }
  }

  private void decideOldest() throws IOException {
    Flight<B> flight = reading.remove();
    Object unused = Waiting.on(flight.end);
    Between<B> decider = Objects.requireNonNull(between);
    decider.decide(flight.batch);
    while (!decider.isReady(flight.batch)) {
      takeOldest();
    }
    Callable<@Nullable Void> second =
        () -> {
          decider.goOn(flight.batch);
          return null;
        };
    inFlight.add(new Flight<>(flight.batch, pool.submit(second)));
  }

  private void takeOldest() throws IOException {
    if (inFlight.isEmpty()) {
      decideOldest();
    }
    Flight<B> flight = inFlight.remove();
    Object unused = Waiting.on(flight.end);
    Callable<@Nullable Void> rest = taker.take(flight.batch);
    if (rest == null) {
      end(flight.batch);
    } else {
      ending.add(new Flight<>(flight.batch, pool.submit(rest)));
    }
  }

  private void endOldest() throws IOException {
    Flight<B> flight = ending.remove();
    Object unused = Waiting.on(flight.end);
    end(flight.batch);
  }

  private void end(B batch) {
    inFlightBytes -= batch.capacityBytes();
    idle.add(batch);
  }

  /** Runs and hands on all that is left. */
  void finish() throws IOException {
    submit();
    while (!reading.isEmpty() || !inFlight.isEmpty()) {
      takeOldest();
    }
    while (!ending.isEmpty()) {
      endOldest();
    }
    current = idleBatch(0);
  }
}
