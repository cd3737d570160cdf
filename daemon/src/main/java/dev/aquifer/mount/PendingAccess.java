package dev.aquifer.mount;

import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.Fanotify;
import java.util.Set;
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

  private final Fanotify group;
  private final Set<PendingAccess> waiting;
  private final LazyFile file;
  private final int eventFd;
  private final long offsetBytes;
  private final long lengthBytes;
  private final AtomicBoolean answered = new AtomicBoolean();

  /**
   * Enters it among those that wait.
   *
   * @param waiting where it is until it is answered and its descriptor closed
   * @param eventFd the descriptor of the event; closed with the answer
   */
  PendingAccess(
      Fanotify group,
      Set<PendingAccess> waiting,
      LazyFile file,
      int eventFd,
      long offsetBytes,
      long lengthBytes) {
    this.group = group;
    this.waiting = waiting;
    this.file = file;
    this.eventFd = eventFd;
    this.offsetBytes = offsetBytes;
    this.lengthBytes = lengthBytes;
    waiting.add(this);
  }

  @Override
  public void run() {
    int response = Fanotify.deny(Denial.EIO);
    try {
      file.ensure(offsetBytes, lengthBytes);
      response = Fanotify.ALLOW;
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
    long heldBack = LINES.admit(file.name() + " " + e.getClass().getName(), System.nanoTime());
    if (heldBack >= 0) {
      LOG.warn(
          "{}: bytes {} to {}: a reader got EIO: {}{}",
          file.name(),
          offsetBytes,
          offsetBytes + lengthBytes,
          Denial.reason(e),
          heldBack == 0 ? "" : "; and " + heldBack + " more like this");
    }
  }

  /** Answers, unless it is answered already. */
  void answer(int response) {
    if (!answered.compareAndSet(false, true)) {
      return;
    }
    try {
      // A reader that was killed meanwhile needs no answer: the kernel then takes none.
      boolean unused = group.answer(eventFd, response);
    } finally {
      Descriptors.close(eventFd);
      waiting.remove(this);
    }
  }
}
