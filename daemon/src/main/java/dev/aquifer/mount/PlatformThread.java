package dev.aquifer.mount;

import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * Runs native calls that may wait for a disk in a thread of their own: a virtual thread would hold
 * its carrier meanwhile.
 */
final class PlatformThread {
  private PlatformThread() {}

  /** A piece of work that gives something. */
  interface Work<T> {
    T run() throws IOException;
  }

  /** Does {@code work} and returns what it gives, or throws what it throws. An interrupt waits. */
  static <T> T call(String threadName, Work<T> work) throws IOException {
    FutureTask<T> task = new FutureTask<>(work::run);
    Thread.ofPlatform().name(threadName).daemon().start(task);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return task.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case IOException cause -> throw cause;
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        case null, default -> throw new IllegalStateException(e);
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
