package dev.aquifer.blob;

import dev.aquifer.io.BackendException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;

/**
 * Repeats what failed and may yet succeed. A read that broke off goes on where it was: what the
 * listener was told of is not fetched again.
 */
public final class RetryingBackend implements Backend {
  private static final ReadListener NOBODY = count -> {};

  private final Backend origin;
  private final RetryPolicy policy;

  /** Puts retries around {@code origin}, and owns it. */
  public RetryingBackend(Backend origin, RetryPolicy policy) {
    this.origin = origin;
    this.policy = policy;
  }

  @FunctionalInterface
  private interface Attempt<T> {
    T make() throws IOException;
  }

  @Override
  public String name() {
    return origin.name();
  }

  @Override
  public String origin() {
    return origin.origin();
  }

  @Override
  public Backend withoutRetries() {
    return origin;
  }

  @Override
  public ObjectInfo stat(String key) throws IOException {
    return repeat(() -> origin.stat(key), NOBODY);
  }

  @Override
  public byte[] readAll(String key, int maxBytes) throws IOException {
    return repeat(() -> origin.readAll(key, maxBytes), NOBODY);
  }

  @Override
  public void read(
      String key, ObjectInfo expected, long offsetBytes, MemorySegment dst, ReadListener listener)
      throws IOException {
    Rest rest = new Rest(listener);
    repeat(
        () -> {
          if (!rest.hasAll(dst)) {
            rest.startBytes = rest.receivedBytes;
            origin.read(
                key, expected, offsetBytes + rest.startBytes, dst.asSlice(rest.startBytes), rest);
          }
          return rest;
        },
        listener);
  }

  /** Counts on from where an earlier try ended. */
  private static final class Rest implements ReadListener {
    private final ReadListener listener;
    private long startBytes;
    private long receivedBytes;

    Rest(ReadListener listener) {
      this.listener = listener;
    }

    boolean hasAll(MemorySegment dst) {
      return receivedBytes == dst.byteSize();
    }

    @Override
    public void onRequest() {
      listener.onRequest();
    }

    @Override
    public void onReceived(long countBytes) throws IOException {
      receivedBytes = startBytes + countBytes;
      listener.onReceived(receivedBytes);
    }

    @Override
    public boolean isCancelled() {
      return listener.isCancelled();
    }
  }

  private <T> T repeat(Attempt<T> attempt, ReadListener listener) throws IOException {
    long startNanos = System.nanoTime();
    for (int tries = 1; ; tries++) {
      try {
        return attempt.make();
      } catch (BackendException e) {
        if (!e.isTransient() || listener.isCancelled()) {
          throw e;
        }
        long elapsed = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startNanos);
        long pause = Math.max(policy.pauseMillis(tries), RetryAfter.millisOf(e));
        if (tries >= policy.maxAttempts() || elapsed + pause > policy.maxTotalMillis()) {
          throw new BackendException(
              "%s (tried %d times in %d ms)".formatted(e.getMessage(), tries, elapsed), true, e);
        }
        pause(pause, listener, e);
      }
    }
  }

  private static void pause(long millis, ReadListener listener, BackendException failure)
      throws IOException {
    try {
      if (!RetryPolicy.pause(millis, listener::isCancelled)) {
        throw failure;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw interrupted(failure);
    }
  }

  private static InterruptedIOException interrupted(BackendException failure) {
    InterruptedIOException interrupted =
        new InterruptedIOException(failure.getMessage() + " (interrupted)");
    interrupted.initCause(failure);
    return interrupted;
  }

  @Override
  public void close() throws IOException {
    origin.close();
  }
}
