package dev.aquifer.blob;

import java.util.concurrent.CompletableFuture;

/**
 * One span that is being fetched or will be. All who want the span share it.
 *
 * <p>Its changing fields are guarded by the lock of the {@link Fetcher}.
 */
final class Flight {
  /** How a flight ended. */
  sealed interface Outcome {
    /** The span is present. */
    record Present() implements Outcome {}

    /** The span could not be had. */
    record Failed(Throwable cause) implements Outcome {}
  }

  final Fetcher.Target target;
  final int index;

  /** Whether it waits in a queue; else a request carries it. */
  boolean isQueued = true;

  /** Whether somebody waits for it. */
  boolean isDemand;

  /** Completed outside the lock, and never exceptionally. */
  final CompletableFuture<Outcome> done = new CompletableFuture<>();

  Flight(Fetcher.Target target, int index, boolean isDemand) {
    this.target = target;
    this.index = index;
    this.isDemand = isDemand;
  }
}
