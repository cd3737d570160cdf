package dev.aquifer.build;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** The threads of one build. */
final class WorkerPool {
  private static final AtomicInteger COUNT = new AtomicInteger();

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
            WorkerPool::thread));
  }

  // A factory that counts for itself makes a dozen classes for that, which takes milliseconds.
  private static Thread thread(Runnable task) {
    String name = "aquifer-build-" + COUNT.incrementAndGet();
    return Thread.ofPlatform().daemon().name(name).unstarted(task);
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
