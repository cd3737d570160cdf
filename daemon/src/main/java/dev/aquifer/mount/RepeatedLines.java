package dev.aquifer.mount;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Keeps a log short: an origin that is away fails a read of each page of each file.
 *
 * <p>Safe for use by many threads.
 */
final class RepeatedLines {
  private static final long PAUSE_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final int MAX_KINDS = 1_000;

  /** Guarded by this. */
  private final Map<String, Kind> kinds = new HashMap<>();

  private static final class Kind {
    private long loggedNanos;
    private long heldBack;
  }

  /**
   * Whether a line of this kind is to be logged now.
   *
   * @return -1 if one was logged seconds ago; else how many were held back since the last one
   */
  synchronized long admit(String kind, long nowNanos) {
    if (kinds.size() >= MAX_KINDS) {
      kinds.clear();
    }
    Kind seen = kinds.get(kind);
    if (seen == null) {
      seen = new Kind();
      kinds.put(kind, seen);
    } else if (nowNanos - seen.loggedNanos < PAUSE_NANOS) {
      seen.heldBack++;
      return -1;
    }
    seen.loggedNanos = nowNanos;
    long heldBack = seen.heldBack;
    seen.heldBack = 0;
    return heldBack;
  }
}
