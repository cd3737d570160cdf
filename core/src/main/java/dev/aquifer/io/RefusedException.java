package dev.aquifer.io;

import java.io.IOException;

/**
 * A request that a rule forbids, or that the system refused: an errno, and the reason in words
 * (what, which names, which rule, what to do).
 */
public final class RefusedException extends IOException {
  private static final long serialVersionUID = 1;

  private final Errno errno;

  /** Takes the errno that a system call would give, and the whole one-line message. */
  public RefusedException(Errno errno, String message) {
    super(message);
    this.errno = errno;
  }

  /** The errno. */
  public Errno errno() {
    return errno;
  }
}
