package dev.aquifer.blob;

import java.io.IOException;

/** The cause of a failure after which the origin named the time to come back. */
final class RetryAfter extends IOException {
  private static final long serialVersionUID = 1;

  private final long millis;

  RetryAfter(long millis) {
    super("the origin asks to wait " + millis + " ms");
    this.millis = millis;
  }

  /** The pause that {@code failure}'s origin asked for; 0 for none. */
  static long millisOf(Throwable failure) {
    return failure.getCause() instanceof RetryAfter after ? after.millis : 0;
  }
}
