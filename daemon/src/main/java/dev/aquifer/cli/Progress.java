package dev.aquifer.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;

/**
 * One line on a terminal that tells how far a long work has come; nothing if standard error is no
 * terminal. Safe for use by many threads.
 */
final class Progress implements AutoCloseable {
  private static final long STEP_NANOS = 200_000_000;
  private static final int BAR_CELLS = 30;

  private final PrintWriter err;
  private final String what;
  private final boolean isShown;
  private final long startNanos = System.nanoTime();
  private final AtomicLong doneBytes = new AtomicLong();
  private final AtomicLong shownAtNanos = new AtomicLong(startNanos);
  private volatile long totalBytes;

  private Progress(PrintWriter err, String what, boolean isShown) {
    this.err = err;
    this.what = what;
    this.isShown = isShown;
  }

  /** Tells of {@code what} on {@code err}, if that is a terminal. */
  static Progress of(PrintWriter err, String what) {
    return new Progress(err, what, isTerminal());
  }

  // The JDK tells only whether standard input and output both are one.
  private static boolean isTerminal() {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
    } catch (IOException | RuntimeException e) {
      return false;
    }
  }

  /** How much there is to do; 0 if that is not known. */
  void total(long bytes) {
    totalBytes = bytes;
  }

  /** So much more is done. */
  void add(long bytes) {
    long done = doneBytes.addAndGet(bytes);
    if (!isShown) {
      return;
    }
    long now = System.nanoTime();
    long last = shownAtNanos.get();
    if (now - last >= STEP_NANOS && shownAtNanos.compareAndSet(last, now)) {
      err.print("\r\033[K" + line(what, done, totalBytes, now - startNanos));
      err.flush();
    }
  }

  /** So much of so much is done, in the words of one thread that alone adds to it. */
  void at(long done, long total) {
    totalBytes = total;
    add(done - doneBytes.get());
  }

  static String line(String what, long done, long total, long nanos) {
    String rate = ByteCount.text((long) (done / Math.max(1e-9, nanos / 1e9))) + "/s";
    if (total <= 0) {
      return "%s: %s, %s".formatted(what, ByteCount.text(done), rate);
    }
    long permille = Math.min(1000, (long) (done * 1000.0 / total));
    int filled = (int) (permille * BAR_CELLS / 1000);
    return "%s: [%s%s] %d%% of %s, %s"
        .formatted(
            what,
            "#".repeat(filled),
            ".".repeat(BAR_CELLS - filled),
            permille / 10,
            ByteCount.text(total),
            rate);
  }

  /** Takes the line away. */
  @Override
  public void close() {
    if (isShown && shownAtNanos.get() != startNanos) {
      err.print("\r\033[K");
      err.flush();
    }
  }
}
