package dev.aquifer.blob;

import dev.aquifer.io.BackendException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.System.Logger;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Who uses what now: named trust boundaries, their members, and the blobs in use.
 *
 * <p>Members of one domain share each blob: one file, one fetch. Two domains share nothing, and
 * neither do mounts without a domain, which have a private name space each. A domain is gone with
 * its last member; its bytes stay in the store, and the next member finds them.
 *
 * <p>Needs no root and no mount:
 *
 * <pre>{@code
 * try (CacheStore store = CacheStore.open(Path.of("/var/tmp/cache"));
 *     Fetcher fetcher = new Fetcher();
 *     Backend origin = Backend.open("http://127.0.0.1:8080/app");
 *     Lease lease = new Domains(store, fetcher).join("shop", "app1", "my program")) {
 *   RemoteImage remote = RemoteImage.open(origin);
 *   ByteSource bootstrap = lease.bootstrap(remote).source();
 *   List<CachedBlob> devices = lease.openBlobs(remote);
 *   // dev.aquifer.image.Image takes the bootstrap and the devices, and reads files from them.
 * }
 * }</pre>
 *
 * <p>Safe for use by many threads. One lock guards all maps and holder sets and is never held
 * across I/O; files are opened and closed by whoever marked their name as busy.
 */
public final class Domains {
  private static final Logger LOG = System.getLogger(Domains.class.getName());

  /**
   * How long one waits for another who opens or closes the same files, while nothing of what is
   * fetched for their domain comes.
   */
  private static final long MAX_BUSY_MILLIS = 120_000;

  private final CacheStore store;
  private final Fetcher fetcher;
  private final long maxBusyMillis;
  private final ReentrantLock lock = new ReentrantLock();

  /** Held across I/O, by one who takes no other lock with it but for a moment. */
  private final Object collecting = new Object();

  private final Condition freed = lock.newCondition();
  private final Map<Domain.Key, Domain> domains = new LinkedHashMap<>(); // guarded by lock
  private final Set<FileKey> busy = new HashSet<>(); // guarded by lock

  /** Stands for all files of a domain that nobody is in. */
  private static final String ALL = "all";

  /** Files that one thread at a time may open, make or close: {@code what} tells which. */
  private record FileKey(Domain.Key domain, Object what) {}

  /** Opens a blob's files. */
  interface Opener {
    CachedBlob open() throws IOException;
  }

  /** Domains over {@code store}; owns neither argument. */
  public Domains(CacheStore store, Fetcher fetcher) {
    this(store, fetcher, MAX_BUSY_MILLIS);
  }

  /** Takes also how long one waits for another who is busy with the same files. */
  Domains(CacheStore store, Fetcher fetcher, long maxBusyMillis) {
    this.store = store;
    this.fetcher = fetcher;
    this.maxBusyMillis = maxBusyMillis;
  }

  CacheStore store() {
    return store;
  }

  Fetcher fetcher() {
    return fetcher;
  }

  /**
   * Joins a domain, or a private name space of its own when {@code domainId} is null.
   *
   * @param fsid unique in the domain, or among those without a domain
   * @param holder what status and messages call the user, such as a mount point
   * @throws RefusedException EINVAL for a bad name, EEXIST for an fsid that the domain has, EBUSY
   *     for an fsid that another one without a domain has; checked before anything else, and
   *     nothing changes
   */
  public Lease join(@Nullable String domainId, String fsid, String holder) throws RefusedException {
    Names.check("fsid", fsid);
    if (domainId != null) {
      Names.check("domain_id", domainId);
    }
    Domain.Key key =
        domainId == null ? new Domain.Key.Private(fsid) : new Domain.Key.Shared(domainId);
    ImageSpace space = new ImageSpace(store, store.space(domainId, fsid));
    lock.lock();
    try {
      while (busy.contains(new FileKey(key, ALL))) {
        // A moment: files are being unlinked.
        freed.awaitUninterruptibly();
      }
      Domain domain = domains.get(key);
      Lease other = domain == null ? null : domain.members.get(fsid);
      if (other != null) {
        throw taken(domainId, fsid, other);
      }
      if (domain == null) {
        domain = new Domain(key, space);
        domains.put(key, domain);
      }
      Lease lease = new Lease(this, domain, domainId, fsid, holder);
      domain.members.put(fsid, lease);
      return lease;
    } finally {
      lock.unlock();
    }
  }

  private static RefusedException taken(@Nullable String domainId, String fsid, Lease other) {
    return domainId == null
        ? new RefusedException(
            Errno.EBUSY,
            "fsid '%s' is in use by %s: without a domain an fsid is unique: choose another fsid"
                .formatted(fsid, other.holder()))
        : new RefusedException(
            Errno.EEXIST,
            "fsid '%s' is in use in domain '%s' by %s: an fsid is unique in its domain: choose another fsid"
                .formatted(fsid, domainId, other.holder()));
  }

  /** A snapshot of the domains in use, private ones too, in the order in which they began. */
  public List<DomainStatus> status() {
    lock.lock();
    try {
      return domains.values().stream().map(Domain::status).toList();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Proves what is present of every verified blob in use again; see {@link CachedBlob#verify}. What
   * is no longer in use when its turn comes is left out.
   *
   * @param repair whether to fetch again what is damaged; it is there when this returns
   * @throws BackendException if an origin does not give it
   */
  public List<VerifyStatus> verify(boolean repair) throws IOException {
    Map<CachedBlob, Domain> inUse = new LinkedHashMap<>();
    lock.lock();
    try {
      for (Domain domain : domains.values()) {
        domain.blobs.values().forEach(entry -> inUse.put(entry.blob, domain));
      }
    } finally {
      lock.unlock();
    }
    List<VerifyStatus> found = new ArrayList<>();
    IOException failure = null;
    for (Map.Entry<CachedBlob, Domain> entry : inUse.entrySet()) {
      CachedBlob blob = entry.getKey();
      if (blob.isVerified()) {
        try {
          int present = blob.status().spansPresent();
          List<Integer> damaged = blob.verify(repair);
          found.add(new VerifyStatus(entry.getValue().id(), blob.id(), present, damaged));
          if (repair) {
            for (int span : damaged) {
              blob.ensure(blob.table().startBytes(span), blob.table().lengthBytes(span));
            }
          }
        } catch (ClosedChannelException e) {
          // Closed by its last user.
        } catch (IOException e) {
          // The others are verified all the same.
          failure = failure == null ? e : failure;
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
    return found;
  }

  /**
   * Removes from the cache what nobody uses and has been let go of at least {@code unusedFor} ago.
   *
   * <p>Of a domain without members that is everything, when the last of its blobs goes; of one with
   * members the verified blobs alone.
   *
   * @return how many blobs were removed
   * @throws IOException if a file can't be removed; what was removed before stays so
   */
  public int collect(Duration unusedFor) throws IOException {
    synchronized (collecting) {
      return new Collector(this, store.root(), Instant.now().minus(unusedFor)).collect();
    }
  }

  /** Marks all files of a domain as busy if nobody is in it and none of them is busy. */
  boolean claimUnused(Domain.Key domain) {
    lock.lock();
    try {
      return !domains.containsKey(domain)
          && busy.stream().noneMatch(files -> files.domain().equals(domain))
          && busy.add(new FileKey(domain, ALL));
    } finally {
      lock.unlock();
    }
  }

  /** Marks a blob's files as busy if nobody uses it and they are not busy. */
  boolean claimUnused(Domain.Key domain, BlobKey blob) {
    lock.lock();
    try {
      Domain inUse = domains.get(domain);
      return (inUse == null || !inUse.blobs.containsKey(blob))
          && busy.add(new FileKey(domain, blob));
    } finally {
      lock.unlock();
    }
  }

  /** Ends {@link #claimUnused(Domain.Key)}. */
  void free(Domain.Key domain) {
    free(new FileKey(domain, ALL));
  }

  /** Ends {@link #claimUnused(Domain.Key, BlobKey)}. */
  void free(Domain.Key domain, BlobKey blob) {
    free(new FileKey(domain, blob));
  }

  /** Whether {@code lease} holds the blob. */
  boolean holds(Lease lease, BlobKey key) {
    lock.lock();
    try {
      Domain.Entry entry = lease.domain().blobs.get(key);
      return entry != null && entry.holders.contains(lease);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Makes {@code lease} a holder of a blob: of the one in use, or of one that {@code opener} opens.
   *
   * @param object for an unverified blob, the object that it must be; else null
   * @param sources what the lease adds to the blob
   */
  CachedBlob acquire(
      Lease lease,
      BlobKey key,
      @Nullable ObjectInfo object,
      List<BlobSource> sources,
      Opener opener)
      throws IOException {
    FileKey files = new FileKey(lease.domain().key, key);
    lock.lock();
    try {
      Domain.Entry entry = claim(lease, files, sources.getFirst().name());
      if (entry != null) {
        checkSame(key, entry, object);
        entry.holders.add(lease);
        entry.blob.sources().add(lease, sources);
        return entry.blob;
      }
    } finally {
      lock.unlock();
    }
    return openBusy(lease, key, object, sources, opener, files);
  }

  /**
   * Marks {@code files} as busy for the caller, once they are free; or returns the blob that is
   * found in use under their name.
   */
  private Domain.@Nullable Entry claim(Lease lease, FileKey files, String name) throws IOException {
    long limit = TimeUnit.MILLISECONDS.toNanos(maxBusyMillis);
    long left = limit;
    long progress = lease.domain().metadataBytes.sum();
    while (true) {
      lease.checkOpen();
      Domain.Entry entry = lease.domain().blobs.get(files.what());
      if (entry != null || busy.add(files)) {
        return entry;
      }
      long now = lease.domain().metadataBytes.sum();
      if (now != progress) {
        // Who has the files is slow and not stuck.
        left = limit;
        progress = now;
      }
      left = awaitFreed(left, name);
    }
  }

  private static void checkSame(BlobKey key, Domain.Entry entry, @Nullable ObjectInfo object)
      throws RefusedException {
    if (entry.object != null && !entry.object.equals(object)) {
      throw new RefusedException(
          Errno.EBUSY,
          "%s: is in use as %s and is now %s at its origin: unmount its users first"
              .formatted(key, entry.object, object));
    }
  }

  /** Opens the files of a blob that nobody uses; their name is marked busy. */
  private CachedBlob openBusy(
      Lease lease,
      BlobKey key,
      @Nullable ObjectInfo object,
      List<BlobSource> sources,
      Opener opener,
      FileKey files)
      throws IOException {
    CachedBlob blob = null;
    boolean isPublished = false;
    try {
      blob = opener.open();
      blob.sources().add(lease, sources);
      Domain.Entry entry = new Domain.Entry(blob, object);
      entry.holders.add(lease);
      isPublished = publish(lease, key, entry, files);
    } finally {
      if (!isPublished) {
        closeAndFree(blob, files);
      }
    }
    if (!isPublished) {
      throw lease.closed();
    }
    return blob;
  }

  /**
   * Shows an opened blob to all, and frees its files in the same moment: a user who leaves at once
   * marks them as busy again. False if the lease was closed meanwhile.
   */
  private boolean publish(Lease lease, BlobKey key, Domain.Entry entry, FileKey files) {
    lock.lock();
    try {
      if (lease.isClosed()) {
        return false;
      }
      lease.domain().blobs.put(key, entry);
      free(files);
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Ends one hold before its lease ends. */
  void release(Lease lease, BlobKey key) {
    List<Closing> closing = new ArrayList<>();
    lock.lock();
    try {
      Domain.Entry entry = lease.domain().blobs.get(key);
      if (entry != null && releaseEntry(lease, key, entry, closing)) {
        lease.domain().blobs.remove(key);
      }
    } finally {
      lock.unlock();
    }
    closing.forEach(one -> closeAndFree(one.blob(), one.files()));
  }

  private record Closing(FileKey files, CachedBlob blob) {}

  /**
   * Takes {@code lease} from the holders. If it was the last one, the caller removes the entry
   * before it lets go of the lock, so that nobody finds a blob that is being closed; and the name
   * stays busy until the files are closed, so that nobody opens them a second time.
   */
  private boolean releaseEntry(
      Lease lease, BlobKey key, Domain.Entry entry, List<Closing> closing) {
    if (!entry.holders.remove(lease)) {
      return false;
    }
    entry.blob.sources().remove(lease);
    if (!entry.holders.isEmpty()) {
      return false;
    }
    FileKey files = new FileKey(lease.domain().key, key);
    busy.add(files);
    closing.add(new Closing(files, entry.blob));
    return true;
  }

  /** Ends all holds of {@code lease}, and its membership. */
  void leave(Lease lease) {
    List<Closing> closing = new ArrayList<>();
    lock.lock();
    try {
      if (!lease.markClosed()) {
        return;
      }
      Domain domain = lease.domain();
      Iterator<Map.Entry<BlobKey, Domain.Entry>> i = domain.blobs.entrySet().iterator();
      while (i.hasNext()) {
        Map.Entry<BlobKey, Domain.Entry> held = i.next();
        if (releaseEntry(lease, held.getKey(), held.getValue(), closing)) {
          i.remove();
        }
      }
      domain.members.remove(lease.fsid());
      if (domain.members.isEmpty()) {
        domains.remove(domain.key);
      }
    } finally {
      lock.unlock();
    }
    closing.forEach(one -> closeAndFree(one.blob(), one.files()));
  }

  private void closeAndFree(@Nullable CachedBlob blob, FileKey files) {
    try {
      if (blob != null) {
        blob.closeFiles();
      }
    } catch (IOException e) {
      // Nobody reads it any more; what is not recorded is fetched again.
      LOG.log(Logger.Level.WARNING, String.valueOf(e.getMessage()));
    } finally {
      free(files);
    }
  }

  private void free(FileKey files) {
    lock.lock();
    try {
      busy.remove(files);
      freed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** What is done with a file while nobody else may. */
  interface FileAction<T> {
    T run() throws IOException;
  }

  /** Runs {@code action} while nobody else of the lease's domain has the files of {@code what}. */
  <T> T alone(Lease lease, Object what, String name, FileAction<T> action) throws IOException {
    FileKey files = new FileKey(lease.domain().key, what);
    lock.lock();
    try {
      claim(lease, files, name);
    } finally {
      lock.unlock();
    }
    try {
      return action.run();
    } finally {
      free(files);
    }
  }

  @SuppressWarnings("WaitNotInLoop") // The callers loop.
  private long awaitFreed(long leftNanos, String name) throws IOException {
    if (leftNanos <= 0) {
      throw new RefusedException(
          Errno.EBUSY,
          "%s: another user has been opening or closing it for %d s without progress: try again"
              .formatted(name, maxBusyMillis / 1000));
    }
    try {
      return freed.awaitNanos(leftNanos);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException(name + ": interrupted while waiting for another user");
    }
  }
}
