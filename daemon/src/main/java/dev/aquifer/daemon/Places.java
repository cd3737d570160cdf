package dev.aquifer.daemon;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Where a daemon lives: one run directory has at most one daemon, one cache directory belongs to
 * one process.
 *
 * @param runDir holds the control socket, the lock and the log; absolute
 * @param cacheDir holds the fetched bytes; absolute, on a disk and not in memory
 */
public record Places(Path runDir, Path cacheDir) {
  /** Environment variable that names the run directory. */
  public static final String RUN_DIR = "AQUIFER_RUN_DIR";

  /** Environment variable that names the cache directory. */
  public static final String CACHE_DIR = "AQUIFER_CACHE_DIR";

  /** A socket's path must fit into sockaddr_un, with its terminating zero (unix(7)). */
  private static final int MAX_SOCKET_PATH_BYTES = 107;

  private static final Set<PosixFilePermission> OWNER_ALONE =
      PosixFilePermissions.fromString("rwx------");

  /** Makes both paths absolute. */
  public Places {
    runDir = runDir.toAbsolutePath().normalize();
    cacheDir = cacheDir.toAbsolutePath().normalize();
  }

  /**
   * The places that were asked for, else those of the environment, else the usual ones: for root
   * {@code /run/aquifer} and {@code /var/cache/aquifer}, for others directories of their own.
   */
  public static Places of(@Nullable Path runDir, @Nullable Path cacheDir) {
    return of(
        runDir, cacheDir, System.getenv(), isRoot(), Path.of(System.getProperty("user.home")));
  }

  static Places of(
      @Nullable Path runDir,
      @Nullable Path cacheDir,
      Map<String, String> environment,
      boolean isRoot,
      Path home) {
    return new Places(
        first(runDir, environment.get(RUN_DIR), usualRunDir(environment, isRoot, home)),
        first(cacheDir, environment.get(CACHE_DIR), usualCacheDir(environment, isRoot, home)));
  }

  private static Path first(@Nullable Path asked, @Nullable String variable, Path usual) {
    if (asked != null) {
      return asked;
    }
    return variable != null && !variable.isEmpty() ? Path.of(variable) : usual;
  }

  private static Path usualRunDir(Map<String, String> environment, boolean isRoot, Path home) {
    if (isRoot) {
      return Path.of("/run/aquifer");
    }
    String session = environment.get("XDG_RUNTIME_DIR");
    return session != null && session.startsWith("/")
        ? Path.of(session, "aquifer")
        : home.resolve(".local/state/aquifer");
  }

  private static Path usualCacheDir(Map<String, String> environment, boolean isRoot, Path home) {
    if (isRoot) {
      return Path.of("/var/cache/aquifer");
    }
    String caches = environment.get("XDG_CACHE_HOME");
    return caches != null && caches.startsWith("/")
        ? Path.of(caches, "aquifer")
        : home.resolve(".cache/aquifer");
  }

  /** Whether this process runs as root. */
  public static boolean isRoot() {
    try {
      return uid(Path.of("/proc/self")) == 0;
    } catch (IOException e) {
      return false;
    }
  }

  private static int uid(Path path) throws IOException {
    return (Integer) Files.getAttribute(path, "unix:uid");
  }

  /** The control socket. */
  public Path socket() {
    return runDir.resolve("aquifer.sock");
  }

  /** The log of a daemon in the background. */
  public Path log() {
    return runDir.resolve("aquifer.log");
  }

  Path lock() {
    return runDir.resolve("aquifer.lock");
  }

  /** The process that holds the run directory, or did so last; empty if none is known. */
  public Optional<Long> ownerPid() {
    try {
      return Optional.of(Long.valueOf(Files.readString(lock()).strip()));
    } catch (IOException | NumberFormatException e) {
      return Optional.empty();
    }
  }

  /**
   * Makes the run directory, if it is not there, and closes it to all but its owner.
   *
   * @throws RefusedException EINVAL if the socket's path would be too long, EACCES if others could
   *     write to the directory
   */
  public void makeRunDir() throws IOException {
    int lengthBytes = socket().toString().getBytes(StandardCharsets.UTF_8).length;
    if (lengthBytes > MAX_SOCKET_PATH_BYTES) {
      throw new RefusedException(
          Errno.EINVAL,
          "%s: a socket's path has at most %d bytes, this one has %d: choose a shorter --run-dir"
              .formatted(socket(), MAX_SOCKET_PATH_BYTES, lengthBytes));
    }
    if (!Files.isDirectory(runDir)) {
      Path parent = runDir.getParent();
      if (parent != null) {
        Files.createDirectories(parent);
      }
      Files.createDirectories(runDir, PosixFilePermissions.asFileAttribute(OWNER_ALONE));
    }
    // Whoever can write here could put a socket of their own in the daemon's place.
    Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(runDir);
    if (uid(runDir) != uid(Path.of("/proc/self"))
        || permissions.contains(PosixFilePermission.GROUP_WRITE)
        || permissions.contains(PosixFilePermission.OTHERS_WRITE)) {
      throw new RefusedException(
          Errno.EACCES,
          "%s: others can write here: expected a run directory of yours with mode 0700"
              .formatted(runDir));
    }
    // A socket is open to all for the moment between bind and chmod.
    Files.setPosixFilePermissions(runDir, OWNER_ALONE);
  }
}
