package dev.aquifer.blob;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.Closeable;
import java.io.IOException;
import java.lang.System.Logger;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What is on disk: one directory, used by one process at a time. Bytes stay when their users go.
 *
 * <pre>
 * format                       "aquifer cache 1"
 * lock                         locked by the process that uses the store; says which one
 * tmp/                         half-written files; emptied when the store is opened
 * domains/DOMAIN/              one for each domain, private/FSID/ for each private name space:
 *   bootstraps/HEX             whole and proven
 *   blobs/HEX/{data,spans}     a verified blob: sparse data and the record of what is in it
 *   tails/HEX                  span table and stored lengths of the blob object HEX
 *   unverified/HEX/{data,spans}  the same for an object that nothing proves
 * </pre>
 *
 * <p>Safe for use by many threads.
 */
public final class CacheStore implements Closeable {
  private static final String FORMAT = "aquifer cache 1\n";
  private static final Set<String> OTHERS_NAMES = Set.of("lost+found", "lock", "tmp");
  private static final long FLUSH_MILLIS = 1_000;
  private static final Logger LOG = System.getLogger(CacheStore.class.getName());

  private static final Path PROCESS = Path.of("/proc/self");
  private static final Set<PosixFilePermission> OURS_ALONE =
      PosixFilePermissions.fromString("rwx------");

  /** Stores of this process: file locks exclude only other processes. */
  private static final Set<Path> OPEN = new HashSet<>(); // guarded by itself

  private final Path root;
  private final FileChannel lockChannel;
  private final Flusher flusher;
  private final AtomicLong tempNumber = new AtomicLong();

  private CacheStore(Path root, FileChannel lockChannel, long flushMillis) {
    this.root = root;
    this.lockChannel = lockChannel;
    this.flusher = new Flusher(flushMillis);
  }

  /**
   * Opens or creates the store at {@code root}.
   *
   * <p>It is for this process's user alone: what others could have put there is not believed, and
   * what is in it is not for every local user to read. One that others may only read is closed to
   * them.
   *
   * @throws RefusedException EBUSY if another process, or this one, uses it; EEXIST if the
   *     directory holds something else; EACCES if it belongs to somebody else, or others may write
   *     to it
   * @throws UnsupportedFeatureException if it has a format of another version
   */
  public static CacheStore open(Path root) throws IOException {
    return open(root, FLUSH_MILLIS);
  }

  /** Takes also how long a fetched span may stay unrecorded. */
  static CacheStore open(Path root, long flushMillis) throws IOException {
    Path real = create(root);
    checkIsOurs(real);
    // Before a lock is made in what may be somebody's directory.
    checkFormat(real);
    synchronized (OPEN) {
      if (!OPEN.add(real)) {
        throw inUse(real, "this process");
      }
    }
    boolean isOpen = false;
    try (Opening opening = new Opening()) {
      FileChannel lockChannel = opening.add(lock(real));
      Files.setPosixFilePermissions(real, OURS_ALONE);
      Path temp = Files.createDirectories(real.resolve("tmp"));
      try (DirectoryStream<Path> left = Files.newDirectoryStream(temp)) {
        for (Path file : left) {
          Files.delete(file);
        }
      }
      opening.keep();
      isOpen = true;
      return new CacheStore(real, lockChannel, flushMillis);
    } catch (IOException e) {
      throw FileFailure.named(real, e);
    } finally {
      if (!isOpen) {
        forget(real);
      }
    }
  }

  private static Path create(Path root) throws IOException {
    try {
      Files.createDirectories(root, PosixFilePermissions.asFileAttribute(OURS_ALONE));
      return root.toRealPath();
    } catch (IOException e) {
      throw FileFailure.named(root, e);
    }
  }

  private static void checkIsOurs(Path root) throws IOException {
    PosixFileAttributes facts = Files.readAttributes(root, PosixFileAttributes.class);
    Set<PosixFilePermission> mode = facts.permissions();
    if (!Files.getAttribute(root, "unix:uid").equals(Files.getAttribute(PROCESS, "unix:uid"))) {
      throw notOurs(
          root, "belongs to %s".formatted(facts.owner().getName()), "choose another directory");
    }
    if (mode.contains(PosixFilePermission.GROUP_WRITE)
        || mode.contains(PosixFilePermission.OTHERS_WRITE)) {
      throw notOurs(
          root,
          "is writable (%s) for others".formatted(PosixFilePermissions.toString(mode)),
          "choose another directory, or empty it and chmod 700 it");
    }
  }

  private static RefusedException notOurs(Path root, String what, String toDo) {
    return new RefusedException(
        Errno.EACCES,
        "cache %s: %s, who could put false data there: %s".formatted(root, what, toDo));
  }

  private static FileChannel lock(Path root) throws IOException {
    Path path = root.resolve("lock");
    FileChannel channel =
        FileChannel.open(
            path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try (Opening opening = new Opening()) {
      opening.add(channel);
      FileLock lock = channel.tryLock();
      if (lock == null) {
        throw inUse(root, Files.readString(path).strip());
      }
      String user =
          "process %d since %s\n"
              .formatted(
                  ProcessHandle.current().pid(), Instant.now().truncatedTo(ChronoUnit.SECONDS));
      channel.truncate(0);
      channel.write(StandardCharsets.UTF_8.encode(user), 0);
      opening.keep();
      return channel;
    }
  }

  private static RefusedException inUse(Path root, String user) {
    return new RefusedException(
        Errno.EBUSY,
        "cache %s: is in use by %s: stop it, or choose another cache directory"
            .formatted(root, user));
  }

  private static void checkFormat(Path root) throws IOException {
    Path path = root.resolve("format");
    if (Files.exists(path)) {
      String found = Files.readString(path);
      if (!found.equals(FORMAT)) {
        throw new UnsupportedFeatureException(
            "cache %s: has format '%s': expected '%s': choose another cache directory"
                .formatted(root, found.strip(), FORMAT.strip()));
      }
      return;
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(root)) {
      for (Path entry : entries) {
        if (!OTHERS_NAMES.contains(String.valueOf(entry.getFileName()))) {
          throw new RefusedException(
              Errno.EEXIST,
              "cache %s: holds %s and is no cache: choose an empty directory"
                  .formatted(root, entry.getFileName()));
        }
      }
    }
    Files.writeString(path, FORMAT);
  }

  private static void forget(Path root) {
    synchronized (OPEN) {
      OPEN.remove(root);
    }
  }

  /** The directory. */
  public Path root() {
    return root;
  }

  /** Where a domain's files are; or those of a private name space, if {@code domainId} is null. */
  Path space(@Nullable String domainId, String fsid) throws RefusedException {
    return domainId == null
        ? root.resolve("private").resolve(Names.check("fsid", fsid))
        : root.resolve("domains").resolve(Names.check("domain_id", domainId));
  }

  /** A new path for a file that will be moved to its place when it is whole. */
  Path newTemp() {
    return root.resolve("tmp").resolve(Long.toString(tempNumber.incrementAndGet()));
  }

  Flusher flusher() {
    return flusher;
  }

  /** Lets another process use the directory. Leases must be closed before. Idempotent. */
  @Override
  public void close() throws IOException {
    if (!lockChannel.isOpen()) {
      return;
    }
    flusher.close();
    lockChannel.close();
    forget(root);
    LOG.log(Logger.Level.DEBUG, "cache {0} closed", root);
  }
}
