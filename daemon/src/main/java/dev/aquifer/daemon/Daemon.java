package dev.aquifer.daemon;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.aquifer.blob.CacheStore;
import dev.aquifer.blob.Domains;
import dev.aquifer.blob.Fetcher;
import dev.aquifer.blob.VerifyStatus;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.mount.KernelFeatures;
import dev.aquifer.mount.MountSpec;
import dev.aquifer.mount.MountStatus;
import dev.aquifer.mount.Mounts;
import dev.aquifer.mount.Warnings;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The composition root: cache, fetcher, domains and mounts of one run directory, and the control
 * API when {@link #serve} is called. Opened and closed on platform threads.
 *
 * <p>Safe for use by many threads.
 */
public final class Daemon implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(Daemon.class);

  private static final Duration HAND_OVER_LIMIT = Duration.ofSeconds(30);
  private static final long POLL_NANOS = 2_000_000;

  private final Places places;
  private final Instant since = Instant.now();
  private final KernelFeatures features;
  private final Domains domains;
  private final Mounts mounts;
  private final CountDownLatch end = new CountDownLatch(1);
  private volatile Mounts.End why = Mounts.End.MEANT;
  private volatile boolean unmountsAtEnd;

  /** Held while the cache is collected. */
  private final Object collecting = new Object();

  /** What is open, the first to be closed on top. Guarded by itself. */
  private final Deque<Closeable> open = new ArrayDeque<>();

  private Daemon(Places places, List<String> revive, boolean replaces) throws IOException {
    this.places = places;
    try {
      places.makeRunDir();
      // From the hand-over on readers wait: what can be done before it or after is not in between.
      Fetcher fetcher = new Fetcher();
      open.push(fetcher);
      open.push(replaces ? takeOver(places) : RunLock.take(places.lock()));
      CacheStore store = CacheStore.open(places.cacheDir());
      open.push(store);
      this.domains = new Domains(store, fetcher);
      this.mounts = Mounts.open(domains, places.runDir(), revive);
      open.push(
          () -> {
            if (unmountsAtEnd && why == Mounts.End.MEANT) {
              List<Path> unused = mounts.umountAll();
            }
            mounts.close(why);
          });
      this.features = KernelFeatures.probe(places.cacheDir());
    } catch (IOException | RuntimeException e) {
      fail();
      close();
      throw e;
    }
  }

  /**
   * Opens everything but the control API; takes over what an earlier daemon left mounted.
   *
   * @param revive the command that starts a successor if this process is killed; empty for none
   * @throws RefusedException EBUSY if another daemon has the run or the cache directory
   */
  public static Daemon open(Places places, List<String> revive) throws IOException {
    return new Daemon(places, revive, false);
  }

  /**
   * As {@link #open}, in the place of the daemon that runs, which ends. Nobody who reads from its
   * mounts notices more than a pause.
   */
  public static Daemon replace(Places places, List<String> revive) throws IOException {
    return new Daemon(places, revive, true);
  }

  /**
   * Has the daemon that runs hand over, and waits for its lock: however long that takes, as without
   * this process nobody would serve.
   *
   * @throws RefusedException EBUSY if another one took its place, or if it can't be asked
   */
  private static RunLock takeOver(Places places) throws IOException {
    long deadline = System.nanoTime() + HAND_OVER_LIMIT.toNanos();
    Optional<Long> asked = Optional.empty();
    while (true) {
      try {
        return RunLock.take(places.lock());
      } catch (RefusedException e) {
        Optional<Long> owner = places.ownerPid();
        boolean isAnother = asked.isPresent() && owner.isPresent() && !owner.equals(asked);
        if (isAnother || asked.isEmpty() && System.nanoTime() > deadline) {
          throw e;
        }
      }
      if (asked.isEmpty()) {
        asked = askToHandOver(places);
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
  }

  /** Who was told to; nobody if none listens, as in a daemon's first moments and its last. */
  private static Optional<Long> askToHandOver(Places places) throws IOException {
    Optional<Long> owner = places.ownerPid();
    try {
      JsonNode answer =
          new ControlClient(places.socket(), HAND_OVER_LIMIT)
              .request("POST", "/v1/hand-over", null);
      return Optional.of(answer.path("pid").asLong());
    } catch (ControlClient.NoDaemonException e) {
      return Optional.empty();
    } catch (AccessDeniedException e) {
      throw e;
    } catch (RefusedException e) {
      if (e.errno() == Errno.ETIMEDOUT) {
        // It may have heard it all the same.
        return owner;
      }
      throw e;
    } catch (IOException e) {
      // It ended before its answer was whole.
      return owner;
    }
  }

  /** Starts the control API on {@link Places#socket}. */
  public void serve() throws IOException {
    ControlServer server = ControlServer.start(this, places.socket());
    synchronized (open) {
      open.push(server);
    }
  }

  /** What the kernel can do. */
  public KernelFeatures features() {
    return features;
  }

  /** The domains. */
  public Domains domains() {
    return domains;
  }

  /** As {@link Mounts#mount}, which logs what succeeds; this logs what does not. */
  public MountStatus mount(MountSpec spec) throws IOException {
    try {
      return mounts.mount(spec);
    } catch (IOException | RuntimeException e) {
      String why = ErrorText.of(e);
      String source = spec.shownSource();
      LOG.warn(
          "not mounted at {}: {}{}", spec.target(), why.contains(source) ? "" : source + ": ", why);
      throw e;
    }
  }

  /** As {@link Mounts#umount}; returns what docs/control-api.md says. */
  public ObjectNode umount(Path target, boolean lazily) throws IOException {
    @Nullable MountStatus rest;
    try {
      rest = mounts.umount(target, lazily);
    } catch (IOException | RuntimeException e) {
      LOG.warn("not unmounted: {}: {}", target, ErrorText.of(e));
      throw e;
    }
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("target", target.toString());
    node.put("state", rest == null ? "gone" : "lingering");
    return node;
  }

  /**
   * Unmounts everything that nobody uses.
   *
   * @throws RefusedException EBUSY if something is in use; it stays mounted
   */
  public ObjectNode umountAll() throws IOException {
    int count = mounts.status().size();
    List<Path> busy = mounts.umountAll();
    if (!busy.isEmpty()) {
      throw new RefusedException(
          Errno.EBUSY,
          "%s: in use, so the daemon goes on: end the programs that use it, or end the daemon alone with SIGTERM"
              .formatted(busy.stream().map(Path::toString).collect(Collectors.joining(", "))));
    }
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("unmounted", count);
    return node;
  }

  ObjectNode health() {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("status", "ok");
    node.put("pid", ProcessHandle.current().pid());
    return node;
  }

  /** What {@code GET /v1/status} answers. */
  public ObjectNode status() {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("version", Daemon.class.getPackage().getImplementationVersion());
    node.put("pid", ProcessHandle.current().pid());
    node.put("since", since.toString());
    node.put("runDir", places.runDir().toString());
    node.put("cacheDir", places.cacheDir().toString());
    node.put("missing", features.missing());
    ArrayNode warningNodes = node.putArray("warnings");
    for (Warnings.Warning warning : mounts.warnings().list()) {
      warningNodes.addObject().put("since", warning.since()).put("text", warning.text());
    }
    ArrayNode mountNodes = node.putArray("mounts");
    mounts.status().forEach(mount -> mountNodes.add(StatusJson.of(mount)));
    ArrayNode domainNodes = node.putArray("domains");
    domains.status().forEach(domain -> domainNodes.add(StatusJson.of(domain)));
    return node;
  }

  /**
   * Proves what is present of every verified blob in use again, as it is on the disk; returns what
   * docs/control-api.md says.
   */
  ObjectNode verify(boolean repair) throws IOException {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    ArrayNode blobs = node.putArray("blobs");
    // What the kernel has in memory says nothing of the disk; and what it has of damaged spans must
    // go when they are repaired.
    dropPageCache();
    List<VerifyStatus> found;
    try {
      found =
          repair ? mounts.whileAskedAboutAll(() -> domains.verify(true)) : domains.verify(false);
    } finally {
      dropPageCache();
    }
    for (VerifyStatus blob : found) {
      blobs.add(StatusJson.of(blob));
      if (!blob.damagedSpans().isEmpty()) {
        LOG.error("blob {}: damaged spans {}", blob.id(), blob.damagedSpans());
      }
    }
    return node;
  }

  /** Removes what nobody uses from the cache; returns what docs/control-api.md says. */
  ObjectNode collect(Duration unusedFor) throws IOException {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    synchronized (collecting) {
      if (end.getCount() == 0) {
        throw new RefusedException(Errno.EBUSY, "gc: the daemon is ending");
      }
      node.put("removedBlobs", domains.collect(unusedFor));
    }
    return node;
  }

  private static void dropPageCache() throws IOException {
    Files.writeString(Path.of("/proc/sys/vm/drop_caches"), "1");
  }

  /** Forgets the warnings that status shows; returns what docs/control-api.md says. */
  ObjectNode acknowledge() throws IOException {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("acknowledged", mounts.warnings().acknowledge());
    return node;
  }

  /** Lets {@link #awaitEnd} return. */
  public void end() {
    end.countDown();
  }

  /** From now on {@link #close} first unmounts what nobody uses. */
  public void unmountAtEnd() {
    unmountsAtEnd = true;
  }

  /** As {@link #end}, for a successor that waits to take over. */
  void handOver() {
    why = Mounts.End.HAND_OVER;
    end();
  }

  /** What follows its opening has failed: closing leaves all to a successor. */
  public void fail() {
    why = Mounts.End.FAILED;
  }

  /** Waits until somebody asks for the end. */
  public void awaitEnd() throws InterruptedException {
    end.await();
  }

  /** Ends the control API and lets go of all files; idempotent. Mounts stay for a successor. */
  @Override
  public void close() throws IOException {
    end();
    synchronized (collecting) {
      // None is under way: what is let go of below is not unused.
    }
    @Nullable IOException failure = null;
    // The lock is held meanwhile: whoever closes second must wait until all is closed.
    synchronized (open) {
      while (!open.isEmpty()) {
        try {
          open.pop().close();
        } catch (IOException | RuntimeException e) {
          LOG.warn("while ending: {}", ErrorText.of(e), e);
          failure = failure == null ? new IOException(ErrorText.of(e), e) : failure;
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
