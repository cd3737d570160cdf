package dev.aquifer.mount;

import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.Descriptors.PollSet;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.Fanotify;
import dev.aquifer.linux.FanotifyEvents;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers the kernel when it asks for bytes of marked files. One thread reads the events and
 * answers at once where the bytes are there; another each waits for what is missing.
 *
 * <p>The event thread touches no file and waits for nothing but events, so that this process may
 * itself read from the mounts that it serves. Those that wait for missing bytes are platform
 * threads, too: a virtual thread that reads a file holds its carrier, so that a few of them reading
 * from such a mount would leave none to the one that could help them. For one event whose bytes are
 * there it makes five system calls (poll, read, fstat, write, close) and no garbage.
 *
 * <p>What can't be answered with "allow" in good conscience is denied: a file that no mount uses,
 * an event without a range for a file that is not complete, anything unexpected.
 */
final class FanotifyServer implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(FanotifyServer.class);
  private static final int EVENTS = 0;
  private static final int WAKE = 1;
  private static final int HANDED_OVER = 0;

  /** Misses that are fetched at once; further ones wait their turn. Each is a reader that waits. */
  private static final int MAX_MISS_THREADS = 256;

  private static final long IDLE_SECONDS = 10;

  private final Fanotify group;
  private final WatchedFiles files;
  private final int wakeFd;
  private final Thread thread;
  private final ThreadPoolExecutor misses;
  private final Set<PendingAccess> waiting = ConcurrentHashMap.newKeySet();
  private volatile boolean closing;

  private FanotifyServer(Fanotify group, String threadName) throws ErrnoException {
    this.group = group;
    this.files = new WatchedFiles(group);
    this.wakeFd = Descriptors.eventCounter();
    this.thread = Thread.ofPlatform().name(threadName).daemon().unstarted(this::serve);
    this.misses =
        new ThreadPoolExecutor(
            MAX_MISS_THREADS,
            MAX_MISS_THREADS,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform().name(threadName + "-miss-", 1).daemon().factory());
    misses.allowCoreThreadTimeOut(true);
  }

  /** Starts to serve {@code group}, which stays the caller's. */
  static FanotifyServer start(Fanotify group, String threadName) throws ErrnoException {
    FanotifyServer server = new FanotifyServer(group, threadName);
    server.thread.start();
    return server;
  }

  /** As {@link WatchedFiles#watch}. */
  Closeable watch(LazyFile file, Prefetch prefetch) throws IOException {
    return files.watch(file, prefetch);
  }

  /** How many files are marked now. */
  int markedCount() {
    return files.markedCount();
  }

  /** How many readers wait now. */
  int waitingCount() {
    return waiting.size();
  }

  private void serve() {
    try (Arena arena = Arena.ofConfined()) {
      PollSet polls = new PollSet(arena, 2);
      polls.set(EVENTS, group.fd(), Descriptors.POLLIN);
      polls.set(WAKE, wakeFd, Descriptors.POLLIN);
      FanotifyEvents events = new FanotifyEvents(group, arena);
      while (!closing) {
        serveOnce(polls, events);
      }
    }
  }

  private void serveOnce(PollSet polls, FanotifyEvents events) {
    try {
      polls.await(-1);
      if (!polls.isReady(EVENTS)) {
        return;
      }
      events.read();
      while (events.next()) {
        int response = decide(events);
        if (response != HANDED_OVER) {
          events.answer(response);
        }
      }
    } catch (Throwable e) {
      // Such as too many open files: the kernel has then denied that one event by itself.
      LOG.error("events of the kernel: {}", Denial.reason(e));
      // Should it never end, then not with a full processor and a full log.
      LockSupport.parkNanos(10_000_000);
    }
  }

  /** The answer, or {@link #HANDED_OVER} if a thread gives it. Throws nothing. */
  private int decide(FanotifyEvents event) {
    try {
      if (event.isOverflow()) {
        LOG.error(
            "the kernel lost events, and let their readers go on: unexpected without a limit");
      }
      if (event.fd() < 0) {
        return HANDED_OVER;
      }
      LazyFile file = event.identify() ? files.find(event.device(), event.inode()) : null;
      if (file == null) {
        return Fanotify.deny(Denial.EIO);
      }
      // The kernel asks for whole pages, and reads ahead beyond the end.
      long size = file.sizeBytes();
      long offset = event.hasRange() ? Math.clamp(event.offsetBytes(), 0, size) : 0;
      long length = event.hasRange() ? Math.clamp(event.lengthBytes(), 0, size - offset) : size;
      if (length == 0 || file.isPresent(offset, length)) {
        return Fanotify.ALLOW;
      }
      return handOver(event.fd(), file, offset, length);
    } catch (Throwable e) {
      LOG.error("event of the kernel: denied: {}", Denial.reason(e));
      return Fanotify.deny(Denial.EIO);
    }
  }

  private int handOver(int eventFd, LazyFile file, long offset, long length) {
    PendingAccess access = new PendingAccess(group, waiting, file, eventFd, offset, length);
    try {
      misses.execute(access);
    } catch (Throwable e) {
      LOG.error("{}: denied: {}", file.name(), Denial.reason(e));
      access.answer(Fanotify.deny(Denial.EAGAIN));
    }
    return HANDED_OVER;
  }

  /**
   * Stops serving and denies those who wait. Later events stay in the group's queue, and their
   * readers wait, as long as anybody holds the group.
   */
  @Override
  public void close() {
    if (closing) {
      return;
    }
    closing = true;
    files.close();
    Descriptors.wake(wakeFd);
    boolean interrupted = join();
    // Not interrupted: that would close the files under those that just write.
    misses.shutdown();
    waiting.forEach(access -> access.answer(Fanotify.deny(Denial.EAGAIN)));
    // Those that another thread is just answering: a write and a close, nothing that waits.
    while (!waiting.isEmpty()) {
      LockSupport.parkNanos(100_000);
    }
    Descriptors.close(wakeFd);
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private boolean join() {
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        return interrupted;
      } catch (InterruptedException e) {
        // The group must not be closed under the thread's feet.
        interrupted = true;
      }
    }
  }
}
