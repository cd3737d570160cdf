package dev.aquifer.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;

/**
 * The system calls that read a directory tree as it is: names are bytes, times have nanoseconds,
 * attributes of all name spaces are seen, links are not followed.
 *
 * <p>Paths are bytes without a NUL and at most {@link #PATH_MAX} long. A call that fails throws
 * {@link ErrnoException}. Safe for use by many threads; a descriptor belongs to its caller.
 */
public final class FileCalls {
  /** The longest path that a call takes, in bytes. */
  public static final int PATH_MAX = 4095;

  /** No such file or directory. */
  public static final int ENOENT = 2;

  /** No such device or address: lseek finds no further data. */
  public static final int ENXIO = 6;

  /** Invalid argument. */
  public static final int EINVAL = 22;

  /** No such attribute. */
  public static final int ENODATA = 61;

  /** {@code lseek}: the next data. */
  public static final int SEEK_DATA = 3;

  /** {@code lseek}: the next hole. */
  public static final int SEEK_HOLE = 4;

  /** {@code open}: fail if it is no directory. */
  public static final int O_DIRECTORY = isArm() ? 0x4000 : 0x10000;

  /** {@code open}: a handle for paths alone. */
  public static final int O_PATH = 0x200000;

  private static final int EPERM = 1;
  private static final int EINTR = 4;
  private static final int ERANGE = 34;
  private static final int EOPNOTSUPP = 95;

  private static final int O_NONBLOCK = 0x800;
  private static final int O_NOFOLLOW = isArm() ? 0x8000 : 0x20000;
  private static final int O_NOATIME = 0x40000;
  private static final int O_CLOEXEC = 0x80000;
  private static final int AT_FDCWD = -100;
  private static final int AT_SYMLINK_NOFOLLOW = 0x100;
  private static final int AT_NO_AUTOMOUNT = 0x800;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int STATX_BASIC_STATS = 0x7ff;
  private static final int STATX_BYTES = 256;
  private static final int SMALL_BYTES = 1024;
  private static final int XATTR_MAX_BYTES = 65536;
  private static final int DIRENT_BYTES = 64 << 10;

  private static final MethodHandle OPEN =
      Native.variadic("open", 2, FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
  private static final MethodHandle CLOSE =
      Native.function("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle STATX =
      Native.function(
          "statx", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle GETDENTS =
      Native.function("getdents64", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));
  private static final MethodHandle READLINK =
      Native.function("readlink", FunctionDescriptor.of(JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG));
  private static final MethodHandle LLISTXATTR =
      Native.function("llistxattr", FunctionDescriptor.of(JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG));
  private static final MethodHandle LGETXATTR =
      Native.function(
          "lgetxattr", FunctionDescriptor.of(JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG));
  private static final MethodHandle LSEEK =
      Native.function("lseek", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
  private static final MethodHandle PREAD =
      Native.function(
          "pread", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle STRERROR =
      Native.function("strerror", FunctionDescriptor.of(ADDRESS, JAVA_INT));

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
  public static int open(byte[] path, int flags) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = string(arena, path);
      int all = flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
      int quiet = (flags & O_PATH) == 0 ? all | O_NOATIME : all;
      int fd = openOnce(name, quiet);
      if (fd < 0 && Native.errno() == EPERM) {
        // Only the owner may leave the access time alone.
        fd = openOnce(name, all);
      }
      if (fd < 0) {
        throw failed("open");
      }
      return fd;
    }
  }

  private static int openOnce(MemorySegment name, int flags) {
    try {
      return (int) OPEN.invokeExact(Native.capture(), name, flags, 0);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** Closes a descriptor; errors are not told, since nothing was written. */
  public static void close(int fd) {
    try {
      int ignored = (int) CLOSE.invokeExact(Native.capture(), fd);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** The stat of the file at {@code path}; a link is not followed. */
  public static Stat stat(byte[] path) throws IOException {
    return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
  }

  /** The stat of {@code name} in the directory {@code fd}; a link is not followed. */
  public static Stat stat(int fd, byte[] name) throws IOException {
    return statx(fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
  }

  /** The stat of an open file. */
  public static Stat stat(int fd) throws IOException {
    return statx(fd, new byte[0], AT_EMPTY_PATH);
  }

  private static Stat statx(int fd, byte[] path, int flags) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = string(arena, path);
      MemorySegment found = arena.allocate(STATX_BYTES, 8);
      int result;
      try {
        result =
            (int) STATX.invokeExact(Native.capture(), fd, name, flags, STATX_BASIC_STATS, found);
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
      if (result != 0) {
        throw failed("statx");
      }
      return stat(found);
    }
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
        makedev(u32(found, 136), u32(found, 140)));
  }

  /** The C library's encoding of a device number. */
  private static long makedev(long major, long minor) {
    return (major & 0xfff) << 8
        | (major & 0xfffff000L) << 32
        | minor & 0xff
        | (minor & 0xffffff00L) << 12;
  }

  private static long u32(MemorySegment segment, long offset) {
    return segment.get(JAVA_INT, offset) & 0xffffffffL;
  }

  /** The names in an open directory, without {@code .} and {@code ..}; reads it to its end. */
  public static List<byte[]> list(int fd) throws IOException {
    List<byte[]> names = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment entries = arena.allocate(DIRENT_BYTES, 8);
      while (true) {
        long length;
        try {
          length = (long) GETDENTS.invokeExact(Native.capture(), fd, entries, entries.byteSize());
        } catch (Throwable e) {
          throw new AssertionError(e);
        }
        if (length < 0) {
          throw failed("getdents64");
        }
        if (length == 0) {
          return names;
        }
        addNames(entries, length, names);
      }
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
  public static byte[] readlink(byte[] path) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = string(arena, path);
      MemorySegment target = arena.allocate(PATH_MAX + 1);
      long length;
      try {
        length = (long) READLINK.invokeExact(Native.capture(), name, target, target.byteSize());
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
      if (length < 0) {
        throw failed("readlink");
      }
      return target.asSlice(0, length).toArray(JAVA_BYTE);
    }
  }

  /**
   * The names of the extended attributes of the file at {@code path}, of a link itself; none where
   * the file system has no attributes.
   */
  public static List<byte[]> listXattrs(byte[] path) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = string(arena, path);
      MemorySegment list = arena.allocate(SMALL_BYTES);
      long length = listXattrs(name, list);
      if (length < 0 && Native.errno() == ERANGE) {
        list = arena.allocate(XATTR_MAX_BYTES);
        length = listXattrs(name, list);
      }
      if (length < 0 && Native.errno() == EOPNOTSUPP) {
        return List.of();
      }
      if (length < 0) {
        throw failed("llistxattr");
      }
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
  }

  private static long listXattrs(MemorySegment path, MemorySegment list) {
    try {
      return (long) LLISTXATTR.invokeExact(Native.capture(), path, list, list.byteSize());
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** The value of the attribute {@code attribute} of the file at {@code path}. */
  public static byte[] xattr(byte[] path, byte[] attribute) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment file = string(arena, path);
      MemorySegment name = string(arena, attribute);
      MemorySegment value = arena.allocate(SMALL_BYTES);
      long length = xattr(file, name, value);
      if (length < 0 && Native.errno() == ERANGE) {
        value = arena.allocate(XATTR_MAX_BYTES);
        length = xattr(file, name, value);
      }
      if (length < 0) {
        throw failed("lgetxattr");
      }
      return value.asSlice(0, length).toArray(JAVA_BYTE);
    }
  }

  private static long xattr(MemorySegment path, MemorySegment name, MemorySegment value) {
    try {
      return (long) LGETXATTR.invokeExact(Native.capture(), path, name, value, value.byteSize());
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** Where the next data or hole starts; {@code whence} is {@link #SEEK_DATA} or the other. */
  public static long lseek(int fd, long positionBytes, int whence) throws IOException {
    long result;
    try {
      result = (long) LSEEK.invokeExact(Native.capture(), fd, positionBytes, whence);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
    if (result < 0) {
      throw failed("lseek");
    }
    return result;
  }

  /**
   * Reads into {@code dst}, native memory, from its start.
   *
   * @return the count of bytes read; fewer than {@code dst} has only at the end of the file
   */
  public static long pread(int fd, MemorySegment dst, long positionBytes) throws IOException {
    long done = 0;
    while (done < dst.byteSize()) {
      MemorySegment rest = dst.asSlice(done);
      long count;
      try {
        count =
            (long)
                PREAD.invokeExact(
                    Native.capture(), fd, rest, rest.byteSize(), positionBytes + done);
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
      if (count == 0) {
        break;
      }
      if (count > 0) {
        done += count;
      } else if (Native.errno() != EINTR) {
        throw failed("pread");
      }
    }
    return done;
  }

  /** What the C library says of an error number, e.g. {@code Permission denied}. */
  public static String describe(int errno) {
    try {
      MemorySegment text = (MemorySegment) STRERROR.invokeExact(Native.capture(), errno);
      return text.reinterpret(SMALL_BYTES).getString(0);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private static ErrnoException failed(String call) {
    return new ErrnoException(call, Native.errno());
  }

  private static MemorySegment string(Arena arena, byte[] bytes) {
    MemorySegment string = arena.allocate(bytes.length + 1L);
    MemorySegment.copy(bytes, 0, string, JAVA_BYTE, 0, bytes.length);
    return string;
  }

  private static boolean isArm() {
    return System.getProperty("os.arch", "").equals("aarch64");
  }
}
