package dev.aquifer.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * Calls on file descriptors: open, fstat, poll, eventfd, close. Stateless and safe for use by many
 * threads; whoever got a descriptor closes it exactly once.
 */
public final class Descriptors {
  /** {@code poll(2)}: there is something to read. */
  public static final short POLLIN = 1;

  /** {@code poll(2)}: for {@code /proc/self/mountinfo}, the mounts changed. */
  public static final short POLLPRI = 2;

  /** {@code poll(2)}: an error condition; reported without being asked for. */
  public static final short POLLERR = 8;

  static final int O_CLOEXEC = 0x80000;
  private static final int O_RDONLY = 0;
  private static final int O_PATH = 0x200000;
  private static final int EFD_CLOEXEC = 0x80000;
  private static final int EFD_NONBLOCK = 0x800;
  private static final int F_DUPFD_CLOEXEC = 1030;
  private static final int EINTR = 4;

  private static final MethodHandle OPEN =
      Native.variadic("open", 2, FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
  private static final MethodHandle OPENAT =
      Native.variadic(
          "openat", 3, FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
  private static final MethodHandle FCNTL =
      Native.variadic("fcntl", 2, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle CLOSE =
      Native.function("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle FSTAT =
      Native.function("fstat", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle POLL =
      Native.function("poll", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final MethodHandle EVENTFD =
      Native.function("eventfd", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle READ =
      Native.function("read", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));
  private static final MethodHandle WRITE =
      Native.function("write", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));

  /** The size of {@code struct stat} with room to spare: 144 on x86_64, 128 on aarch64. */
  static final long STAT_BYTES = 256;

  private Descriptors() {}

  /** What a file is, whatever its name: the device number and inode number of {@code stat(2)}. */
  public record FileId(long device, long inode) {}

  /** Opens {@code path} for reading. */
  public static int openForReading(Path path) throws ErrnoException {
    return open(path, O_RDONLY);
  }

  /**
   * Opens the directory {@code path} as a place alone, without the right to read it; follows
   * symbolic links.
   *
   * @throws ErrnoException ENOENT, ENOTDIR and what {@code open(2)} gives
   */
  public static int openDirectory(Path path) throws ErrnoException {
    return open(path, O_PATH | Architecture.O_DIRECTORY);
  }

  private static int open(Path path, int flags) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      return Native.check(
          (int) OPEN.invokeExact(Native.capture(), Native.path(arena, path), flags | O_CLOEXEC, 0),
          () -> "open(" + path + ")");
    } catch (Throwable e) {
      throw Native.rethrow(e);
    }
  }

  /** Opens the directory at the place {@code placeFd}, such as a mount that is not attached. */
  static int openRootOf(int placeFd) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      return Native.check(
          (int)
              OPENAT.invokeExact(
                  Native.capture(),
                  placeFd,
                  arena.allocateFrom("."),
                  O_RDONLY | Architecture.O_DIRECTORY | O_CLOEXEC,
                  0),
          () -> "openat(" + placeFd + ", .)");
    } catch (Throwable e) {
      throw Native.rethrow(e);
    }
  }

  /**
   * Takes the number {@code fd} itself, so that no file that is opened gets it; to be closed as
   * others.
   *
   * @return whether it was free; not so of one beyond the limit of this process, which gets it
   *     never
   */
  public static boolean reserve(int fd) throws ErrnoException {
    int any = eventCounter();
    if (any == fd) {
      return true;
    }
    try {
      int got = (int) FCNTL.invokeExact(Native.capture(), any, F_DUPFD_CLOEXEC, fd);
      if (got >= 0 && got != fd) {
        close(got);
      }
      return got == fd;
    } catch (Throwable e) {
      throw Native.unexpected(e);
    } finally {
      close(any);
    }
  }

  /** Closes {@code fd}; an error tells nothing that could be acted upon. */
  public static void close(int fd) {
    try {
      int unused = (int) CLOSE.invokeExact(Native.capture(), fd);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  /** Which file {@code fd} is. */
  public static FileId fileId(int fd) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment stat = arena.allocate(STAT_BYTES, 8);
      int result = fstat(fd, stat);
      if (result < 0) {
        throw new ErrnoException("fstat(" + fd + ")", Native.errno());
      }
      return new FileId(statDevice(stat), statInode(stat));
    }
  }

  /** Which file {@code path} is. */
  public static FileId fileId(Path path) throws ErrnoException {
    int fd = openForReading(path);
    try {
      return fileId(fd);
    } finally {
      close(fd);
    }
  }

  /** The bare call; {@code stat} has {@link #STAT_BYTES}. For the loop that must not allocate. */
  static int fstat(int fd, MemorySegment stat) {
    try {
      return (int) FSTAT.invokeExact(Native.capture(), fd, stat);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  // st_dev and st_ino are the first two fields, 8 bytes each, on x86_64 and aarch64.
  static long statDevice(MemorySegment stat) {
    return stat.get(JAVA_LONG, 0);
  }

  static long statInode(MemorySegment stat) {
    return stat.get(JAVA_LONG, 8);
  }

  /** A counter that wakes a poll: readable while it is not 0; never blocks. */
  public static int eventCounter() throws ErrnoException {
    try {
      return Native.check(
          (int) EVENTFD.invokeExact(Native.capture(), 0, EFD_CLOEXEC | EFD_NONBLOCK),
          () -> "eventfd");
    } catch (Throwable e) {
      throw Native.rethrow(e);
    }
  }

  /** Adds 1 to an {@link #eventCounter}. */
  public static void wake(int eventFd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment one = arena.allocateFrom(JAVA_LONG, 1);
      long unused = (long) WRITE.invokeExact(Native.capture(), eventFd, one, 8L);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  /** Sets an {@link #eventCounter} back to 0. */
  public static void drain(int eventFd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(JAVA_LONG);
      long unused = (long) READ.invokeExact(Native.capture(), eventFd, count, 8L);
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  /** The bare {@code read(2)}; negative on error, see {@link Native#errno}. */
  static long read(int fd, MemorySegment buffer) {
    try {
      return (long) READ.invokeExact(Native.capture(), fd, buffer, buffer.byteSize());
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  /** The bare {@code write(2)}; negative on error, see {@link Native#errno}. */
  static long write(int fd, MemorySegment buffer) {
    try {
      return (long) WRITE.invokeExact(Native.capture(), fd, buffer, buffer.byteSize());
    } catch (Throwable e) {
      throw Native.unexpected(e);
    }
  }

  /**
   * The descriptors that one thread polls. Confined to the thread that made it, a platform thread.
   *
   * <table>
   * <caption>struct pollfd, 8 bytes</caption>
   * <tr><th>offset</th><th>width</th><th>field</th></tr>
   * <tr><td>0</td><td>4</td><td>fd; negative ones are skipped</td></tr>
   * <tr><td>4</td><td>2</td><td>events</td></tr>
   * <tr><td>6</td><td>2</td><td>revents</td></tr>
   * </table>
   */
  public static final class PollSet {
    private final MemorySegment entries;
    private final long count;

    /** Room for {@code count} descriptors, in memory of {@code arena}. */
    public PollSet(Arena arena, int count) {
      this.entries = arena.allocate(8L * count, 8);
      this.count = count;
      for (int i = 0; i < count; i++) {
        set(i, -1, (short) 0);
      }
    }

    /** Puts {@code fd} at {@code index}; -1 leaves the place empty. */
    public void set(int index, int fd, short events) {
      entries.set(JAVA_INT, 8L * index, fd);
      entries.set(JAVA_SHORT, 8L * index + 4, events);
      entries.set(JAVA_SHORT, 8L * index + 6, (short) 0);
    }

    /** Whether the last {@link #await} found anything for the descriptor at {@code index}. */
    public boolean isReady(int index) {
      return entries.get(JAVA_SHORT, 8L * index + 6) != 0;
    }

    /**
     * Waits until a descriptor is ready, a signal came, or the time is over.
     *
     * @param timeoutMillis -1 waits for ever
     * @return how many are ready; 0 for the other two reasons
     */
    public int await(int timeoutMillis) throws ErrnoException {
      int ready;
      try {
        ready = (int) POLL.invokeExact(Native.capture(), entries, count, timeoutMillis);
      } catch (Throwable e) {
        throw Native.unexpected(e);
      }
      if (ready < 0) {
        if (Native.errno() != EINTR) {
          throw new ErrnoException("poll", Native.errno());
        }
        for (int i = 0; i < count; i++) {
          entries.set(JAVA_SHORT, 8L * i + 6, (short) 0);
        }
        return 0;
      }
      return ready;
    }
  }
}
