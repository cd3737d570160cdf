package dev.aquifer.mount;

import dev.aquifer.io.Failpoint;
import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.Descriptors.FileId;
import dev.aquifer.linux.Descriptors.PollSet;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.Fanotify;
import dev.aquifer.linux.FanotifyEvents;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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

  /** How long those who wait already have to get their bytes when the server closes. */
  private static final long FINISH_NANOS = 5_000_000_000L;

  /** The same when a successor waits: later readers wait as long. */
  private static final long HAND_OVER_NANOS = 500_000_000L;

  private final Fanotify group;
  private final Journal journal;
  private final WatchedFiles files;
  private final int wakeFd;
  private final Thread thread;
  private final ThreadPoolExecutor misses;
  private final Set<PendingAccess> waiting = ConcurrentHashMap.newKeySet();

  /** What a predecessor left, and whether its number is reserved. */
  private final Map<Journal.Orphan, Boolean> orphans = new LinkedHashMap<>();

  /** Orphans whose number this process has in use; from the start known to the event thread. */
  private final List<PendingAccess> unreserved = new ArrayList<>();

  private final LowNumbers lowNumbers = new LowNumbers();

  private volatile boolean closing;

  private FanotifyServer(Fanotify group, Journal journal, String threadName) throws ErrnoException {
    this.group = group;
    this.journal = journal;
    this.files = new WatchedFiles(group);
    for (Journal.Orphan orphan : journal.orphans(group)) {
      // As early as may be: few descriptors are open yet, and its number is mostly free.
      orphans.put(orphan, Descriptors.reserve(orphan.eventFd()));
    }
    // Before anything else is opened that may be closed while events come.
    lowNumbers.take();
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

  /** A server of {@code group}, which stays the caller's, as does the journal. */
  static FanotifyServer create(Fanotify group, Journal journal, String threadName)
      throws ErrnoException {
    return new FanotifyServer(group, journal, threadName);
  }

  /**
   * Starts to serve, first what a predecessor had read of the group and not answered. Until then
   * all readers wait.
   *
   * @param knowsAll whether all files that the group is asked about are watched
   */
  void start(boolean knowsAll) {
    orphans.forEach((orphan, isReserved) -> answerOrphan(orphan, isReserved, knowsAll));
    orphans.clear();
    thread.start();
  }

  /**
   * The number of an orphan must not come with a new event as long as it is not answered: the
   * answer would be taken for the other's. So it is taken by a descriptor that is closed with the
   * answer, as the event's own would be. If it is in use already, it may be free at any time, and
   * no event is read before the answer; {@link LowNumbers} sees to it that this hardly happens.
   */
  private void answerOrphan(Journal.Orphan orphan, boolean isReserved, boolean knowsAll) {
    FileId id = orphan.file();
    LazyFile known = id == null ? null : files.find(id.device(), id.inode());
    List<LazyFile> meant = known == null ? List.of() : List.of(known);
    if (id == null && knowsAll) {
      // Killed before it was noted which file it is about: the range must be there in all of them.
      meant = files.all();
    }
    PendingAccess access =
        new PendingAccess(
            this, orphan.eventFd(), isReserved, meant, orphan.offsetBytes(), orphan.lengthBytes());
    LOG.info("event {}: answered for an earlier daemon", orphan.eventFd());
    if (!isReserved) {
      unreserved.add(access);
    }
    misses.execute(access);
  }

  /** As {@link WatchedFiles#watch}. */
  Closeable watch(LazyFile file, Prefetch prefetch) throws IOException {
    return files.watch(file, prefetch);
  }

  /** As {@link Fanotify#openWatched}. */
  int openWatched(Path file) throws ErrnoException {
    return group.openWatched(file);
  }

  /** As {@link WatchedFiles#askAll}. */
  void askAll() {
    files.askAll();
  }

  /** As {@link WatchedFiles#ignoreComplete}. */
  void ignoreComplete() {
    files.ignoreComplete();
  }

  /** As {@link Fanotify#watch}. */
  void deny(int fd, Path file) throws ErrnoException {
    group.watch(fd, file);
  }

  /** Ends {@link #deny}. */
  void undeny(int fd, Path file) throws ErrnoException {
    group.unwatch(fd, file);
  }

  /** How many files are watched of which something is missing. */
  int incompleteCount() {
    return files.incompleteCount();
  }

  /** How many readers wait now. */
  int waitingCount() {
    return waiting.size();
  }

  private void serve() {
    while (!closing && unreserved.stream().anyMatch(waiting::contains)) {
      LockSupport.parkNanos(1_000_000);
    }
    try (Arena arena = Arena.ofConfined()) {
      PollSet polls = new PollSet(arena, 2);
      polls.set(EVENTS, group.fd(), Descriptors.POLLIN);
      polls.set(WAKE, wakeFd, Descriptors.POLLIN);
      FanotifyEvents events = new FanotifyEvents(group, journal.events(), arena);
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
      Failpoint.reachQuietly("event-read");
      while (events.next()) {
        int response = Fanotify.deny(Denial.EIO);
        try {
          response = decide(events);
        } catch (Throwable e) {
          // Not even the log had memory; the other readers of this batch must be answered, too.
        }
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
      return handOver(event, file, offset, length);
    } catch (Throwable e) {
      LOG.error("event of the kernel: denied: {}", Denial.reason(e));
      return Fanotify.deny(Denial.EIO);
    }
  }

  private int handOver(FanotifyEvents event, LazyFile file, long offsetBytes, long lengthBytes)
      throws IOException {
    int eventFd = event.fd();
    if (eventFd >= Journal.MAX_FDS) {
      LOG.error("{}: denied: {} readers wait already", file.name(), waiting.size());
      return Fanotify.deny(Denial.EAGAIN);
    }
    journal.add(eventFd, new FileId(event.device(), event.inode()), offsetBytes, lengthBytes);
    PendingAccess access;
    try {
      Failpoint.reach("journalled");
      access = new PendingAccess(this, eventFd, true, List.of(file), offsetBytes, lengthBytes);
    } catch (Throwable e) {
      // It is denied, and its number free for another event.
      journal.remove(eventFd);
      throw e;
    }
    try {
      misses.execute(access);
    } catch (Throwable e) {
      access.answer(Fanotify.deny(Denial.EAGAIN));
      LOG.error("{}: denied: {}", file.name(), Denial.reason(e));
    }
    return HANDED_OVER;
  }

  /** Is told of one that waits from now on. */
  void begin(PendingAccess access) {
    waiting.add(access);
  }

  /**
   * Answers an event.
   *
   * @param closesFd whether its number is taken by a descriptor of this process
   */
  void end(PendingAccess access, int eventFd, boolean closesFd, int response) {
    try {
      Failpoint.reachQuietly("answer");
      // A reader that was killed meanwhile needs no answer: the kernel then takes none.
      boolean unused = group.answer(eventFd, response);
      Failpoint.reachQuietly("answered");
    } finally {
      journal.remove(eventFd);
      waiting.remove(access);
      if (closesFd) {
        Descriptors.close(eventFd);
        lowNumbers.closed(eventFd);
      }
    }
  }

  /**
   * Stops serving. Those who wait already have a little time to get their bytes; later events stay
   * in the group's queue, and their readers wait, as long as anybody holds the group.
   *
   * @param isHandOver whether who still waits then is left to a successor; else it is denied
   */
  void close(boolean isHandOver) {
    if (closing) {
      return;
    }
    closing = true;
    files.close();
    Descriptors.wake(wakeFd);
    boolean interrupted = thread.isAlive() && join();
    // Not interrupted: that would close the files under those that just write.
    misses.shutdown();
    long deadline = System.nanoTime() + (isHandOver ? HAND_OVER_NANOS : FINISH_NANOS);
    while (!waiting.isEmpty() && System.nanoTime() < deadline) {
      LockSupport.parkNanos(1_000_000);
    }
    waiting.forEach(
        access -> {
          if (isHandOver) {
            access.leave();
          } else {
            access.answer(Fanotify.deny(Denial.EAGAIN));
          }
        });
    // Those that another thread is just answering: a write and a close, nothing that waits.
    while (!waiting.isEmpty()) {
      LockSupport.parkNanos(100_000);
    }
    Descriptors.close(wakeFd);
    lowNumbers.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Stops serving and denies those who wait. */
  @Override
  public void close() {
    close(false);
  }

  /** One that waited is left to a successor, which finds it in the journal. */
  void leave(PendingAccess access) {
    waiting.remove(access);
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
