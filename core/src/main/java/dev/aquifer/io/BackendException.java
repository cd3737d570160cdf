package dev.aquifer.io;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * An origin did not give what was asked of it. The message names the URL or path, what was wrong,
 * and how often it was tried.
 */
public final class BackendException extends IOException {
  private static final long serialVersionUID = 1;

  private final boolean isTransient;

  /**
   * Takes the whole one-line message.
   *
   * @param isTransient whether asking again may help (time-outs, 503, broken connections)
   */
  public BackendException(String message, boolean isTransient, @Nullable Throwable cause) {
    super(message, cause);
    this.isTransient = isTransient;
  }

  /** Whether the same request may succeed when it is made again. */
  public boolean isTransient() {
    return isTransient;
  }
}
