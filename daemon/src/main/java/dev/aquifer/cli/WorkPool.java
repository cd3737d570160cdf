package dev.aquifer.cli;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Threads that do small works in any order. Who submits more than the queue holds does the work
 * itself. After the first failure nothing more is done.
 */
final class WorkPool implements AutoCloseable {
  /** Works wait here; each may hold a directory open. */
  private static final int QUEUE_WORKS = 128;

  private static final AtomicInteger COUNT = new AtomicInteger();

  private final ThreadPoolExecutor threads;
  private final AtomicReference<IOException> failure = new AtomicReference<>();

  WorkPool(int count) {
    threads =
        new ThreadPoolExecutor(
            count,
            count,
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(QUEUE_WORKS),
            WorkPool::thread,
            new ThreadPoolExecutor.CallerRunsPolicy());
  }

  // A factory that counts for itself makes a dozen classes for that, which takes milliseconds.
  private static Thread thread(Runnable works) {
    String name = "worker-" + COUNT.incrementAndGet();
    return Thread.ofPlatform().daemon().name(name).unstarted(works);
  }

  /** What is to be done. */
  @FunctionalInterface
  interface Work {
    void run() throws IOException;
  }

  /** Lets a thread do {@code work}, unless one has failed before. */
  void submit(Work work) {
    threads.execute(
        () -> {
          try {
            if (failure.get() == null) {
              work.run();
            }
          } catch (IOException e) {
            failure.compareAndSet(null, e);
          } catch (RuntimeException | Error e) {
            failure.compareAndSet(null, new UncheckedFailure(e));
          }
        });
  }

  /** Throws the first failure, if there is one. */
  void check() throws IOException {
    IOException failed = failure.get();
    if (failed instanceof UncheckedFailure unchecked) {
      throw new UncheckedIOException(unchecked);
    }
    if (failed != null) {
      throw failed;
    }
  }

  /** Waits until all is done. */
  void finish() throws IOException {
    threads.shutdown();
    try {
      while (!threads.awaitTermination(1, TimeUnit.DAYS)) {
        check();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while files were being written");
    }
    check();
  }

  /** Does nothing more, and waits for what is being done. */
  @Override
  public void close() {
    failure.compareAndSet(null, new IOException("ended early"));
    threads.shutdown();
    boolean isInterrupted = false;
    while (true) {
      try {
        if (threads.awaitTermination(1, TimeUnit.DAYS)) {
          break;
        }
      } catch (InterruptedException e) {
        isInterrupted = true;
      }
    }
    if (isInterrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static final class UncheckedFailure extends IOException {
    private static final long serialVersionUID = 1;

    UncheckedFailure(Throwable cause) {
      super("internal error: " + cause, cause);
    }
  }
}
