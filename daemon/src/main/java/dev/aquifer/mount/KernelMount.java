package dev.aquifer.mount;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.MountCalls;
import dev.aquifer.linux.MountCalls.FileSystemName;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/**
 * An EROFS file system that the kernel reads from regular files: made whole before anybody can see
 * it, then attached to a directory.
 *
 * <p>Not safe for use by several threads. Its calls wait for the disk: for platform threads.
 */
final class KernelMount implements Closeable {
  /**
   * How far the kernel reads ahead. At its default of 128 KiB a marked file costs 6 times the
   * events, and half the throughput.
   */
  private static final int READ_AHEAD_KIB = 1024;

  private static final Path SYS_EROFS = Path.of("/sys/fs/erofs");
  private static final Path SYS_BDI = Path.of("/sys/class/bdi");

  private final int mountFd;
  private final FileSystemName name;
  private boolean isOpen = true;

  private KernelMount(int mountFd, FileSystemName name) {
    this.mountFd = mountFd;
    this.name = name;
  }

  /**
   * Makes the file system. Files that are to be watched must be marked before.
   *
   * @param source what mountinfo is to show; a path, relative to the working directory of the
   *     thread, that leads to the bootstrap
   * @param deviceFds the blob files in the order of the bootstrap's device table; by their
   *     descriptors, as the kernel takes no name of more than 255 bytes
   * @throws RefusedException with the kernel's errno and words
   */
  static KernelMount create(
      String source, List<Integer> deviceFds, Set<KernelFlag> flags, List<String> erofsOptions)
      throws IOException {
    int fsFd = open();
    try {
      MountCalls.setString(fsFd, "source", source);
      MountCalls.setFlag(fsFd, "ro");
      for (int device : deviceFds) {
        MountCalls.setString(fsFd, "device", "/proc/self/fd/" + device);
      }
      for (String option : erofsOptions) {
        int equals = option.indexOf('=');
        if (equals < 0) {
          MountCalls.setFlag(fsFd, option);
        } else {
          MountCalls.setString(fsFd, option.substring(0, equals), option.substring(equals + 1));
        }
      }
      MountCalls.create(fsFd);
      return ofMountFd(MountCalls.fsmount(fsFd, attributes(flags)));
    } catch (ErrnoException e) {
      throw refused(source, e, MountCalls.log(fsFd));
    } finally {
      Descriptors.close(fsFd);
    }
  }

  private static int open() throws IOException {
    try {
      return MountCalls.fsopen("erofs");
    } catch (ErrnoException e) {
      throw new RefusedException(
          Errno.of(e.errno()),
          e.errno() == Errno.ENODEV.number()
              ? "the kernel has no EROFS: try `modprobe erofs`"
              : "the kernel does not let this process mount: needs root: " + e.getMessage());
    }
  }

  private static int attributes(Set<KernelFlag> flags) {
    int bits = MountCalls.ATTR_RDONLY;
    for (KernelFlag flag : flags) {
      bits |= flag.attribute();
    }
    return bits;
  }

  private static KernelMount ofMountFd(int mountFd) throws IOException {
    try {
      KernelMount mount = new KernelMount(mountFd, MountCalls.name(mountFd));
      mount.check();
      mount.setReadAhead();
      return mount;
    } catch (IOException | RuntimeException e) {
      Descriptors.close(mountFd);
      throw e;
    }
  }

  /** Only a file system that is not on a (loop) device asks before it reads. */
  private void check() throws RefusedException {
    if (name.major() != 0 || !Files.exists(SYS_EROFS.resolve(kernelName()))) {
      throw new RefusedException(
          Errno.ENOTBLK,
          "the kernel's %s is device %s: expected a file system on files, seen in %s"
              .formatted(name.sysfsPath(), name.majorMinor(), SYS_EROFS));
    }
  }

  private void setReadAhead() throws IOException {
    Path file = SYS_BDI.resolve(kernelName()).resolve("read_ahead_kb");
    Files.writeString(file, Integer.toString(READ_AHEAD_KIB));
  }

  private static RefusedException refused(String source, ErrnoException e, String log) {
    Errno errno = Errno.of(e.errno());
    String hint =
        switch (errno) {
          case ENOTBLK ->
              "; the image and the cache must be regular files, and not on overlayfs or EROFS";
          case EPERM -> "; needs root";
          default -> "";
        };
    String said = log.isEmpty() ? "" : "; the kernel says: " + log.replace('\n', ';');
    return new RefusedException(
        errno,
        "%s: the kernel does not mount it: %s%s%s".formatted(source, e.getMessage(), said, hint));
  }

  /** The kernel's name of the file system, such as {@code erofs-7}; not used again until reboot. */
  String kernelName() {
    return name.sysfsPath().substring(name.sysfsPath().lastIndexOf('/') + 1);
  }

  /** Its device number in mountinfo, {@code major:minor}; used again when it is gone. */
  String majorMinor() {
    return name.majorMinor();
  }

  /**
   * Shows the file system at a directory.
   *
   * @param directoryFd the directory, opened before
   * @param target what messages call it
   */
  void attach(int directoryFd, Path target) throws IOException {
    MountCalls.attach(mountFd, directoryFd, target);
  }

  /** Lets go of it: it stays where it is attached, and ends if it is nowhere. */
  @Override
  public void close() {
    if (isOpen) {
      isOpen = false;
      Descriptors.close(mountFd);
    }
  }

  /**
   * Whether the kernel still has the file system of this name: mounted anywhere, in whatever mount
   * name space, or with a file open in it. True if that can't be known.
   */
  static boolean isAlive(String kernelName) {
    return Files.exists(SYS_EROFS.resolve(kernelName))
        || !Files.exists(SYS_EROFS.resolve("features"));
  }

  /** Waits until the kernel has dropped the file system of this name; whether it has in time. */
  static boolean awaitDropped(String kernelName, long limitNanos) {
    long deadline = System.nanoTime() + limitNanos;
    while (isAlive(kernelName)) {
      if (System.nanoTime() > deadline) {
        return false;
      }
      // The kernel tells nobody when it drops one.
      LockSupport.parkNanos(1_000_000);
    }
    return true;
  }
}
