package dev.aquifer.io;

/** The error numbers of Linux that this project gives or acts upon. */
public enum Errno {
  /** Operation not permitted. */
  EPERM(1),
  /** No such file or directory. */
  ENOENT(2),
  /** No such process. */
  ESRCH(3),
  /** Interrupted system call. */
  EINTR(4),
  /** Input/output error. */
  EIO(5),
  /** Bad file descriptor. */
  EBADF(9),
  /** Try again. */
  EAGAIN(11),
  /** Permission denied. */
  EACCES(13),
  /** Block device required. */
  ENOTBLK(15),
  /** Device or resource busy. */
  EBUSY(16),
  /** File exists. */
  EEXIST(17),
  /** No such device; a file-system type that the kernel does not know. */
  ENODEV(19),
  /** Not a directory. */
  ENOTDIR(20),
  /** Invalid argument. */
  EINVAL(22),
  /** No space left on device. */
  ENOSPC(28),
  /** Function not implemented. */
  ENOSYS(38),
  /** Operation not supported. */
  EOPNOTSUPP(95),
  /** No buffer space available: a blob or bootstrap could not be had. */
  ENOBUFS(105),
  /** Connection timed out. */
  ETIMEDOUT(110),
  /** Any number that is not listed here. */
  OTHER(0);

  private final int number;

  Errno(int number) {
    this.number = number;
  }

  /** The number on Linux; 0 for {@link #OTHER}. */
  public int number() {
    return number;
  }

  /** The constant of {@code number}, or {@link #OTHER}. */
  public static Errno of(int number) {
    for (Errno errno : values()) {
      if (errno.number == number) {
        return errno;
      }
    }
    return OTHER;
  }
}
