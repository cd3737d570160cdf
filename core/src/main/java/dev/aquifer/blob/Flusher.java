package dev.aquifer.blob;

import java.io.Closeable;
import java.lang.System.Logger;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Records on disk what was fetched: soon, but many spans at a time. One thread, that goes when it
 * has been idle for a while. Safe for use by many threads.
 */
final class Flusher implements Closeable {
  /** A blob with spans that are not recorded yet. */
  interface Dirty {
    /** Records them; reports its own failures. */
    void flush();
  }

  private static final Logger LOG = System.getLogger(Flusher.class.getName());
  private static final long IDLE_SECONDS = 10;

  private final long delayMillis;
  private final Set<Dirty> waiting = ConcurrentHashMap.newKeySet();
  private final ScheduledThreadPoolExecutor executor;

  /** Takes how long spans may wait for others. */
  Flusher(long delayMillis) {
    this.delayMillis = delayMillis;
    this.executor =
        new ScheduledThreadPoolExecutor(
            1,
            Thread.ofPlatform().daemon().name("aquifer-flush").factory(),
            new ThreadPoolExecutor.DiscardPolicy());
    executor.setKeepAliveTime(IDLE_SECONDS, TimeUnit.SECONDS);
    executor.allowCoreThreadTimeOut(true);
  }

  /** Flushes {@code blob} within the delay, at once if {@code urgent}. */
  void add(Dirty blob, boolean urgent) {
    if (waiting.add(blob) || urgent) {
      try {
        Future<?> unused =
            executor.schedule(() -> flush(blob), urgent ? 0 : delayMillis, TimeUnit.MILLISECONDS);
      } catch (RuntimeException | Error e) {
        waiting.remove(blob);
        throw e;
      }
    }
  }

  private void flush(Dirty blob) {
    // First: what becomes present from now on is added again.
    waiting.remove(blob);
    try {
      blob.flush();
    } catch (RuntimeException | Error e) {
      LOG.log(Logger.Level.ERROR, "recording what was fetched failed, tried again", e);
      add(blob, false);
    }
  }

  /** Ends the thread; what waits is flushed by whoever closes the blobs. */
  @Override
  public void close() {
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    executor.shutdown();
    boolean interrupted = false;
    while (!executor.isTerminated()) {
      try {
        executor.awaitTermination(1, TimeUnit.MINUTES);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
