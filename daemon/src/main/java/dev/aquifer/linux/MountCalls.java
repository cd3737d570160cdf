package dev.aquifer.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Mounting: fsopen(2), fsconfig(2), fsmount(2), move_mount(2), umount2(2). They may wait for a
 * disk: for platform threads.
 *
 * <p>Parameters go to the file system one by one, so a path may hold commas, and a mount can be
 * looked at before anybody sees it.
 */
public final class MountCalls {
  /** fsmount: read-only. */
  public static final int ATTR_RDONLY = 0x01;

  /** fsmount: ignore set-user-id bits. */
  public static final int ATTR_NOSUID = 0x02;

  /** fsmount: no access to device nodes. */
  public static final int ATTR_NODEV = 0x04;

  /** fsmount: no running of programs. */
  public static final int ATTR_NOEXEC = 0x08;

  /** fsmount: leave access times alone. */
  public static final int ATTR_NOATIME = 0x10;

  /** fsmount: set access times always; without this and NOATIME: relatime. */
  public static final int ATTR_STRICTATIME = 0x20;

  /** fsmount: leave access times of directories alone. */
  public static final int ATTR_NODIRATIME = 0x80;

  /** fsmount: do not follow symbolic links. */
  public static final int ATTR_NOSYMFOLLOW = 0x0020_0000;

  /** The longest value of an fsconfig parameter, in bytes. */
  public static final int MAX_PARAMETER_BYTES = 255;

  private static final int AT_FDCWD = -100;
  private static final int OPEN_TREE_CLONE = 1;
  private static final int FSOPEN_CLOEXEC = 1;
  private static final int FSMOUNT_CLOEXEC = 1;
  private static final int SET_FLAG = 0;
  private static final int SET_STRING = 1;
  private static final int CMD_CREATE = 6;
  private static final int MOVE_FROM_EMPTY_PATH = 0x04;
  private static final int MOVE_TO_EMPTY_PATH = 0x40;
  private static final int MNT_DETACH = 2;
  private static final int UMOUNT_NOFOLLOW = 8;
  // _IOR(0x15, 1, struct fs_sysfs_path), 129 bytes
  private static final long FS_IOC_GETFSSYSFSPATH = 0x8081_1501L;
  private static final int MAX_LOG_BYTES = 4096;

  private static final MethodHandle UMOUNT =
      Native.function("umount2", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle IOCTL =
      Native.variadic("ioctl", 2, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS));

  private MountCalls() {}

  /**
   * Starts to configure a file system of this type; close the descriptor.
   *
   * @throws ErrnoException ENODEV if the kernel does not know the type; EPERM
   */
  public static int fsopen(String type) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      return SystemCall.call(
          "fsopen(" + type + ")",
          SystemCall.FSOPEN,
          arena.allocateFrom(type).address(),
          FSOPEN_CLOEXEC,
          0,
          0,
          0);
    }
  }

  /** Sets a parameter that has no value. */
  public static void setFlag(int fsFd, String key) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      config(fsFd, SET_FLAG, key, MemorySegment.NULL, "fsconfig(" + key + ")", arena);
    }
  }

  /** Sets a parameter to text. */
  public static void setString(int fsFd, String key, String value) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      String call = "fsconfig(" + key + "=" + value + ")";
      config(fsFd, SET_STRING, key, arena.allocateFrom(value), call, arena);
    }
  }

  /** Makes the file system: from here on the kernel has its files open. */
  public static void create(int fsFd) throws ErrnoException {
    SystemCall.call("fsconfig(create)", SystemCall.FSCONFIG, fsFd, CMD_CREATE, 0, 0, 0);
  }

  private static void config(
      int fsFd, int command, String key, MemorySegment value, String call, Arena arena)
      throws ErrnoException {
    SystemCall.call(
        call,
        SystemCall.FSCONFIG,
        fsFd,
        command,
        arena.allocateFrom(key).address(),
        value.address(),
        0);
  }

  /** What the file system had to say since it was opened, one line a message, mostly empty. */
  public static String log(int fsFd) {
    StringBuilder text = new StringBuilder();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(MAX_LOG_BYTES);
      // Each read gives one message, and ENODATA when there is none.
      for (long n; (n = Descriptors.read(fsFd, buffer)) > 0; ) {
        byte[] message = buffer.asSlice(0, n).toArray(JAVA_BYTE);
        text.append(text.isEmpty() ? "" : "\n")
            .append(new String(message, StandardCharsets.UTF_8).strip());
      }
    }
    return text.toString();
  }

  /**
   * Makes a mount of the created file system, which nobody sees yet; closing the descriptor drops
   * it.
   *
   * @param attributes {@code ATTR_…} bits
   */
  public static int fsmount(int fsFd, int attributes) throws ErrnoException {
    return SystemCall.call("fsmount", SystemCall.FSMOUNT, fsFd, FSMOUNT_CLOEXEC, attributes, 0, 0);
  }

  /** Shows the mount at a directory. The descriptor no longer matters to it and is to be closed. */
  public static void attach(int mountFd, int directoryFd, Path path) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      long empty = arena.allocateFrom("").address();
      SystemCall.call(
          "move_mount(" + path + ")",
          SystemCall.MOVE_MOUNT,
          mountFd,
          empty,
          directoryFd,
          empty,
          MOVE_FROM_EMPTY_PATH | MOVE_TO_EMPTY_PATH);
    }
  }

  /**
   * Makes a private mount of one file or directory, which nobody sees; it goes when the descriptor
   * and all that was opened through it are closed.
   *
   * @return a descriptor of the place, without the right to read it
   */
  static int openTree(Path path) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      return SystemCall.call(
          "open_tree(" + path + ")",
          SystemCall.OPEN_TREE,
          AT_FDCWD,
          Native.path(arena, path).address(),
          OPEN_TREE_CLONE | Descriptors.O_CLOEXEC,
          0,
          0);
    }
  }

  /**
   * What {@code stat(2)} and sysfs call the file system of a mount that {@link #fsmount} made.
   *
   * @throws ErrnoException ENOTTY if the kernel (before 6.10) or the file system does not tell
   */
  public static FileSystemName name(int mountFd) throws ErrnoException {
    int root = Descriptors.openRootOf(mountFd);
    try (Arena arena = Arena.ofConfined()) {
      long device = Descriptors.fileId(root).device();
      // struct fs_sysfs_path: u8 length, then 128 bytes of text
      MemorySegment path = arena.allocate(256);
      Native.check(
          (int) IOCTL.invokeExact(Native.capture(), root, FS_IOC_GETFSSYSFSPATH, path),
          () -> "ioctl(FS_IOC_GETFSSYSFSPATH)");
      return new FileSystemName(device, path.getString(1));
    } catch (Throwable e) {
      throw Native.rethrow(e);
    } finally {
      Descriptors.close(root);
    }
  }

  /**
   * Names of a file system.
   *
   * @param device its device number, as in {@code stat(2)}
   * @param sysfsPath its directory below {@code /sys/fs}, such as {@code erofs/erofs-7}
   */
  public record FileSystemName(long device, String sysfsPath) {
    /** The form of {@code /proc/self/mountinfo}, {@code major:minor}. */
    public String majorMinor() {
      return major() + ":" + (device & 0xff | device >>> 12 & 0xffff_ff00L);
    }

    /** The major number; 0 for a file system that lies on no block device. */
    public long major() {
      return device >>> 8 & 0xfff | device >>> 32 & 0xffff_f000L;
    }
  }

  /**
   * Unmounts what is topmost at {@code target}; a symbolic link is not followed.
   *
   * @param lazily whether to hide it at once and let go of it when nobody uses it any more
   * @throws ErrnoException EBUSY if it is in use; EINVAL if nothing is mounted there
   */
  public static void umount(Path target, boolean lazily) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      int flags = UMOUNT_NOFOLLOW | (lazily ? MNT_DETACH : 0);
      Native.check(
          (int) UMOUNT.invokeExact(Native.capture(), Native.path(arena, target), flags),
          () -> "umount2(" + target + ")");
    } catch (Throwable e) {
      throw Native.rethrow(e);
    }
  }
}
