package dev.aquifer.cli;

import org.jspecify.annotations.Nullable;

/** Ends a command with an exit code and one line on standard error. */
final class FailedException extends Exception {
  private static final long serialVersionUID = 1;

  private final ExitCode exitCode;

  FailedException(ExitCode exitCode, String message) {
    this(exitCode, message, null);
  }

  FailedException(ExitCode exitCode, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.exitCode = exitCode;
  }

  ExitCode exitCode() {
    return exitCode;
  }
}
