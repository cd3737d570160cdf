package dev.aquifer.mount;

import dev.aquifer.io.Errno;
import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.Fanotify;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What this machine's kernel can do of what a lazy mount needs.
 *
 * @param erofs whether the kernel mounts an EROFS image that lies in a regular file
 * @param preContent whether fanotify asks before a file of the cache directory is read
 * @param missing what is missing and what to do, in one sentence; null if all is there
 */
public record KernelFeatures(boolean erofs, boolean preContent, @Nullable String missing) {
  private static final long LEFT_MILLIS = 300_000;
  private static final String LINUX = "Linux " + System.getProperty("os.version", "");

  /** Whether lazy kernel mounts work. */
  public boolean isReady() {
    return missing == null;
  }

  /**
   * Tries the kernel out: opens a fanotify group, marks a temporary file in {@code cacheDirectory},
   * and makes (without attaching it) a mount of a tiny image with an extra device there. Never
   * throws; leaves nothing behind.
   *
   * @param cacheDirectory where blobs are to be; made if it is not there
   */
  public static KernelFeatures probe(Path cacheDirectory) {
    String group = missingGroup();
    if (group != null) {
      return new KernelFeatures(false, false, group);
    }
    Path directory = null;
    try {
      Files.createDirectories(cacheDirectory);
      sweep(cacheDirectory);
      directory = Files.createTempDirectory(cacheDirectory, ".probe-");
      return probeIn(directory, cacheDirectory);
    } catch (IOException e) {
      return new KernelFeatures(
          false, false, cacheDirectory + ": can't be written to: " + Denial.reason(e));
    } finally {
      if (directory != null) {
        remove(directory);
      }
    }
  }

  private static @Nullable String missingGroup() {
    try (Fanotify group = Fanotify.open()) {
      return null;
    } catch (ErrnoException e) {
      return withoutGroup(e);
    }
  }

  /** Why there is no fanotify group. */
  static String withoutGroup(ErrnoException e) {
    return switch (Errno.of(e.errno())) {
      case EPERM -> "lazy kernel mounts need root: run this as root";
      case EINVAL, ENOSYS ->
          LINUX
              + " was built without fanotify permission events (CONFIG_FANOTIFY_ACCESS_PERMISSIONS): lazy kernel mounts need them, in Linux 6.14 or later";
      default -> "no fanotify group: " + e.getMessage();
    };
  }

  private static KernelFeatures probeIn(Path directory, Path cacheDirectory) throws IOException {
    Path blob = Files.write(directory.resolve("blob"), new byte[TinyImage.BLOCK_BYTES]);
    Path bootstrap = Files.write(directory.resolve("bootstrap"), TinyImage.bytes());
    String missing = null;
    boolean preContent = true;
    try {
      tryMark(blob);
    } catch (ErrnoException e) {
      preContent = false;
      missing = withoutMark(e, cacheDirectory);
    }
    try {
      PlatformThread.call(
          "aquifer-probe",
          () -> {
            int fd = Descriptors.openForReading(blob);
            try {
              KernelMount.create(bootstrap.toString(), List.of(fd), Set.of(), List.of()).close();
            } finally {
              Descriptors.close(fd);
            }
            return true;
          });
    } catch (IOException e) {
      String erofs = "EROFS images in files of " + cacheDirectory + ": " + Denial.reason(e);
      return new KernelFeatures(
          false, preContent, missing == null ? erofs : missing + "; and " + erofs);
    }
    return new KernelFeatures(true, preContent, missing);
  }

  private static void tryMark(Path file) throws ErrnoException {
    try (Fanotify group = Fanotify.open()) {
      Descriptors.close(group.openWatched(file));
    }
  }

  /** Why a file in the cache can't be watched. */
  static String withoutMark(ErrnoException e, Path cacheDirectory) throws IOException {
    return switch (Errno.of(e.errno())) {
      case EOPNOTSUPP ->
          "%s is on %s, which has no pre-content events: put the cache on ext4, XFS or btrfs"
              .formatted(cacheDirectory, Files.getFileStore(cacheDirectory).type());
      case EINVAL ->
          LINUX + " has no pre-content events: lazy kernel mounts need Linux 6.14 or later";
      default -> "no pre-content events: " + e.getMessage();
    };
  }

  /** Removes what a killed process left here, some minutes ago. */
  private static void sweep(Path cacheDirectory) throws IOException {
    try (var left = Files.newDirectoryStream(cacheDirectory, ".probe-*")) {
      for (Path directory : left) {
        long made = Files.getLastModifiedTime(directory).toMillis();
        if (made < System.currentTimeMillis() - LEFT_MILLIS) {
          remove(directory);
        }
      }
    }
  }

  private static void remove(Path directory) {
    try {
      Files.deleteIfExists(directory.resolve("blob"));
      Files.deleteIfExists(directory.resolve("bootstrap"));
      Files.delete(directory);
    } catch (IOException e) {
      // A probe has no way to say it, and the names tell what they are.
    }
  }
}
