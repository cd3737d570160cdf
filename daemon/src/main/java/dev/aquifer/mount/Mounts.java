package dev.aquifer.mount;

import dev.aquifer.blob.Domains;
import dev.aquifer.io.BackendException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.Failpoint;
import dev.aquifer.io.RefusedException;
import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.MountCalls;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The mounts of this process: makes them, serves them, knows when they end.
 *
 * <p>A mount ends when the kernel has no file system of it any more, however that came about: by
 * {@link #umount}, by {@code umount(8)}, when the last open file of a lazily unmounted one is
 * closed. Only then its blobs are no longer served: earlier a reader would get zeros.
 *
 * <p>Safe for use by many threads: platform threads, as its calls wait in the kernel.
 */
public final class Mounts implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(Mounts.class);

  /** How long an unmount waits for the kernel to let go, which mostly it has done by then. */
  private static final long RELEASE_MILLIS = 2_000;

  /** How long a mount that failed waits for that. */
  private static final long DROP_NANOS = 5_000_000_000L;

  private final Path runDirectory;
  private final Warnings warnings;
  private final ServedGroup groups;
  private final MountMaker maker;
  private final Recovery recovery;
  private final MountWatch watch;
  private final Object lock = new Object();

  /** Releases what the kernel let go of, which may have to wait for an origin. */
  private final ExecutorService releases =
      Executors.newCachedThreadPool(
          Thread.ofPlatform().name("aquifer-release-", 1).daemon().factory());

  /** Guarded by lock: in the order of making. */
  private final List<Mount> mounts = new ArrayList<>();

  /** Guarded by lock. */
  private boolean isClosing;

  private Mounts(Domains domains, Path runDirectory, List<String> revive, Undo undo)
      throws IOException {
    this.runDirectory = runDirectory;
    Files.createDirectories(runDirectory);
    Recovery.sweep(runDirectory);
    this.warnings = new Warnings(runDirectory.resolve("warnings"));
    this.groups = ServedGroup.open(runDirectory, revive, warnings);
    // Last: readers of what was taken over are to find somebody who serves it, or to wait.
    undo.add(() -> mounts.forEach(mount -> closeQuietly(mount.held)));
    undo.add(() -> groups.close(End.FAILED));
    this.maker = new MountMaker(domains, groups, runDirectory);
    this.recovery = new Recovery(maker, groups, runDirectory, warnings);
    recovery.run();
    mounts.addAll(recovery.takenOver());
    groups.start(!isUnused(), !recovery.hasDenied());
    this.watch = MountWatch.start(new Observer());
  }

  /**
   * Starts to serve. First takes over what an earlier process left mounted, and answers who waits
   * there.
   *
   * @param domains what is used now; not owned
   * @param runDirectory a directory of this process alone, which survives it but not the machine's
   *     next start, such as {@code /run/aquifer}; made if it is not there
   * @param revive the command that starts a successor if this process is killed; empty for none
   * @throws RefusedException what the kernel lacks, see {@link KernelFeatures}
   */
  public static Mounts open(Domains domains, Path runDirectory, List<String> revive)
      throws IOException {
    Undo undo = new Undo();
    try {
      Mounts mounts = new Mounts(domains, runDirectory.toAbsolutePath(), revive, undo);
      mounts.mountAnew();
      return mounts;
    } catch (Throwable e) {
      undo.closeAfter(e);
      throw e;
    }
  }

  /** Mounts again what had to be hidden, beside everything else: its origin may not answer. */
  private void mountAnew() {
    for (MountSpec spec : recovery.toMountAnew()) {
      releases.execute(
          () -> {
            try {
              MountStatus unused = mount(spec);
            } catch (IOException | RuntimeException e) {
              warnings.add(
                  "%s: could not be mounted anew: %s: mount it by hand"
                      .formatted(spec.target(), Denial.reason(e)));
            }
          });
    }
  }

  /** What somebody must know even later. */
  public Warnings warnings() {
    return warnings;
  }

  /**
   * Mounts an image; returns when it is to be seen at its mount point.
   *
   * @throws RefusedException with the errno and the reason in words: what a rule forbids (EEXIST,
   *     EBUSY, EINVAL), what the kernel refuses, and ENOBUFS if the origin does not give what is
   *     needed
   * @throws IOException if something is damaged. Nothing is left behind, whatever is thrown
   */
  public MountStatus mount(MountSpec spec) throws IOException {
    Failpoint.reach("mount-target");
    int directoryFd = openDirectory(spec.target());
    try {
      return mount(spec, directoryFd);
    } finally {
      Descriptors.close(directoryFd);
    }
  }

  private MountStatus mount(MountSpec spec, int directoryFd) throws IOException {
    // The place itself, by whatever symbolic links it was reached.
    Path target = Path.of("/proc/self/fd/" + directoryFd).toRealPath();
    String fsid = spec.fsid() == null ? Fsid.of(target) : spec.fsid();
    Mount mount = new Mount(spec, target, fsid);
    take(mount);
    try {
      make(mount, directoryFd);
    } catch (BackendException e) {
      RefusedException refused = new RefusedException(Errno.ENOBUFS, Denial.reason(e));
      refused.initCause(e);
      forget(mount, refused);
      throw refused;
    } catch (Throwable e) {
      forget(mount, e);
      throw e;
    }
    // It is to be seen from here on, so it is served whatever happens.
    MountStatus status;
    synchronized (lock) {
      status = Objects.requireNonNull(mount.status());
    }
    // It may have been unmounted already.
    watch.wake();
    LOG.info(
        "mounted {} at {}: fsid {}{}, {}",
        status.source(),
        oneLine(target),
        fsid,
        spec.domainId() == null ? "" : ", domain " + spec.domainId(),
        status.kernelName());
    return status;
  }

  /** Takes the mount point. */
  private void take(Mount mount) throws RefusedException {
    synchronized (lock) {
      if (isClosing) {
        throw new RefusedException(Errno.EBUSY, mount.target + ": the daemon is ending");
      }
      for (Mount other : mounts) {
        if (other.target.equals(mount.target)
            && (other.phase == Mount.Phase.PREPARING || other.phase == Mount.Phase.MOUNTED)) {
          throw new RefusedException(
              Errno.EBUSY,
              "%s: %s is mounted there already: unmount it, or choose another mount point"
                  .formatted(mount.target, other.spec.shownSource()));
        }
      }
      mounts.add(mount);
    }
  }

  private void make(Mount mount, int directoryFd) throws IOException {
    try (KernelMount kernel = maker.make(mount, made())) {
      Failpoint.reach("mount-attach");
      refuseIfClosing(mount.target);
      kernel.attach(directoryFd, mount.target);
      synchronized (lock) {
        mount.phase = Mount.Phase.MOUNTED;
      }
    }
  }

  private List<Mount> made() {
    synchronized (lock) {
      return mounts.stream().filter(mount -> mount.made != null).toList();
    }
  }

  private static int openDirectory(Path target) throws IOException {
    try {
      return Descriptors.openDirectory(target);
    } catch (ErrnoException e) {
      Errno errno = Errno.of(e.errno());
      String why =
          switch (errno) {
            case ENOENT -> "no such directory: make the mount point";
            case ENOTDIR -> "is no directory";
            default -> e.getMessage();
          };
      throw new RefusedException(errno, target + ": " + why);
    }
  }

  private void refuseIfClosing(Path target) throws RefusedException {
    synchronized (lock) {
      if (isClosing) {
        throw new RefusedException(Errno.EBUSY, target + ": the daemon is ending");
      }
    }
  }

  /**
   * A mount that failed: releases what it took. Mostly nobody has seen its file system, and the
   * kernel drops it at once; as long as it does not, it must be served.
   */
  private void forget(Mount mount, Throwable failure) {
    Mount.Made made = mount.made;
    if (made != null) {
      boolean isSeen;
      synchronized (lock) {
        isSeen = mount.phase == Mount.Phase.MOUNTED;
      }
      if (isSeen) {
        hide(mount, failure);
      }
      if (!KernelMount.awaitDropped(made.kernelName(), DROP_NANOS)) {
        synchronized (lock) {
          mount.phase = Mount.Phase.LINGERING;
        }
        watch.wake();
        return;
      }
    }
    mount.held.closeAfter(failure);
    remove(mount);
  }

  private static void hide(Mount mount, Throwable failure) {
    try {
      MountCalls.umount(mount.target, true);
    } catch (ErrnoException e) {
      failure.addSuppressed(e);
    }
  }

  private void remove(Mount mount) {
    synchronized (lock) {
      mounts.remove(mount);
      lock.notifyAll();
    }
    Mount.Made made = mount.made;
    try {
      if (made != null) {
        Files.deleteIfExists(Recovery.file(runDirectory, made.kernelName()));
      }
      groups.release(this::isUnused);
    } catch (IOException e) {
      LOG.warn("{}: {}", runDirectory, Denial.reason(e));
    }
    mount.released.countDown();
  }

  /** Whether the kernel has no file system that asks this process. */
  private boolean isUnused() {
    synchronized (lock) {
      return mounts.isEmpty() && !recovery.hasDenied();
    }
  }

  /**
   * Unmounts what is mounted at {@code target}.
   *
   * @param lazily whether to hide it at once even if it is in use, and let go of it later
   * @return null if all is gone; the status of the mount if the kernel still has its file system
   * @throws RefusedException EINVAL if no mount of ours is there; EBUSY if a file is open in it or
   *     a program works in it
   */
  public @Nullable MountStatus umount(Path target, boolean lazily) throws IOException {
    Mount mount = find(target);
    unmount(mount, lazily);
    watch.wake();
    if (awaitReleased(mount)) {
      return null;
    }
    synchronized (lock) {
      return mounts.contains(mount) ? mount.status() : null;
    }
  }

  private Mount find(Path target) throws RefusedException {
    Path path = target.toAbsolutePath().normalize();
    try {
      path = path.toRealPath();
    } catch (IOException e) {
      // Not to be seen any more; its name is all there is.
    }
    synchronized (lock) {
      boolean lingers = false;
      for (Mount mount : mounts) {
        if (mount.target.equals(path)) {
          if (mount.phase == Mount.Phase.MOUNTED) {
            return mount;
          }
          lingers |= mount.phase == Mount.Phase.LINGERING;
        }
      }
      throw new RefusedException(
          Errno.EINVAL,
          lingers
              ? path + ": is unmounted already, but files are still open in it"
              : path + ": no image is mounted there by aquifer");
    }
  }

  private void unmount(Mount mount, boolean lazily) throws IOException {
    Mount.Made made = Objects.requireNonNull(mount.made);
    MountTable.Entry top = MountTable.read().topAt(mount.target);
    if (top != null && !(top.type().equals("erofs") && top.device().equals(made.device()))) {
      throw new RefusedException(
          Errno.EBUSY,
          "%s: %s (%s) is mounted on top of it: unmount that first"
              .formatted(mount.target, top.source(), top.type()));
    }
    try {
      MountCalls.umount(mount.target, lazily);
    } catch (ErrnoException e) {
      Errno errno = Errno.of(e.errno());
      String why =
          switch (errno) {
            case EBUSY ->
                "is in use: a program has a file open in it or works in it (see `fuser -vm`): end it, or unmount lazily";
            case EINVAL -> "is not mounted any more";
            default -> e.getMessage();
          };
      throw new RefusedException(errno, mount.target + ": " + why);
    }
  }

  private static boolean awaitReleased(Mount mount) {
    try {
      return mount.released.await(RELEASE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** All mounts, lingering ones too, in the order in which they were made. */
  public List<MountStatus> status() {
    synchronized (lock) {
      List<MountStatus> list = new ArrayList<>();
      for (Mount mount : mounts) {
        MountStatus status = mount.status();
        if (status != null) {
          list.add(status);
        }
      }
      return list;
    }
  }

  /** What the watching thread does. */
  private final class Observer implements MountWatch.Observer {
    @Override
    public boolean look() throws IOException {
      MountTable table = MountTable.read();
      boolean awaits = awaitsDenied();
      for (Mount mount : visible()) {
        awaits |= look(mount, table);
      }
      return awaits;
    }

    private boolean awaitsDenied() throws IOException {
      synchronized (lock) {
        if (!recovery.hasDenied()) {
          return false;
        }
        recovery.forgetDropped();
      }
      groups.release(Mounts.this::isUnused);
      synchronized (lock) {
        return recovery.hasDenied();
      }
    }

    private List<Mount> visible() {
      synchronized (lock) {
        return mounts.stream()
            .filter(m -> m.phase == Mount.Phase.MOUNTED || m.phase == Mount.Phase.LINGERING)
            .toList();
      }
    }

    private boolean look(Mount mount, MountTable table) {
      Mount.Made made = Objects.requireNonNull(mount.made);
      if (KernelMount.isAlive(made.kernelName())) {
        boolean isSeen = table.hasErofs(made.device(), mount.target);
        synchronized (lock) {
          mount.phase = isSeen ? Mount.Phase.MOUNTED : Mount.Phase.LINGERING;
        }
        return !isSeen;
      }
      synchronized (lock) {
        mount.phase = Mount.Phase.GONE;
      }
      releases.execute(() -> release(mount));
      return false;
    }

    @Override
    public int keeperFd() {
      return groups.keeperFd();
    }

    @Override
    public void keeperEnded() throws IOException {
      groups.replaceEnded();
    }
  }

  /** The kernel has let go of it. */
  private void release(Mount mount) {
    try {
      mount.held.close();
      LOG.info("unmounted {} from {}", mount.spec.shownSource(), oneLine(mount.target));
    } catch (IOException e) {
      LOG.error("unmounted {}: {}", oneLine(mount.target), Denial.reason(e));
    } finally {
      remove(mount);
    }
  }

  /**
   * Unmounts everything that nobody uses.
   *
   * @return the mount points of what is in use, and so stays
   */
  public List<Path> umountAll() {
    List<Path> busy = new ArrayList<>();
    for (MountStatus status : status().reversed()) {
      try {
        if (status.state() == MountStatus.State.LINGERING
            || umount(status.target(), false) != null) {
          busy.add(status.target());
        }
      } catch (IOException e) {
        LOG.warn("{}", Denial.reason(e));
        busy.add(status.target());
      }
    }
    return busy;
  }

  /** Has the kernel ask about complete blobs, too, while {@code work} may find them damaged. */
  public <T> T whileAskedAboutAll(Work<T> work) throws IOException {
    groups.server().askAll();
    try {
      return work.run();
    } finally {
      groups.server().ignoreComplete();
    }
  }

  /** Work that may fail. */
  public interface Work<T> {
    /** Does it. */
    T run() throws IOException;
  }

  /**
   * Ends the threads; idempotent. Mounts stay: a reader there gets what is in memory, and waits for
   * anything else until the next process of this run directory starts. It never gets zeros, because
   * the keeper goes on to hold the group. Who waits already has a little time to get its bytes, and
   * is then denied.
   */
  @Override
  public void close() throws IOException {
    close(End.MEANT);
  }

  /** Why it ends. */
  public enum End {
    /** Somebody wants it: who still waits is denied in the end, and no successor is started. */
    MEANT,
    /**
     * A successor is about to take over: who still waits is left to it. If it fails before it has a
     * keeper of its own, this one's starts another.
     */
    HAND_OVER,
    /** Something failed: who still waits is left to a successor, which the keeper starts. */
    FAILED
  }

  /** As {@link #close()}. */
  public void close(End end) throws IOException {
    synchronized (lock) {
      if (isClosing) {
        return;
      }
      isClosing = true;
    }
    awaitPrepared();
    watch.close();
    releases.shutdown();
    awaitReleases();
    List<Mount> left;
    synchronized (lock) {
      left = List.copyOf(mounts);
    }
    for (Mount mount : left) {
      if (mount.phase != Mount.Phase.GONE && end == End.MEANT) {
        LOG.info(
            "{}: stays mounted: reads of what is not in memory wait until aquifer runs again",
            oneLine(mount.target));
      }
    }
    groups.close(end);
    // The kernel's part stays as it is: only what this process has open is closed.
    for (Mount mount : left) {
      closeQuietly(mount.held);
    }
  }

  private void awaitReleases() {
    try {
      if (!releases.awaitTermination(DROP_NANOS, TimeUnit.NANOSECONDS)) {
        LOG.warn("some of what was unmounted is not released yet");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Lets those that are being made fail or finish. */
  private void awaitPrepared() {
    long deadline = System.nanoTime() + DROP_NANOS;
    synchronized (lock) {
      try {
        while (mounts.stream().anyMatch(m -> m.phase == Mount.Phase.PREPARING)) {
          long millis = (deadline - System.nanoTime()) / 1_000_000;
          if (millis <= 0) {
            return;
          }
          lock.wait(millis);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** A name may have line ends in it; a line of the log has none. */
  private static String oneLine(Object name) {
    return name.toString().replaceAll("\\p{Cntrl}", "?");
  }

  private static void closeQuietly(Closeable resource) {
    try {
      resource.close();
    } catch (IOException e) {
      LOG.warn("{}", Denial.reason(e));
    }
  }
}
