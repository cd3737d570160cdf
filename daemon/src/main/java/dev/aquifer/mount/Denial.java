package dev.aquifer.mount;

import dev.aquifer.io.RefusedException;
import dev.aquifer.linux.ErrnoException;
import java.nio.file.FileSystemException;

/**
 * The one place where a miss that failed becomes an errno for the kernel. Through EROFS a reader
 * sees EIO whatever it is; others who read a blob's file see the number.
 */
final class Denial {
  static final int EIO = 5;
  static final int EAGAIN = 11;
  private static final int ENOSPC = 28;

  private Denial() {}

  /** The errno to deny with. */
  static int errnoOf(Throwable thrown) {
    if (thrown instanceof ErrnoException e) {
      return e.errno();
    }
    if (thrown instanceof RefusedException e) {
      return e.errno().number();
    }
    // The JDK tells a full disk by its text alone.
    String text = thrown instanceof FileSystemException e ? e.getReason() : thrown.getMessage();
    return text != null && text.contains("No space left on device") ? ENOSPC : EIO;
  }

  /** What to say of it: the message of an I/O error, the whole of anything unexpected. */
  static String reason(Throwable thrown) {
    return thrown instanceof java.io.IOException && thrown.getMessage() != null
        ? thrown.getMessage()
        : thrown.toString();
  }
}
