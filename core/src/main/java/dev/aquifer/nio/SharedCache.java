package dev.aquifer.nio;

import dev.aquifer.blob.CacheStore;
import dev.aquifer.blob.Domains;
import dev.aquifer.blob.Fetcher;
import dev.aquifer.blob.Lease;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.io.Sha256;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The caches that this process has open, and who uses them: a directory is opened once, and closed
 * with its last user.
 */
final class SharedCache {
  private static final int NAME_DIGITS = 40;

  /** By real path. */
  private static final Map<Path, SharedCache> OPEN = new HashMap<>(); // guarded by itself

  /** Makes names that are unique in a domain as long as this process lives. */
  private static final AtomicLong LAST_NUMBER = new AtomicLong();

  private final CacheStore store;
  private final Fetcher fetcher = new Fetcher();
  private final Domains domains;
  private final Set<User> users = new HashSet<>(); // guarded by OPEN

  private SharedCache(CacheStore store) {
    this.store = store;
    this.domains = new Domains(store, fetcher);
  }

  /** One open image. */
  static final class User implements Closeable {
    private final SharedCache cache;
    private final @Nullable String domainId;

    private User(SharedCache cache, @Nullable String domainId) {
      this.cache = cache;
      this.domainId = domainId;
    }

    /**
     * Joins the domain, or a name space that all who open {@code reference} without a domain share.
     */
    Lease join(String reference) throws RefusedException {
      String digits =
          Sha256.hash(reference.getBytes(StandardCharsets.UTF_8)).hex().substring(0, NAME_DIGITS);
      return cache.domains.join(
          domainId == null ? "reference-" + digits : domainId,
          "library-" + LAST_NUMBER.incrementAndGet(),
          "this process");
    }

    @Override
    public void close() throws IOException {
      cache.leave(this);
    }
  }

  /** Opens the cache that {@code options} tell, or a temporary one. The caller closes the user. */
  static User open(OpenOptions options) throws IOException {
    Path directory = options.cacheDirectory();
    if (directory == null) {
      if (options.domainId() != null) {
        throw new RefusedException(
            Errno.EINVAL,
            "domain '%s': without a cache nothing is shared: expected a cache directory, too"
                .formatted(options.domainId()));
      }
      return openTemporary(options.inMemory());
    }
    if (options.inMemory()) {
      throw new RefusedException(
          Errno.EINVAL, directory + ": a cache directory is given, and a cache in memory wanted");
    }
    synchronized (OPEN) {
      Path known = Files.exists(directory) ? directory.toRealPath() : directory;
      SharedCache cache = OPEN.get(known);
      if (cache == null) {
        cache = new SharedCache(CacheStore.open(directory));
        OPEN.put(cache.store.root(), cache);
      }
      return cache.newUser(options.domainId());
    }
  }

  private static User openTemporary(boolean inMemory) throws IOException {
    Path directory = TemporaryDirectories.create(inMemory);
    try {
      SharedCache cache = new SharedCache(CacheStore.open(directory));
      synchronized (OPEN) {
        return cache.newUser(null);
      }
    } catch (IOException | RuntimeException e) {
      TemporaryDirectories.remove(directory);
      throw e;
    }
  }

  private User newUser(@Nullable String domainId) {
    User user = new User(this, domainId);
    users.add(user);
    return user;
  }

  private void leave(User user) throws IOException {
    synchronized (OPEN) {
      if (!users.remove(user) || !users.isEmpty()) {
        return;
      }
      OPEN.remove(store.root());
      // Under the lock: who opens the directory next finds it free.
      fetcher.close();
      store.close();
    }
    TemporaryDirectories.remove(store.root());
  }
}
