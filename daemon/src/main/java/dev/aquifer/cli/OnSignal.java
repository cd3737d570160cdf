package dev.aquifer.cli;

import dev.aquifer.daemon.ErrorText;
import java.io.Closeable;
import java.io.IOException;
import java.util.concurrent.locks.LockSupport;

/**
 * Something to close when the process is told to end (SIGINT, SIGTERM, SIGHUP) while this object is
 * open. Java then runs shutdown hooks, beside the threads that are still at work, and exits with
 * 128 and the signal's number.
 */
final class OnSignal implements Closeable {
  private final Thread hook;

  private OnSignal(Thread hook) {
    this.hook = hook;
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /** Closes {@code resource} and exits as usual after a signal. */
  static OnSignal close(Closeable resource) {
    return new OnSignal(new Thread(() -> closeNow(resource), "aquifer-on-signal"));
  }

  /** Closes {@code resource} and exits with {@code exitCode}. */
  static OnSignal endWith(ExitCode exitCode, Closeable resource) {
    return new OnSignal(
        new Thread(
            () -> {
              closeNow(resource);
              Runtime.getRuntime().halt(exitCode.number());
            },
            "aquifer-on-signal"));
  }

  private static void closeNow(Closeable resource) {
    try {
      resource.close();
    } catch (IOException | RuntimeException e) {
      System.err.println("aquifer: while ending: " + ErrorText.of(e));
    }
  }

  /** From now on a signal closes nothing. If one came already, never returns: the process ends. */
  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // Shutting down. Were this thread to go on, it could end the process with another exit code.
      while (true) {
        LockSupport.park(this);
      }
    }
  }
}
