package dev.aquifer.blob;

import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * How often and for how long a request is repeated that failed and may yet succeed.
 *
 * @param maxAttempts tries in all
 * @param firstPauseMillis the pause before the second try; doubles with each, less up to a half at
 *     random so that many readers don't come back together
 * @param maxPauseMillis the longest pause of our own; an origin may ask for a longer one
 * @param maxTotalMillis no try begins later than this after the first began
 */
public record RetryPolicy(
    int maxAttempts, long firstPauseMillis, long maxPauseMillis, long maxTotalMillis) {
  /** Five tries within half a minute. */
  public static final RetryPolicy DEFAULT = new RetryPolicy(5, 100, 3_000, 30_000);

  private static final long POLL_MILLIS = 50;

  /** How long to rest after so many tries. */
  long pauseMillis(int tries) {
    long pause = Math.min(maxPauseMillis, firstPauseMillis << Math.min(tries - 1, 20));
    return pause - ThreadLocalRandom.current().nextLong(pause / 2 + 1);
  }

  /** Rests, as long as somebody waits; returns whether to the end. */
  static boolean pause(long millis, BooleanSupplier isCancelled) throws InterruptedException {
    long endNanos = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    for (long left = millis; left > 0; left = millisUntil(endNanos)) {
      if (isCancelled.getAsBoolean()) {
        return false;
      }
      Thread.sleep(Math.min(left, POLL_MILLIS));
    }
    return true;
  }

  private static long millisUntil(long endNanos) {
    return TimeUnit.NANOSECONDS.toMillis(endNanos - System.nanoTime() + 999_999);
  }
}
