package dev.aquifer.blob;

import dev.aquifer.io.BackendException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.URI;
import java.nio.file.Path;
import java.util.Locale;

/**
 * An origin: a directory or an HTTP(S) base URL under which objects are found by key, a relative
 * path with {@code /} between its parts.
 *
 * <p>Safe for use by many threads at once. Every call ends within a limit of time. Failures are
 * {@link BackendException}s that name the object and tell whether another try may help.
 */
public interface Backend extends Closeable {
  /** What messages call it: the base URL without credentials, or the path. */
  String name();

  /**
   * Who answers, as far as failures go: what is shared by all that fails together, such as one
   * server of many base URLs.
   */
  default String origin() {
    return name();
  }

  /** The same, so that a failure is told at once: for whom has others to ask. Not to be closed. */
  default Backend withoutRetries() {
    return this;
  }

  /** The size and version of {@code key} now. */
  ObjectInfo stat(String key) throws IOException;

  /**
   * All bytes of a small object.
   *
   * @throws BackendException if it has more than {@code maxBytes} bytes
   */
  byte[] readAll(String key, int maxBytes) throws IOException;

  /**
   * Fills {@code dst} with the bytes of {@code key} from {@code offsetBytes} on, in order, and
   * tells {@code listener} as they come.
   *
   * @param expected the object that must be read; if the origin now has one of another size or
   *     version the read fails, not transient, and says that it changed
   * @param dst native memory that any thread may access; undefined beyond what was told to {@code
   *     listener}, and not touched any more once this method ended
   */
  void read(
      String key, ObjectInfo expected, long offsetBytes, MemorySegment dst, ReadListener listener)
      throws IOException;

  /**
   * Opens {@code http://…}, {@code https://…}, {@code file:…} or a path of a directory, with
   * retries around it. Asks nothing of an HTTP origin yet.
   */
  static Backend open(String location) throws IOException {
    Backend backend = reopen(location);
    if (backend instanceof DirectoryBackend directory) {
      directory.checkIsThere();
    }
    return backend;
  }

  /** As {@link #open}, also of a directory that is not there at present. */
  static Backend reopen(String location) throws IOException {
    String lower = location.toLowerCase(Locale.ROOT);
    if (lower.startsWith("http://") || lower.startsWith("https://")) {
      return new RetryingBackend(new HttpBackend(location), RetryPolicy.DEFAULT);
    }
    if (lower.startsWith("file:")) {
      return new DirectoryBackend(fileUri(location));
    }
    if (lower.matches("[a-z][a-z0-9+.-]*://.*")) {
      throw new RefusedException(
          Errno.EINVAL,
          "'%s': expected http://…, https://…, file:… or the path of a directory"
              .formatted(Shown.url(location)));
    }
    return new DirectoryBackend(Path.of(location));
  }

  private static Path fileUri(String location) throws RefusedException {
    try {
      return Path.of(URI.create(location));
    } catch (IllegalArgumentException e) {
      throw new RefusedException(
          Errno.EINVAL, "'%s': expected file:///path".formatted(Shown.url(location)));
    }
  }
}
