package dev.aquifer.linux;

import java.io.IOException;

/** A system call failed: its name, its arguments and the errno. */
public final class ErrnoException extends IOException {
  private static final long serialVersionUID = 1;

  private final int errno;

  /**
   * Takes what was called.
   *
   * @param call the call with its arguments, such as {@code umount2(/mnt/a, 0)}
   */
  public ErrnoException(String call, int errno) {
    super(call + ": " + ErrnoText.of(errno));
    this.errno = errno;
  }

  /** The error number of Linux. */
  public int errno() {
    return errno;
  }
}
