package dev.aquifer.blob;

import java.io.Closeable;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Records on disk what was fetched: soon, but many spans at a time. One thread, started with the
 * first work.
 */
final class Flusher implements Closeable {
  /** A blob with spans that are not recorded yet. */
  interface Dirty {
    /** Makes them durable and records them; reports its own failures. */
    void flush();
  }

  private final long delayMillis;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private Set<Dirty> waiting = new LinkedHashSet<>(); // guarded by lock
  private boolean isUrgent; // guarded by lock
  private boolean isClosed; // guarded by lock
  private @Nullable Thread thread; // guarded by lock

  /** Takes how long spans may wait for others. */
  Flusher(long delayMillis) {
    this.delayMillis = delayMillis;
  }

  /** Flushes {@code blob} within the delay, at once if {@code urgent}. */
  void add(Dirty blob, boolean urgent) {
    lock.lock();
    try {
      if (isClosed) {
        return;
      }
      boolean isNew = waiting.add(blob);
      isUrgent |= urgent;
      if (thread == null) {
        thread = Thread.ofPlatform().daemon().name("aquifer-flush").start(this::run);
      }
      if (isNew || urgent) {
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    for (List<Dirty> batch = next(); !batch.isEmpty(); batch = next()) {
      batch.forEach(Dirty::flush);
    }
  }

  /** Waits for work; empty once closed. */
  private List<Dirty> next() {
    lock.lock();
    try {
      while (waiting.isEmpty() && !isClosed) {
        changed.awaitUninterruptibly();
      }
      long left = TimeUnit.MILLISECONDS.toNanos(delayMillis);
      while (left > 0 && !isUrgent && !isClosed) {
        left = changed.awaitNanos(left);
      }
      List<Dirty> batch = new ArrayList<>(waiting);
      waiting = new LinkedHashSet<>();
      isUrgent = false;
      return batch;
    } catch (InterruptedException e) {
      // Nobody has this thread to interrupt it; end as if closed.
      return List.of();
    } finally {
      lock.unlock();
    }
  }

  /** Ends the thread; what waits is flushed by whoever closes the blobs. */
  @Override
  public void close() {
    Thread running;
    lock.lock();
    try {
      isClosed = true;
      waiting.clear();
      changed.signalAll();
      running = thread;
    } finally {
      lock.unlock();
    }
    if (running != null && running != Thread.currentThread()) {
      joinUninterruptibly(running);
    }
  }

  private static void joinUninterruptibly(Thread running) {
    boolean interrupted = false;
    while (running.isAlive()) {
      try {
        running.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
