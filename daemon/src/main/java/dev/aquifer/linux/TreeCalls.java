package dev.aquifer.linux;

import static dev.aquifer.linux.FileCalls.AT_SYMLINK_NOFOLLOW;
import static dev.aquifer.linux.FileCalls.EINTR;
import static dev.aquifer.linux.FileCalls.check;
import static dev.aquifer.linux.FileCalls.string;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/**
 * The system calls that make a directory tree: everything is made by one name in an open directory,
 * and no link is ever followed. So nothing is made outside of that directory, whatever else lies or
 * comes to lie there.
 *
 * <p>Names are bytes without a slash and without a NUL. A call that fails throws {@link
 * ErrnoException}. Safe for use by many threads; a descriptor belongs to its caller.
 */
public final class TreeCalls {
  /** Operation not permitted. */
  public static final int EPERM = 1;

  /** File exists. */
  public static final int EEXIST = 17;

  /** Operation not supported, such as extended attributes by a file system without them. */
  public static final int EOPNOTSUPP = 95;

  private static final int O_WRONLY = 0x1;
  private static final int O_CREAT = 0x40;
  private static final int O_EXCL = 0x80;
  private static final int O_CLOEXEC = 0x80000;
  private static final int AT_FDCWD = -100;
  private static final int OWNER_ALONE_FILE = 0600;
  private static final int OWNER_ALONE_DIRECTORY = 0700;

  private TreeCalls() {}

  /** Makes a regular file, for its owner alone, and opens it for writing; fails if it is there. */
  public static int create(int directory, byte[] name) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      int flags =
          O_WRONLY
              | O_CREAT
              | O_EXCL
              | O_CLOEXEC
              | Architecture.O_NOFOLLOW
              | Architecture.O_LARGEFILE;
      return (int)
          check(
              SystemCall.call(
                  Architecture.OPENAT, directory, string(arena, name), flags, OWNER_ALONE_FILE, 0),
              "open");
    }
  }

  /** Makes a directory, for its owner alone; fails if something is there. */
  public static void makeDirectory(int directory, byte[] name) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      check(
          SystemCall.call(
              Architecture.MKDIRAT, directory, string(arena, name), OWNER_ALONE_DIRECTORY, 0, 0),
          "mkdir");
    }
  }

  /** Opens the directory {@code name}; fails if that is a link, or no directory. */
  public static int openDirectory(int directory, byte[] name) throws ErrnoException {
    return open(directory, name, Architecture.O_DIRECTORY);
  }

  /** A handle of what is at {@code name}, a link itself. */
  public static int openHandle(int directory, byte[] name) throws ErrnoException {
    return open(directory, name, FileCalls.O_PATH);
  }

  private static int open(int directory, byte[] name, int flags) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      return (int)
          check(
              SystemCall.call(
                  Architecture.OPENAT,
                  directory,
                  string(arena, name),
                  flags | O_CLOEXEC | Architecture.O_NOFOLLOW,
                  0,
                  0),
              "open");
    }
  }

  /** Makes a symbolic link. */
  public static void makeLink(int directory, byte[] name, byte[] target) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      check(
          SystemCall.call(
              Architecture.SYMLINKAT, string(arena, target), directory, string(arena, name), 0, 0),
          "symlink");
    }
  }

  /** Makes a further name of the file {@code oldName}, which is not followed if it is a link. */
  public static void makeHardLink(int oldDirectory, byte[] oldName, int directory, byte[] name)
      throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      check(
          SystemCall.call(
              Architecture.LINKAT,
              oldDirectory,
              string(arena, oldName),
              directory,
              string(arena, name),
              0),
          "link");
    }
  }

  /**
   * Makes a device, fifo or socket.
   *
   * @param mode type and permission bits
   */
  public static void makeSpecial(int directory, byte[] name, int mode, int major, int minor)
      throws ErrnoException {
    long device =
        (long) (minor & 0xff) | (long) (major & 0xfff) << 8 | (long) (minor & 0xfff00) << 12;
    try (Arena arena = Arena.ofConfined()) {
      check(
          SystemCall.call(Architecture.MKNODAT, directory, string(arena, name), mode, device, 0),
          "mknod");
    }
  }

  /** Writes all of {@code data}, native memory. */
  public static void write(int fd, MemorySegment data, long positionBytes) throws ErrnoException {
    long done = 0;
    while (done < data.byteSize()) {
      long count =
          SystemCall.call(
              Architecture.PWRITE64,
              fd,
              data.address() + done,
              data.byteSize() - done,
              positionBytes + done,
              0);
      if (count >= 0) {
        done += count;
      } else if (Native.errno() != EINTR) {
        check(count, "pwrite");
      }
    }
  }

  /** Gives an open file this size; what it grows by is a hole. */
  public static void resize(int fd, long sizeBytes) throws ErrnoException {
    check(SystemCall.call(Architecture.FTRUNCATE, fd, sizeBytes, 0, 0, 0), "ftruncate");
  }

  /** Sets owner and group of an open file. */
  public static void setOwner(int fd, long uid, long gid) throws ErrnoException {
    check(SystemCall.call(Architecture.FCHOWN, fd, uid, gid, 0, 0), "fchown");
  }

  /** Sets owner and group of {@code name}, of a link itself. */
  public static void setOwner(int directory, byte[] name, long uid, long gid)
      throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      check(
          SystemCall.call(
              Architecture.FCHOWNAT, directory, string(arena, name), uid, gid, AT_SYMLINK_NOFOLLOW),
          "fchownat");
    }
  }

  /** Sets the permission bits of an open file. */
  public static void setMode(int fd, int permissions) throws ErrnoException {
    check(SystemCall.call(Architecture.FCHMOD, fd, permissions, 0, 0, 0), "fchmod");
  }

  /** Sets the permission bits of a handle that {@link #openHandle} gave, of no link. */
  public static void setModeOfHandle(int handle, int permissions) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      check(
          SystemCall.call(
              Architecture.FCHMODAT, AT_FDCWD, string(arena, inProc(handle)), permissions, 0, 0),
          "fchmodat");
    }
  }

  /** Sets the times of access and modification of an open file. */
  public static void setTime(int fd, long seconds, int nanos) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      check(
          SystemCall.call(Architecture.UTIMENSAT, fd, 0, times(arena, seconds, nanos), 0, 0),
          "utimensat");
    }
  }

  /** Sets the times of access and modification of {@code name}, of a link itself. */
  public static void setTime(int directory, byte[] name, long seconds, int nanos)
      throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      check(
          SystemCall.call(
              Architecture.UTIMENSAT,
              directory,
              string(arena, name),
              times(arena, seconds, nanos),
              AT_SYMLINK_NOFOLLOW,
              0),
          "utimensat");
    }
  }

  /** Two struct timespec. */
  private static long times(Arena arena, long seconds, int nanos) {
    MemorySegment times = arena.allocate(4 * Long.BYTES, Long.BYTES);
    for (int i = 0; i < 2; i++) {
      times.setAtIndex(JAVA_LONG, 2L * i, seconds);
      times.setAtIndex(JAVA_LONG, 2L * i + 1, nanos);
    }
    return times.address();
  }

  /** Sets an extended attribute of an open file. */
  public static void setXattr(int fd, byte[] attribute, byte[] value) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      check(
          SystemCall.call(
              Architecture.FSETXATTR,
              fd,
              string(arena, attribute),
              bytes(arena, value),
              value.length,
              0),
          "fsetxattr");
    }
  }

  /** Sets an extended attribute of {@code name}, of a link itself. */
  public static void setXattr(int directory, byte[] name, byte[] attribute, byte[] value)
      throws ErrnoException {
    byte[] through = inProc(directory);
    byte[] path = java.util.Arrays.copyOf(through, through.length + 1 + name.length);
    path[through.length] = '/';
    System.arraycopy(name, 0, path, through.length + 1, name.length);
    try (Arena arena = Arena.ofConfined()) {
      check(
          SystemCall.call(
              Architecture.LSETXATTR,
              string(arena, path),
              string(arena, attribute),
              bytes(arena, value),
              value.length,
              0),
          "lsetxattr");
    }
  }

  private static byte[] inProc(int fd) {
    return ("/proc/self/fd/" + fd).getBytes(StandardCharsets.US_ASCII);
  }

  private static long bytes(Arena arena, byte[] bytes) {
    MemorySegment copy = arena.allocate(Math.max(1, bytes.length));
    MemorySegment.copy(bytes, 0, copy, JAVA_BYTE, 0, bytes.length);
    return copy.address();
  }
}
