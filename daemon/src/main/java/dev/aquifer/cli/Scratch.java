package dev.aquifer.cli;

import dev.aquifer.daemon.ErrorText;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * A temporary directory with all that is open in it. Closing it closes these, the last one first,
 * and then deletes the directory; so a signal handler can put everything away at any moment.
 *
 * <p>Safe for use by many threads.
 */
final class Scratch implements Closeable {
  private static final Duration DELETE_LIMIT = Duration.ofSeconds(10);
  private static final Set<String> IN_MEMORY = Set.of("tmpfs", "ramfs");

  private final Path directory;

  /** Guarded by this. */
  private final Deque<Closeable> open = new ArrayDeque<>();

  /** Guarded by this. */
  private boolean isClosed;

  private Scratch(Path directory) {
    this.directory = directory;
  }

  /** Makes a directory where temporary files lie on a disk, if there is such a place. */
  static Scratch create(String prefix) throws IOException {
    Path base = Path.of(System.getProperty("java.io.tmpdir"));
    for (Path each : List.of(base, Path.of("/var/tmp"))) {
      if (Files.isWritable(each) && !IN_MEMORY.contains(Files.getFileStore(each).type())) {
        return new Scratch(Files.createTempDirectory(each, prefix).toRealPath());
      }
    }
    return new Scratch(Files.createTempDirectory(base, prefix).toRealPath());
  }

  /** A directory in it, made if need be. */
  Path directory(String name) throws IOException {
    return Files.createDirectories(directory.resolve(name));
  }

  /** The disk it lies on. */
  FileStore disk() throws IOException {
    return Files.getFileStore(directory);
  }

  /**
   * Takes over {@code resource}.
   *
   * @throws IOException if everything was put away meanwhile; then {@code resource} is closed too
   */
  synchronized <T extends Closeable> T add(T resource) throws IOException {
    if (isClosed) {
      resource.close();
      throw new IOException("interrupted");
    }
    open.push(resource);
    return resource;
  }

  /**
   * Starts a process, which closing kills. A process in the making would keep a mount in use and
   * could not be found yet; so closing waits for its start, by the lock.
   *
   * @throws IOException if it can't be started, or everything was put away meanwhile
   */
  synchronized Process start(ProcessBuilder builder) throws IOException {
    if (isClosed) {
      throw new IOException("interrupted");
    }
    Process process = builder.start();
    open.push(
        () -> {
          process.destroyForcibly();
          process.onExit().join();
        });
    return process;
  }

  @Override
  public synchronized void close() throws IOException {
    isClosed = true;
    IOException failure = null;
    while (!open.isEmpty()) {
      try {
        open.pop().close();
      } catch (IOException | RuntimeException e) {
        failure = failure == null ? new IOException(ErrorText.of(e), e) : failure;
      }
    }
    if (failure != null) {
      // What could not be closed may still be mounted below.
      throw failure;
    }
    delete();
  }

  // Another thread may still be writing into it when a signal comes: tried again for a while.
  private void delete() throws IOException {
    long deadline = System.nanoTime() + DELETE_LIMIT.toNanos();
    while (true) {
      try {
        deleteOnce();
        return;
      } catch (IOException | UncheckedIOException e) {
        if (System.nanoTime() > deadline) {
          throw new IOException(directory + ": could not be deleted: " + ErrorText.of(e), e);
        }
        LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
      }
    }
  }

  private void deleteOnce() throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    } catch (NoSuchFileException e) {
      // Deleted by somebody else meanwhile; tried again unless it is the directory itself.
      if (Files.exists(directory)) {
        throw e;
      }
    }
  }
}
