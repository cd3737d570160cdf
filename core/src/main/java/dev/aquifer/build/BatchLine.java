package dev.aquifer.build;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.function.Function;

/**
 * Fills batches with pieces, has a pool run them, and hands them on in the order in which they were
 * filled, so that the result does not depend on the count of threads. Used by one thread.
 */
final class BatchLine<B extends Batch> {
  /** What becomes of a batch that was run. */
  interface Taker<B> {
    void take(B batch) throws IOException;
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
  private final Deque<B> idle = new ArrayDeque<>();
  private final Deque<Flight<B>> inFlight = new ArrayDeque<>();
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
    this.pool = pool;
    this.maxInFlight = threads + 2;
    this.arena = arena;
    this.block = block;
    this.make = make;
    this.taker = taker;
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

  private B idleBatch(int lengthBytes) {
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
      inFlight.add(new Flight<>(current, pool.submit(current)));
      inFlightBytes += current.capacityBytes();
    } else {
      idle.add(current);
    }
    while (inFlight.size() >= maxInFlight || inFlightBytes > MAX_IN_FLIGHT_BYTES) {
      takeOldest();
    }
  }

  private void takeOldest() throws IOException {
    Flight<B> flight = inFlight.remove();
    Object unused = Waiting.on(flight.end);
    inFlightBytes -= flight.batch.capacityBytes();
    taker.take(flight.batch);
    idle.add(flight.batch);
  }

  /** Runs and hands on all that is left. */
  void finish() throws IOException {
    submit();
    while (!inFlight.isEmpty()) {
      takeOldest();
    }
    current = idleBatch(0);
  }
}
