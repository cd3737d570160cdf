package dev.aquifer.blob;

import java.util.concurrent.CompletableFuture;

/**
 * One span that is being fetched or will be. All who want the span share it.
 *
 * <p>Its changing fields are guarded by the lock of the {@link Fetcher}.
 */
final class Flight {
  final Work work;
  final int index;

  /** Whether it waits in a queue; else a request carries it. */
  boolean isQueued = true;

  /** When a request began to carry it; fixed before it completes. */
  long begunNanos;

  /** Whether it was asked for by somebody who waits; else it is fetched ahead. */
  boolean isDemand;

  /** How many wait for it. */
  int waiters;

  /** Completes when the span is present; exceptionally if it could not be had. */
  final CompletableFuture<Void> done = new CompletableFuture<>();

  Flight(Work work, int index, boolean isDemand) {
    this.work = work;
    this.index = index;
    this.isDemand = isDemand;
  }

  /** Whether it could not be had by a request that had begun before {@code nanos}. */
  boolean failedSinceBefore(long nanos) {
    return done.isCompletedExceptionally() && !isQueued && begunNanos - nanos < 0;
  }
}
