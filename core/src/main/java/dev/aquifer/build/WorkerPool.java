package dev.aquifer.build;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** The threads of one build. */
final class WorkerPool {
  private final ThreadPoolExecutor executor;

  private WorkerPool(ThreadPoolExecutor executor) {
    this.executor = executor;
  }

  static WorkerPool start(int threads) {
    return new WorkerPool(
        new ThreadPoolExecutor(
            threads,
            threads,
            0,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform().daemon().name("aquifer-build-", 1).factory()));
  }

  ExecutorService executor() {
    return executor;
  }

  /**
   * Waits until no task runs. They are not interrupted, since that would close the files that they
   * read; what has not begun is dropped.
   */
  void end() {
    executor.getQueue().clear();
    executor.shutdown();
    boolean interrupted = false;
    boolean ended = false;
    while (!ended) {
      try {
        // Each task is short.
        ended = executor.awaitTermination(1, TimeUnit.MINUTES);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
