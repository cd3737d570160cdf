package dev.aquifer.mount;

import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.ErrnoException;
import java.io.Closeable;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps low descriptor numbers from events. A successor must have an event's number free, and it
 * uses low ones itself before it can reserve any: the files of its own code, its sockets. So the
 * kernel is left none of them to give.
 *
 * <p>Safe for use by many threads.
 */
final class LowNumbers implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(LowNumbers.class);

  /** More than a daemon has open when it starts to take over. */
  static final int LIMIT = 128;

  /** Guarded by this. */
  private final List<Integer> taken = new ArrayList<>();

  /** Guarded by this. */
  private boolean isClosed;

  /** Takes all free numbers below the limit. */
  synchronized void take() {
    try {
      while (!isClosed) {
        int fd = Descriptors.eventCounter();
        if (fd >= LIMIT) {
          Descriptors.close(fd);
          return;
        }
        taken.add(fd);
      }
    } catch (ErrnoException e) {
      LOG.warn("low descriptor numbers: {}", e.getMessage());
    }
  }

  /** A number is free. */
  void closed(int fd) {
    if (fd < LIMIT) {
      take();
    }
  }

  /** Frees them all. */
  @Override
  public synchronized void close() {
    isClosed = true;
    taken.forEach(Descriptors::close);
    taken.clear();
  }
}
