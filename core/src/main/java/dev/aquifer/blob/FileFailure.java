package dev.aquifer.blob;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Says in words why a local file failed: the JDK often gives the path and nothing else. */
final class FileFailure {
  private FileFailure() {}

  /** Why {@code e} happened. */
  static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "no such file or directory";
      case AccessDeniedException _ -> "permission denied";
      case FileAlreadyExistsException _ -> "is there already";
      case NotDirectoryException _ -> "is no directory";
      case DirectoryNotEmptyException _ -> "is not empty";
      case FileSystemException f when f.getReason() != null -> f.getReason();
      default -> String.valueOf(e.getMessage());
    };
  }

  /**
   * The failure of a file of the cache as one clear line; what is no failure of a file stays as it
   * is. A full disk becomes a {@link RefusedException} with ENOSPC.
   *
   * @param path what is named if {@code e} names no file itself
   */
  static IOException named(Path path, IOException e) {
    if (e.getClass() != IOException.class && !(e instanceof FileSystemException)) {
      return e;
    }
    String reason = reason(e);
    @Nullable String file = e instanceof FileSystemException f ? f.getFile() : null;
    String name = file == null ? path.toString() : file;
    IOException named;
    if (reason.contains("No space left") || reason.contains("quota exceeded")) {
      named =
          new RefusedException(
              Errno.ENOSPC,
              name + ": no space left for the cache: free some, then what failed works again");
    } else if (e instanceof AccessDeniedException || reason.contains("Read-only file system")) {
      named =
          new RefusedException(
              Errno.EACCES, name + ": " + reason + ": the cache must be writable for this process");
    } else {
      named = new IOException(reason.startsWith(name) ? reason : name + ": " + reason);
    }
    named.initCause(e);
    return named;
  }
}
