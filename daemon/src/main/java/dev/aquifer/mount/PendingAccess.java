package dev.aquifer.mount;

import dev.aquifer.linux.Fanotify;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A reader that waits for bytes which are not there yet. It is answered exactly once, whatever
 * happens: when the bytes have come, when they can't be had, or when the server closes.
 *
 * <p>Safe for use by many threads; {@link #run} is called once.
 */
final class PendingAccess implements Runnable {
  private static final Logger LOG = LoggerFactory.getLogger(PendingAccess.class);

  private static final RepeatedLines LINES = new RepeatedLines();

  private final FanotifyServer server;
  private final int eventFd;
  private final boolean closesFd;
  private final List<LazyFile> files;
  private final long offsetBytes;
  private final long lengthBytes;
  private final AtomicBoolean answered = new AtomicBoolean();

  /**
   * Enters it among those that wait.
   *
   * @param eventFd the descriptor number of the event
   * @param closesFd whether that number is a descriptor of this process, to be closed with the
   *     answer
   * @param files where the range must be there: mostly one; none if it can't be had
   */
  PendingAccess(
      FanotifyServer server,
      int eventFd,
      boolean closesFd,
      List<LazyFile> files,
      long offsetBytes,
      long lengthBytes) {
    this.server = server;
    this.eventFd = eventFd;
    this.closesFd = closesFd;
    this.files = files;
    this.offsetBytes = offsetBytes;
    this.lengthBytes = lengthBytes;
    server.begin(this);
  }

  @Override
  public void run() {
    int response = Fanotify.deny(Denial.EIO);
    try {
      for (LazyFile file : files) {
        long size = file.sizeBytes();
        long offset = Math.clamp(offsetBytes, 0, size);
        file.ensure(offset, Math.clamp(lengthBytes, 0, size - offset));
      }
      if (!files.isEmpty()) {
        response = Fanotify.ALLOW;
      }
    } catch (Throwable e) {
      response = Fanotify.deny(Denial.errnoOf(e));
      if (!answered.get()) {
        log(e);
      }
    } finally {
      answer(response);
    }
  }

  private void log(Throwable e) {
    String name = files.isEmpty() ? "an unknown file" : files.getFirst().name();
    long heldBack = LINES.admit(name + " " + e.getClass().getName(), System.nanoTime());
    if (heldBack >= 0) {
      LOG.warn(
          "{}: bytes {} to {}: a reader got EIO: {}{}",
          name,
          offsetBytes,
          offsetBytes + lengthBytes,
          Denial.reason(e),
          heldBack == 0 ? "" : "; and " + heldBack + " more like this");
    }
  }

  /** Answers, unless it is answered already. */
  void answer(int response) {
    if (answered.compareAndSet(false, true)) {
      server.end(this, eventFd, closesFd, response);
    }
  }

  /** Leaves it to a successor, unless it is answered already. */
  void leave() {
    if (answered.compareAndSet(false, true)) {
      server.leave(this);
    }
  }
}
