package dev.aquifer.blob;

/**
 * The bounds of a {@link Fetcher}.
 *
 * @param maxRequestBytes the most that one request asks for (a single span may be larger)
 * @param maxRequests requests in flight at once; one origin has at most one less, so that it can't
 *     hold up all others
 * @param maxPrefetchRequests how many of them may carry spans that nobody waits for
 * @param readAheadBytes what is fetched behind a first miss; 0 switches read-ahead off
 * @param maxReadAheadBytes up to where sequential reading doubles that
 * @param maxWaitMillis how long a reader waits while nothing comes of its blob
 * @param backgroundPauseMillis how long the completion of a blob rests after a failure
 */
public record Limits(
    int maxRequestBytes,
    int maxRequests,
    int maxPrefetchRequests,
    long readAheadBytes,
    long maxReadAheadBytes,
    long maxWaitMillis,
    long backgroundPauseMillis) {
  /** What measurements suggest. */
  public static final Limits DEFAULT =
      new Limits(8 << 20, 5, 2, 2 << 20, 32 << 20, 120_000, 30_000);

  /** Refuses what can't work. */
  public Limits {
    if (maxRequestBytes < 1
        || maxRequests < 1
        || maxPrefetchRequests < 0
        || readAheadBytes < 0
        || maxWaitMillis < 1) {
      throw new IllegalArgumentException("limits out of range");
    }
  }

  /** The same with another read-ahead. */
  public Limits withReadAheadBytes(long bytes, long maxBytes) {
    return new Limits(
        maxRequestBytes,
        maxRequests,
        maxPrefetchRequests,
        bytes,
        maxBytes,
        maxWaitMillis,
        backgroundPauseMillis);
  }
}
