package dev.aquifer.blob;

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
}
