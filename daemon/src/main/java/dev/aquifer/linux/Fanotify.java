package dev.aquifer.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.Closeable;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A fanotify group for pre-content events: the kernel asks it before bytes of a marked file are
 * read, and the reader waits for the answer. Linux 6.14 and later; see fanotify(7),
 * fanotify_init(2) and fanotify_mark(2).
 *
 * <p>Each answer is this structure, written to the group:
 *
 * <table>
 * <caption>struct fanotify_response, 8 bytes</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>4</td><td>fd</td><td>the descriptor that came with the event</td></tr>
 * <tr><td>4</td><td>4</td><td>response</td><td>1 allow; 2 deny, with an errno in bits 24 to 31</td></tr>
 * </table>
 *
 * <p>Safe for use by many threads. None of its calls blocks. Nobody may use it once {@link #close}
 * is called: the number of its descriptor may by then mean another file.
 */
public final class Fanotify implements Closeable {
  /** What {@link #answer} gives to let the reader go on. */
  public static final int ALLOW = 1;

  private static final int DENY = 2;

  private static final int CLASS_PRE_CONTENT = 0x08;
  private static final int CLOEXEC = 0x01;
  private static final int NONBLOCK = 0x02;
  private static final int UNLIMITED_QUEUE = 0x10;
  private static final int UNLIMITED_MARKS = 0x20;
  private static final int MARK_ADD = 0x01;
  private static final int MARK_REMOVE = 0x02;
  private static final int MARK_MOUNT = 0x10;
  private static final int MARK_IGNORED_MASK = 0x20;
  private static final int MARK_IGNORED_SURV_MODIFY = 0x40;
  private static final int AT_FDCWD = -100;
  private static final long PRE_ACCESS = 0x0010_0000L;

  /** Descriptors get the lowest free number, and no process has this many. */
  private static final int MAX_ORPHAN_FD = 1 << 17;

  private static final MethodHandle INIT =
      Native.function("fanotify_init", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle MARK =
      Native.function(
          "fanotify_mark",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, ADDRESS));

  private final int fd;
  private final AtomicBoolean closed = new AtomicBoolean();

  /** Guarded by this. */
  private final MemorySegment answer = Arena.ofAuto().allocate(8, 4);

  private Fanotify(int fd) {
    this.fd = fd;
  }

  /**
   * Makes a group with unlimited queue and marks: one that overflowed would lose events, and their
   * readers would be told to go on.
   *
   * @throws ErrnoException EPERM without CAP_SYS_ADMIN; EINVAL from a kernel built without
   *     permission events; EMFILE
   */
  public static Fanotify open() throws ErrnoException {
    int flags = CLASS_PRE_CONTENT | CLOEXEC | NONBLOCK | UNLIMITED_QUEUE | UNLIMITED_MARKS;
    // The descriptors that come with events: read-only, and for files of any size.
    int eventFlags = Architecture.O_LARGEFILE | Descriptors.O_CLOEXEC;
    try {
      return new Fanotify(
          Native.check(
              (int) INIT.invokeExact(Native.capture(), flags, eventFlags),
              () -> "fanotify_init(FAN_CLASS_PRE_CONTENT)"));
    } catch (Throwable e) {
      throw Native.rethrow(e);
    }
  }

  /** The group that descriptor {@code fd} stands for; owns the descriptor from now on. */
  public static Fanotify adopt(int fd) {
    return new Fanotify(fd);
  }

  /** The descriptor: readable when there are events. */
  public int fd() {
    return fd;
  }

  /**
   * Opens {@code file} through a private mount of its own that is marked: the kernel asks before
   * anybody reads bytes by what is opened through it, and by nothing else. So whoever fills the
   * file by its ordinary path asks nobody, whenever he opened it. The mark lasts as long as the
   * mount is in use, which is as long as a file opened through it, such as a device of an EROFS
   * file system.
   *
   * @return a descriptor of the place; {@code /proc/self/fd/N} opens the file through the mount
   * @throws ErrnoException EOPNOTSUPP if its file system has no such events (tmpfs, FUSE); EINVAL
   *     from a kernel before 6.14
   */
  public int openWatched(Path file) throws ErrnoException {
    int view = MountCalls.openTree(file);
    try (Arena arena = Arena.ofConfined()) {
      mark(
          MARK_ADD | MARK_MOUNT,
          AT_FDCWD,
          arena.allocateFrom("/proc/self/fd/" + view),
          "FAN_MARK_MOUNT, " + file);
      return view;
    } catch (ErrnoException | RuntimeException e) {
      Descriptors.close(view);
      throw e;
    }
  }

  /**
   * Has the kernel ask before bytes of the open file {@code fileFd} are read, by whatever path.
   * Files that were opened when nobody watched them raise nothing.
   *
   * @param path what a message calls the file
   */
  public void watch(int fileFd, Path path) throws ErrnoException {
    mark(MARK_ADD, fileFd, MemorySegment.NULL, "FAN_MARK_ADD, " + path);
  }

  /** Ends {@link #watch}. */
  public void unwatch(int fileFd, Path path) throws ErrnoException {
    mark(MARK_REMOVE, fileFd, MemorySegment.NULL, "FAN_MARK_REMOVE, " + path);
  }

  /**
   * Has the kernel no longer ask about the open file {@code fileFd}, at once and whoever has it
   * open.
   *
   * @param path what a message calls the file
   */
  public void ignore(int fileFd, Path path) throws ErrnoException {
    mark(
        MARK_ADD | MARK_IGNORED_MASK | MARK_IGNORED_SURV_MODIFY,
        fileFd,
        MemorySegment.NULL,
        "FAN_MARK_IGNORED_MASK, " + path);
  }

  /** Ends {@link #ignore}. */
  public void unignore(int fileFd, Path path) throws ErrnoException {
    mark(
        MARK_REMOVE | MARK_IGNORED_MASK,
        fileFd,
        MemorySegment.NULL,
        "FAN_MARK_REMOVE, FAN_MARK_IGNORED_MASK, " + path);
  }

  private void mark(int how, int directoryFd, MemorySegment path, String arguments)
      throws ErrnoException {
    try {
      Native.check(
          (int) MARK.invokeExact(Native.capture(), fd, how, PRE_ACCESS, directoryFd, path),
          () -> "fanotify_mark(FAN_PRE_ACCESS, " + arguments + ")");
    } catch (Throwable e) {
      throw Native.rethrow(e);
    }
  }

  /** The response that denies with {@code errno}; see {@link #isDenialErrno}. */
  public static int deny(int errno) {
    return isDenialErrno(errno) ? DENY | errno << 24 : DENY;
  }

  /**
   * Whether the kernel takes this errno with a denial: EIO, EAGAIN, EBUSY, ETXTBSY, ENOSPC, EDQUOT.
   * Any other would make the answer fail and leave the reader waiting.
   */
  public static boolean isDenialErrno(int errno) {
    return switch (errno) {
      case 5, 11, 16, 26, 28, 122 -> true;
      default -> false;
    };
  }

  /**
   * Answers an event. An answer that the kernel does not take as it is becomes a plain denial.
   *
   * @param buffer 8 bytes of native memory that only the calling thread uses
   * @return whether somebody waited for it; not so if the reader was killed meanwhile
   */
  boolean answer(int eventFd, int response, MemorySegment buffer) {
    buffer.set(JAVA_INT, 0, eventFd);
    buffer.set(JAVA_INT, 4, response);
    if (Descriptors.write(fd, buffer) == 8) {
      return true;
    }
    if ((response & DENY) == 0 || response == DENY) {
      return false;
    }
    buffer.set(JAVA_INT, 4, DENY);
    return Descriptors.write(fd, buffer) == 8;
  }

  /**
   * As the other, from any thread. Allocates nothing: an answer must not fail for want of memory.
   */
  public synchronized boolean answer(int eventFd, int response) {
    return answer(eventFd, response, answer);
  }

  /**
   * Denies the events that another holder of the group has read and not answered before it died,
   * for want of a record of them. They are known to the kernel by the number of a descriptor of
   * that process alone: so each number is tried, which costs under a microsecond. To be called
   * before this process reads events.
   */
  public void denyOrphans() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(8, 4);
      buffer.set(JAVA_INT, 4, DENY);
      for (int eventFd = 0; eventFd < MAX_ORPHAN_FD; eventFd++) {
        buffer.set(JAVA_INT, 0, eventFd);
        long unused = Descriptors.write(fd, buffer);
      }
    }
  }

  /** Closes the descriptor. The last one of a group answers all its events with "allow". */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      Descriptors.close(fd);
    }
  }
}
