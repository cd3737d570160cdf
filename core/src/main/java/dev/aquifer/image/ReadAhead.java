package dev.aquifer.image;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Decodes what one file's readers will want next, in other threads, while they work on what comes
 * before it:
 *
 * <pre>
 *   file   ...........[ the reader's run ][ a helper's run ][ another's ].............
 *                      ^ reached           ^ assigned up to              ^
 * </pre>
 *
 * <p>A helper leaves out what the reader has reached in the meantime, so that a slow one costs
 * nothing. All of this only makes reads faster: what it does not get done is not missed.
 */
final class ReadAhead {
  /** About how much a helper decodes at a time. */
  static final int RUN_BYTES = 256 * 1024;

  /** How far ahead of a sequential reader the helpers are, at most. */
  private static final long WINDOW_BYTES = 2 << 20;

  private static final int MAX_WAITING = 64;
  private static final int IDLE_SECONDS = 5;
  private static final AtomicInteger HELPERS = new AtomicInteger();
  private static final ThreadPoolExecutor POOL = pool();

  private final FileData file;
  private final Semaphore threads;

  /** Where a read would go on that follows the last one. */
  private final AtomicLong next = new AtomicLong();

  /** What lies before it has been read, or is being read. */
  private final AtomicLong reached = new AtomicLong();

  /** Up to where helpers have been given work. */
  private final AtomicLong assigned = new AtomicLong();

  /**
   * Makes the read-ahead of one file.
   *
   * @param threads counts the threads that may work for the file's image at once
   */
  ReadAhead(FileData file, Semaphore threads) {
    this.file = file;
    this.threads = threads;
  }

  private static ThreadPoolExecutor pool() {
    int size = Runtime.getRuntime().availableProcessors();
    ThreadPoolExecutor pool =
        new ThreadPoolExecutor(
            size,
            size,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(MAX_WAITING),
            task ->
                Thread.ofPlatform()
                    .daemon()
                    .name("aquifer-decode-" + HELPERS.incrementAndGet())
                    .unstarted(task));
    pool.allowCoreThreadTimeOut(true);
    return pool;
  }

  /**
   * Notes that a read begins.
   *
   * @return up to where helpers may work for it
   */
  long begin(long position, long length) {
    boolean isSequential = next.getAndSet(position + length) == position && position > 0;
    reached.set(position);
    if (!isSequential) {
      assigned.set(position);
    }
    return Math.min(file.sizeBytes(), position + length + (isSequential ? WINDOW_BYTES : 0));
  }

  /** Notes that the reader works on what ends at {@code position}. */
  void reach(long position) {
    reached.set(position);
  }

  /** Gives helpers something to do, up to {@code end}, if there are any. */
  void assign(long end) {
    long from = Math.max(assigned.get(), reached.get() + RUN_BYTES);
    while (from < end && threads.tryAcquire()) {
      boolean isTaken = false;
      try {
        List<Extent> run = file.run(from, Math.min(RUN_BYTES, end - from));
        long to = endOf(run.getLast());
        assigned.set(to);
        POOL.execute(() -> help(run));
        isTaken = true;
        from = to;
      } catch (IOException | RejectedExecutionException e) {
        // What is damaged further on is no matter of who reads here.
        assigned.set(end);
        return;
      } finally {
        if (!isTaken) {
          threads.release();
        }
      }
    }
  }

  private void help(List<Extent> run) {
    try (StoredBytes stored = file.storedBytes()) {
      for (int i = 0; i < run.size(); i++) {
        if (run.get(i) instanceof Extent.Encoded && endOf(run.get(i)) > reached.get()) {
          file.clusters().readAhead(run, i, stored, file::name);
        }
      }
    } catch (IOException | RuntimeException e) {
      // Who reads it meets the same, and is told; unless its source is only for the reader's
      // thread.
    } finally {
      threads.release();
    }
  }

  private static long endOf(Extent extent) {
    return extent instanceof Extent.Encoded encoded
        ? encoded.clusterEndBytes()
        : extent.fileOffsetBytes() + extent.lengthBytes();
  }
}
