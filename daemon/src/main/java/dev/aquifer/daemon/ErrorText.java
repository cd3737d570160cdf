package dev.aquifer.daemon;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.linux.ErrnoException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.concurrent.ExecutionException;

/** What a user is told of an exception: one line, and an errno. */
public final class ErrorText {
  private ErrorText() {}

  /** One line without a class name or stack trace: what, where, what was wrong. */
  public static String of(Throwable error) {
    return describe(unwrap(error)).strip().replaceAll("\\s*\\R\\s*", "; ");
  }

  /** The errno that says best what {@code error} means; EIO for what has none. */
  public static int errno(Throwable error) {
    return switch (unwrap(error)) {
      case RefusedException e -> e.errno().number();
      case ErrnoException e -> e.errno();
      case NoSuchFileException _ -> Errno.ENOENT.number();
      case AccessDeniedException _ -> Errno.EACCES.number();
      case NotDirectoryException _ -> Errno.ENOTDIR.number();
      case FileAlreadyExistsException _ -> Errno.EEXIST.number();
      case IllegalArgumentException _ -> Errno.EINVAL.number();
      case FileSystemException e when isNoSpace(e) -> Errno.ENOSPC.number();
      case IOException e when isNoSpace(e) -> Errno.ENOSPC.number();
      default -> Errno.EIO.number();
    };
  }

  /** Whether {@code error} is a fault of the program, so that its stack trace is worth keeping. */
  public static boolean isInternal(Throwable error) {
    Throwable cause = unwrap(error);
    return !(cause instanceof IOException || cause instanceof IllegalArgumentException);
  }

  private static boolean isNoSpace(IOException error) {
    return error.getMessage() != null && error.getMessage().contains("No space left on device");
  }

  private static Throwable unwrap(Throwable error) {
    Throwable cause = error.getCause();
    return (error instanceof UncheckedIOException || error instanceof ExecutionException)
            && cause != null
        ? unwrap(cause)
        : error;
  }

  private static String describe(Throwable error) {
    return switch (error) {
      case FileSystemException e -> file(e);
      case OutOfMemoryError e ->
          "out of memory (" + e.getMessage() + "): give it more with AQUIFER_JAVA_OPTS=-Xmx2g";
      case IOException e -> message(e);
      case IllegalArgumentException e -> message(e);
      default -> "internal error: " + error + " (--debug shows where; please report it)";
    };
  }

  private static String message(Exception error) {
    String message = error.getMessage();
    return message == null || message.isBlank() ? error.getClass().getSimpleName() : message;
  }

  // The JDK's own messages of these are the bare path.
  private static String file(FileSystemException error) {
    String file = error.getFile() == null ? "?" : error.getFile();
    String other = error.getOtherFile() == null ? "" : " -> " + error.getOtherFile();
    String reason =
        switch (error) {
          case NoSuchFileException _ -> "no such file or directory";
          case AccessDeniedException _ -> "permission denied";
          case NotDirectoryException _ -> "is no directory";
          case FileAlreadyExistsException _ -> "exists already";
          case DirectoryNotEmptyException _ -> "is not empty";
          default -> error.getReason() == null ? "failed" : error.getReason();
        };
    return file + other + ": " + reason;
  }
}
