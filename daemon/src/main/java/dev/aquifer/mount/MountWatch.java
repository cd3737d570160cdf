package dev.aquifer.mount;

import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.Descriptors.PollSet;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks whenever something may have changed: the kernel's mounts, by whoever; the keeper; or
 * because it was asked to. One platform thread.
 */
final class MountWatch implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(MountWatch.class);
  private static final int MOUNTINFO = 0;
  private static final int WAKE = 1;
  private static final int KEEPER = 2;
  private static final int FIRST_PAUSE_MILLIS = 1;
  private static final int LAST_PAUSE_MILLIS = 500;

  private final Observer observer;
  private final int mountinfoFd;
  private final int wakeFd;
  private final Thread thread;
  private volatile boolean closing;

  /** Guarded by this: its number may mean another file by then. */
  private boolean isClosed;

  /** What is told. All calls come from the one thread. */
  interface Observer {
    /**
     * Mounts may have changed.
     *
     * @return whether something is awaited of which the kernel gives no sign; it is then asked
     *     again soon, with growing pauses
     */
    boolean look() throws IOException;

    /** The descriptor of the keeper's process. */
    int keeperFd();

    /** The keeper has ended. */
    void keeperEnded() throws IOException;
  }

  private MountWatch(Observer observer) throws IOException {
    this.observer = observer;
    this.wakeFd = Descriptors.eventCounter();
    try {
      this.mountinfoFd = Descriptors.openForReading(MountTable.FILE);
    } catch (IOException e) {
      Descriptors.close(wakeFd);
      throw e;
    }
    this.thread = Thread.ofPlatform().name("aquifer-mounts").daemon().unstarted(this::run);
  }

  static MountWatch start(Observer observer) throws IOException {
    MountWatch watch = new MountWatch(observer);
    watch.thread.start();
    return watch;
  }

  /** Asks for a look now. */
  synchronized void wake() {
    if (!isClosed) {
      Descriptors.wake(wakeFd);
    }
  }

  private void run() {
    try (Arena arena = Arena.ofConfined()) {
      PollSet polls = new PollSet(arena, 3);
      polls.set(MOUNTINFO, mountinfoFd, Descriptors.POLLPRI);
      polls.set(WAKE, wakeFd, Descriptors.POLLIN);
      int pauseMillis = FIRST_PAUSE_MILLIS;
      boolean awaits = true;
      while (!closing) {
        polls.set(KEEPER, observer.keeperFd(), Descriptors.POLLIN);
        try {
          boolean changed = polls.await(awaits ? pauseMillis : -1) > 0;
          pauseMillis = changed ? FIRST_PAUSE_MILLIS : Math.min(2 * pauseMillis, LAST_PAUSE_MILLIS);
          awaits = look(polls);
        } catch (Throwable e) {
          // Whatever it was, mounts go on to come and go.
          LOG.error("mounts: {}", Denial.reason(e));
          pauseMillis = LAST_PAUSE_MILLIS;
          awaits = true;
        }
      }
    }
  }

  private boolean look(PollSet polls) throws IOException {
    if (polls.isReady(WAKE)) {
      Descriptors.drain(wakeFd);
    }
    if (closing) {
      return false;
    }
    if (polls.isReady(KEEPER)) {
      observer.keeperEnded();
    }
    return observer.look();
  }

  /** Ends the thread; not to be called by it. */
  @Override
  public void close() {
    if (closing) {
      return;
    }
    closing = true;
    wake();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    synchronized (this) {
      isClosed = true;
      Descriptors.close(wakeFd);
    }
    Descriptors.close(mountinfoFd);
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
