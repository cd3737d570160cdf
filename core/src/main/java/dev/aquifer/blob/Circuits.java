package dev.aquifer.blob;

import dev.aquifer.io.BackendException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Which origins have failed: after all tries of a request failed, an origin is not asked for a
 * while, and who wants something of it is told so at once. Then it is asked again; it counts as
 * failing until it gives something.
 *
 * <p>Safe for use by many threads.
 */
final class Circuits {
  /** Failures that are remembered; one that nobody asked for lately goes when there are more. */
  private static final int MAX_FAILURES = 1000;

  private record Failure(Instant since, String why, long untilNanos) {}

  private final long pauseMillis;
  private final Map<String, Failure> failures = new HashMap<>(); // guarded by this

  /** Takes how long an origin that failed is left alone. */
  Circuits(long pauseMillis) {
    this.pauseMillis = pauseMillis;
  }

  /** Whether {@code origin} has failed and given nothing since. */
  synchronized boolean isFailing(String origin) {
    return failures.containsKey(origin);
  }

  /** Why {@code origin} is not to be asked now; null if it is. */
  synchronized @Nullable BackendException refusal(String origin) {
    Failure failure = failures.get(origin);
    long left = failure == null ? 0 : failure.untilNanos - System.nanoTime();
    if (failure == null || left <= 0) {
      return null;
    }
    return new BackendException(
        "%s: failing since %s, asked again in %d ms: %s"
            .formatted(
                origin,
                failure.since.truncatedTo(ChronoUnit.SECONDS),
                TimeUnit.NANOSECONDS.toMillis(left) + 1,
                failure.why),
        true,
        null);
  }

  /** All tries of a request failed. */
  synchronized void failed(String origin, BackendException why) {
    long now = System.nanoTime();
    Failure before = failures.get(origin);
    Instant since = before == null ? Instant.now() : before.since;
    if (before == null && failures.size() >= MAX_FAILURES) {
      failures.values().removeIf(failure -> failure.untilNanos - now < 0);
    }
    failures.put(
        origin,
        new Failure(
            since,
            String.valueOf(why.getMessage()),
            now + TimeUnit.MILLISECONDS.toNanos(pauseMillis)));
  }

  /** It gave something; returns whether it had been failing. */
  synchronized boolean answered(String origin) {
    return failures.remove(origin) != null;
  }
}
