package dev.aquifer.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The system calls that read a directory tree as it is: names are bytes, times have nanoseconds,
 * attributes of all name spaces are seen, links are not followed.
 *
 * <p>Paths are bytes without a NUL, at most {@link #PATH_MAX} of them. A call that fails throws
 * {@link ErrnoException}. Safe for use by many threads; a descriptor belongs to its caller.
 */
public final class FileCalls {
  /** The longest path that a call takes, in bytes. */
  public static final int PATH_MAX = 4095;

  /** No such file or directory. */
  public static final int ENOENT = 2;

  /** {@code open}: fail if it is no directory. */
  public static final int O_DIRECTORY = Architecture.O_DIRECTORY;

  /** {@code open}: a handle for paths alone. */
  public static final int O_PATH = 0x200000;

  private static final int EPERM = 1;
  static final int EINTR = 4;
  private static final int ENXIO = 6;
  private static final int EINVAL = 22;
  private static final int ERANGE = 34;
  private static final int ENAMETOOLONG = 36;
  private static final int EOPNOTSUPP = 95;

  private static final int O_NONBLOCK = 0x800;
  private static final int O_NOATIME = 0x40000;
  private static final int O_CLOEXEC = 0x80000;
  private static final int AT_FDCWD = -100;
  static final int AT_SYMLINK_NOFOLLOW = 0x100;
  private static final int AT_NO_AUTOMOUNT = 0x800;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int STATX_BASIC_STATS = 0x7ff;
  private static final int STATX_BYTES = 256;
  private static final int SEEK_DATA = 3;
  private static final int SEEK_HOLE = 4;
  private static final int SMALL_BYTES = 1024;
  private static final int XATTR_MAX_BYTES = 65536;
  private static final int DIRENT_BYTES = 64 << 10;

  private static final int NAME_AT = PATH_MAX + 1;
  private static final int RESULT_AT = 2 * NAME_AT;

  /**
   * What a call is given, and what it gives: a path, a name, and then room for the result. Memory
   * for each call alone took a third of the time to read a tree.
   */
  private static final ThreadLocal<MemorySegment> SCRATCH =
      ThreadLocal.withInitial(
          () -> Arena.ofAuto().allocate(RESULT_AT + Math.max(DIRENT_BYTES, XATTR_MAX_BYTES), 64));

  private FileCalls() {}

  /**
   * What statx(2) says of a file.
   *
   * @param mode type and permission bits
   * @param nlink count of names
   * @param mtimeNanos 0 to 999,999,999
   * @param ctimeNanos 0 to 999,999,999
   * @param rdevMajor of a device file
   * @param rdevMinor of a device file
   * @param dev the file system's number as stat(2) gives it
   */
  public record Stat(
      int mode,
      long nlink,
      long uid,
      long gid,
      long ino,
      long sizeBytes,
      long mtimeSeconds,
      int mtimeNanos,
      long ctimeSeconds,
      int ctimeNanos,
      long rdevMajor,
      long rdevMinor,
      long dev) {}

  /**
   * Opens {@code path} for reading, without following a link at its end, without waiting for the
   * other end of a pipe, and without a change of its access time where that is allowed.
   *
   * @param flags 0, {@link #O_DIRECTORY} or {@link #O_PATH} or both
   */
  public static int open(byte[] path, int flags) throws ErrnoException {
    long name = string(SCRATCH.get(), 0, path);
    int all = flags | O_CLOEXEC | Architecture.O_NOFOLLOW | O_NONBLOCK | Architecture.O_LARGEFILE;
    int quiet = (flags & O_PATH) == 0 ? all | O_NOATIME : all;
    long fd = SystemCall.call(Architecture.OPENAT, AT_FDCWD, name, quiet, 0, 0);
    if (fd < 0 && Native.errno() == EPERM) {
      // Only the owner may leave the access time alone.
      fd = SystemCall.call(Architecture.OPENAT, AT_FDCWD, name, all, 0, 0);
    }
    return (int) check(fd, "open");
  }

  /** Closes a descriptor; errors are not told, since nothing was written. */
  public static void close(int fd) {
    SystemCall.call(Architecture.CLOSE, fd, 0, 0, 0, 0);
  }

  /** The stat of {@code name} in the directory {@code fd}; a link is not followed. */
  public static Stat stat(int fd, byte[] name) throws ErrnoException {
    return statx(fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
  }

  /** The stat of an open file. */
  public static Stat stat(int fd) throws ErrnoException {
    return statx(fd, new byte[0], AT_EMPTY_PATH);
  }

  private static Stat statx(int fd, byte[] path, int flags) throws ErrnoException {
    MemorySegment scratch = SCRATCH.get();
    long name = string(scratch, 0, path);
    MemorySegment found = scratch.asSlice(RESULT_AT, STATX_BYTES);
    check(
        SystemCall.call(Architecture.STATX, fd, name, flags, STATX_BASIC_STATS, found.address()),
        "statx");
    return stat(found);
  }

  /** Offsets as in struct statx of linux/stat.h, the same on every architecture. */
  private static Stat stat(MemorySegment found) {
    return new Stat(
        found.get(JAVA_SHORT_UNALIGNED, 28) & 0xffff,
        u32(found, 16),
        u32(found, 20),
        u32(found, 24),
        found.get(JAVA_LONG, 32),
        found.get(JAVA_LONG, 40),
        found.get(JAVA_LONG, 112),
        found.get(JAVA_INT, 120),
        found.get(JAVA_LONG, 96),
        found.get(JAVA_INT, 104),
        u32(found, 128),
        u32(found, 132),
        device(u32(found, 136), u32(found, 140)));
  }

  private static long u32(MemorySegment segment, long offset) {
    return segment.get(JAVA_INT, offset) & 0xffffffffL;
  }

  /** The C library's encoding of a device number. */
  private static long device(long major, long minor) {
    return (major & 0xfff) << 8
        | (major & 0xfffff000L) << 32
        | (minor & 0xff)
        | (minor & 0xffffff00L) << 12;
  }

  /** The names in an open directory, without {@code .} and {@code ..}; reads it to its end. */
  public static List<byte[]> list(int fd) throws ErrnoException {
    List<byte[]> names = new ArrayList<>();
    MemorySegment entries = SCRATCH.get().asSlice(RESULT_AT, DIRENT_BYTES);
    while (true) {
      long length =
          check(
              SystemCall.call(Architecture.GETDENTS64, fd, entries.address(), DIRENT_BYTES, 0, 0),
              "getdents64");
      if (length == 0) {
        return names;
      }
      addNames(entries, length, names);
    }
  }

  /** struct linux_dirent64: ino u64, off s64, reclen u16, type u8, name with a NUL. */
  private static void addNames(MemorySegment entries, long length, List<byte[]> names) {
    for (long at = 0; at < length; at += entries.get(JAVA_SHORT_UNALIGNED, at + 16) & 0xffff) {
      long start = at + 19;
      long end = start;
      while (entries.get(JAVA_BYTE, end) != 0) {
        end++;
      }
      boolean isDot = entries.get(JAVA_BYTE, start) == '.';
      boolean isSelf = isDot && end == start + 1;
      boolean isParent = isDot && end == start + 2 && entries.get(JAVA_BYTE, start + 1) == '.';
      // An entry without an inode is one that some file systems have deleted.
      if (!isSelf && !isParent && entries.get(JAVA_LONG_UNALIGNED, at) != 0) {
        names.add(entries.asSlice(start, end - start).toArray(JAVA_BYTE));
      }
    }
  }

  /** The target of the symbolic link at {@code path}. */
  public static byte[] readlink(byte[] path) throws ErrnoException {
    MemorySegment scratch = SCRATCH.get();
    long name = string(scratch, 0, path);
    MemorySegment target = scratch.asSlice(RESULT_AT, PATH_MAX + 1);
    long length =
        check(
            SystemCall.call(
                Architecture.READLINKAT, AT_FDCWD, name, target.address(), target.byteSize(), 0),
            "readlink");
    return target.asSlice(0, length).toArray(JAVA_BYTE);
  }

  /**
   * The names of the extended attributes of the file at {@code path}, of a link itself; none where
   * the file system has no attributes.
   */
  public static List<byte[]> listXattrs(byte[] path) throws ErrnoException {
    MemorySegment scratch = SCRATCH.get();
    long name = string(scratch, 0, path);
    MemorySegment list = scratch.asSlice(RESULT_AT);
    long length = listXattrs(name, list, SMALL_BYTES);
    if (length < 0 && Native.errno() == ERANGE) {
      length = listXattrs(name, list, XATTR_MAX_BYTES);
    }
    if (length == 0 || (length < 0 && Native.errno() == EOPNOTSUPP)) {
      return List.of();
    }
    check(length, "llistxattr");
    List<byte[]> names = new ArrayList<>();
    long start = 0;
    for (long at = 0; at < length; at++) {
      if (list.get(JAVA_BYTE, at) == 0) {
        names.add(list.asSlice(start, at - start).toArray(JAVA_BYTE));
        start = at + 1;
      }
    }
    return names;
  }

  /** The system makes room for all of {@code maxBytes} each time. */
  private static long listXattrs(long path, MemorySegment list, long maxBytes) {
    return SystemCall.call(Architecture.LLISTXATTR, path, list.address(), maxBytes, 0, 0);
  }

  /** The value of the attribute {@code attribute} of the file at {@code path}. */
  public static byte[] xattr(byte[] path, byte[] attribute) throws ErrnoException {
    MemorySegment scratch = SCRATCH.get();
    long file = string(scratch, 0, path);
    long name = string(scratch, NAME_AT, attribute);
    MemorySegment value = scratch.asSlice(RESULT_AT);
    long length = xattr(file, name, value, SMALL_BYTES);
    if (length < 0 && Native.errno() == ERANGE) {
      length = xattr(file, name, value, XATTR_MAX_BYTES);
    }
    check(length, "lgetxattr");
    return value.asSlice(0, length).toArray(JAVA_BYTE);
  }

  private static long xattr(long path, long name, MemorySegment value, long maxBytes) {
    return SystemCall.call(Architecture.LGETXATTR, path, name, value.address(), maxBytes, 0);
  }

  /**
   * Where data starts at or after {@code positionBytes}; -1 if none follows. On a file system that
   * does not tell its holes, {@code positionBytes}.
   */
  public static long nextData(int fd, long positionBytes) throws ErrnoException {
    long result = SystemCall.call(Architecture.LSEEK, fd, positionBytes, SEEK_DATA, 0, 0);
    if (result < 0 && Native.errno() == ENXIO) {
      return -1;
    }
    if (result < 0 && Native.errno() == EINVAL) {
      return positionBytes;
    }
    return check(result, "lseek");
  }

  /**
   * Where a hole starts at or after {@code positionBytes}: at the latest, at the end of the file;
   * -1 if the position is beyond it, or the file system does not tell its holes.
   */
  public static long nextHole(int fd, long positionBytes) throws ErrnoException {
    long result = SystemCall.call(Architecture.LSEEK, fd, positionBytes, SEEK_HOLE, 0, 0);
    if (result < 0 && (Native.errno() == ENXIO || Native.errno() == EINVAL)) {
      return -1;
    }
    return check(result, "lseek");
  }

  /**
   * Reads into {@code dst}, native memory, from its start.
   *
   * @return the count of bytes read; fewer than {@code dst} has only at the end of the file
   */
  public static long pread(int fd, MemorySegment dst, long positionBytes) throws ErrnoException {
    long done = 0;
    while (done < dst.byteSize()) {
      long count =
          SystemCall.call(
              Architecture.PREAD64,
              fd,
              dst.address() + done,
              dst.byteSize() - done,
              positionBytes + done,
              0);
      if (count == 0) {
        break;
      }
      if (count > 0) {
        done += count;
      } else if (Native.errno() != EINTR) {
        check(count, "pread");
      }
    }
    return done;
  }

  /** An error number in words, such as {@code EACCES (Permission denied)}. */
  public static String describe(int errno) {
    return ErrnoText.of(errno);
  }

  /** The result of a call; its error as an exception. */
  static long check(long result, String call) throws ErrnoException {
    if (result < 0) {
      throw new ErrnoException(call, Native.errno());
    }
    return result;
  }

  /** The address of a C string at {@code at} of {@code scratch}. */
  private static long string(MemorySegment scratch, long at, byte[] bytes) throws ErrnoException {
    if (bytes.length > PATH_MAX) {
      throw new ErrnoException("path", ENAMETOOLONG);
    }
    MemorySegment.copy(bytes, 0, scratch, JAVA_BYTE, at, bytes.length);
    scratch.set(JAVA_BYTE, at + bytes.length, (byte) 0);
    return scratch.address() + at;
  }

  /** The address of a C string. */
  static long string(Arena arena, byte[] bytes) {
    MemorySegment string = arena.allocate(bytes.length + 1L);
    MemorySegment.copy(bytes, 0, string, JAVA_BYTE, 0, bytes.length);
    return string.address();
  }
}
