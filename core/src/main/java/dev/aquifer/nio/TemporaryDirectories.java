package dev.aquifer.nio;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.lang.System.Logger;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Directories that are gone when this process is, also if it is told to end at any moment. (If it
 * is killed, they stay in the system's temporary directory, or in memory, as {@code aquifer-*}.)
 */
final class TemporaryDirectories {
  private static final Logger LOG = System.getLogger(TemporaryDirectories.class.getName());

  /** Where Linux systems have memory as a file system that anybody may use. */
  private static final Path SHARED_MEMORY = Path.of("/dev/shm");

  private static final String PREFIX = "aquifer-";
  private static final Set<Path> PATHS = new HashSet<>(); // guarded by itself
  private static boolean isHooked; // guarded by PATHS

  private TemporaryDirectories() {}

  /**
   * A new one, for this user alone; its real path.
   *
   * @param inMemory whether it must be on a file system that is in memory
   * @throws RefusedException if there is none
   */
  static Path create(boolean inMemory) throws IOException {
    if (inMemory && !isInMemory(SHARED_MEMORY)) {
      throw new RefusedException(
          Errno.EOPNOTSUPP,
          SHARED_MEMORY + ": no tmpfs is there: without one nothing can be kept in memory");
    }
    synchronized (PATHS) {
      if (!isHooked) {
        Runtime.getRuntime().addShutdownHook(new Thread(TemporaryDirectories::removeAll));
        isHooked = true;
      }
      Path made =
          inMemory
              ? Files.createTempDirectory(SHARED_MEMORY, PREFIX)
              : Files.createTempDirectory(PREFIX);
      Path path = made.toRealPath();
      PATHS.add(path);
      return path;
    }
  }

  private static boolean isInMemory(Path directory) throws IOException {
    return Files.isDirectory(directory) && Files.getFileStore(directory).type().equals("tmpfs");
  }

  /**
   * Removes {@code path} and all in it, if it is one of these. What can't be removed now is tried
   * again at the end of the process.
   */
  static void remove(Path path) {
    synchronized (PATHS) {
      if (!PATHS.contains(path)) {
        return;
      }
    }
    try {
      delete(path);
    } catch (IOException e) {
      LOG.log(Logger.Level.DEBUG, "{0} stays until the process ends: {1}", path, e);
      return;
    }
    synchronized (PATHS) {
      PATHS.remove(path);
    }
  }

  private static void removeAll() {
    List<Path> left;
    synchronized (PATHS) {
      left = List.copyOf(PATHS);
    }
    for (Path path : left) {
      try {
        delete(path);
      } catch (IOException e) {
        // Somebody still writes to it, and nobody is left to be told.
      }
    }
  }

  private static void delete(Path path) throws IOException {
    Files.walkFileTree(
        path,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes facts)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
              throws IOException {
            Files.deleteIfExists(directory);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
