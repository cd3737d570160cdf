package dev.aquifer.mount;

import dev.aquifer.blob.Backend;
import dev.aquifer.blob.Domains;
import dev.aquifer.blob.Lease;
import dev.aquifer.io.BackendException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.Directories;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.MountCalls;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
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
 * <p>Safe for use by many threads. May be called from virtual threads: what may block in the kernel
 * runs in platform threads of its own.
 */
public final class Mounts implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(Mounts.class);

  /** How long an unmount waits for the kernel to let go, which mostly it has done by then. */
  private static final long RELEASE_MILLIS = 2_000;

  /** How long a mount that failed waits for that. */
  private static final long DROP_NANOS = 5_000_000_000L;

  private final Domains domains;
  private final Path runDirectory;
  private final MountSteps steps;
  private final ServedGroup groups;
  private final MountWatch watch;
  private final Object lock = new Object();

  /** Guarded by lock: in the order of making. */
  private final List<Mount> mounts = new ArrayList<>();

  /** Guarded by lock. */
  private boolean isClosing;

  private Mounts(Domains domains, Path runDirectory, MountSteps steps) throws IOException {
    this.domains = domains;
    this.runDirectory = runDirectory;
    this.steps = steps;
    this.groups = ServedGroup.open(runDirectory);
    try {
      this.watch = MountWatch.start(new Observer());
    } catch (IOException | RuntimeException e) {
      groups.close(true);
      throw e;
    }
  }

  /**
   * Starts to serve. First cleans up what an earlier process left behind: mounts that nobody serves
   * any more are unmounted, with one line of log each.
   *
   * @param domains what is used now; not owned
   * @param runDirectory a directory of this process alone, which survives it but not the machine's
   *     next start, such as {@code /run/aquifer}; made if it is not there
   * @throws RefusedException EBUSY if another process uses the directory; else what the kernel
   *     lacks, see {@link KernelFeatures}
   */
  public static Mounts open(Domains domains, Path runDirectory) throws IOException {
    return open(domains, runDirectory, step -> {});
  }

  static Mounts open(Domains domains, Path runDirectory, MountSteps steps) throws IOException {
    return new Mounts(domains, runDirectory.toAbsolutePath(), steps);
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
    steps.reach(MountSteps.Step.TARGET);
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
      MountStatus status;
      synchronized (lock) {
        mount.phase = Mount.Phase.MOUNTED;
        status = Objects.requireNonNull(mount.status());
      }
      // It may have been unmounted already.
      watch.wake();
      LOG.info(
          "mounted {} at {}: fsid {}{}, {}",
          oneLine(spec.source()),
          oneLine(target),
          fsid,
          spec.domainId() == null ? "" : ", domain " + spec.domainId(),
          status.kernelName());
      return status;
    } catch (BackendException e) {
      RefusedException refused = new RefusedException(Errno.ENOBUFS, Denial.reason(e));
      refused.initCause(e);
      forget(mount, refused);
      throw refused;
    } catch (Throwable e) {
      forget(mount, e);
      throw e;
    }
  }

  /** Takes the mount point. */
  private void take(Mount mount) throws RefusedException {
    synchronized (lock) {
      if (isClosing) {
        throw new RefusedException(Errno.EBUSY, mount.target + ": the daemon is ending");
      }
      for (Mount other : mounts) {
        if (other.target.equals(mount.target) && other.phase != Mount.Phase.LINGERING) {
          throw new RefusedException(
              Errno.EBUSY,
              "%s: %s is mounted there already: unmount it, or choose another mount point"
                  .formatted(mount.target, other.spec.source()));
        }
      }
      mounts.add(mount);
    }
  }

  private void make(Mount mount, int directoryFd) throws IOException {
    Undo held = mount.held;
    steps.reach(MountSteps.Step.JOIN);
    // Opened later, but closed after the lease, which uses them.
    Undo origins = held.add(new Undo());
    Lease lease =
        held.add(domains.join(mount.spec.domainId(), mount.fsid, mount.target.toString()));
    PreparedImage image =
        new SourceReader(location -> origins.add(Backend.open(location)), lease, steps)
            .prepare(mount.spec);
    steps.reach(MountSteps.Step.MARKS);
    watchDevices(mount, image);
    steps.reach(MountSteps.Step.CREATE);
    try (KernelMount kernel = create(mount.spec, image)) {
      held.add(() -> awaitDropped(mount, kernel.kernelName()));
      steps.reach(MountSteps.Step.RECORD);
      mount.made = new Mount.Made(image, kernel.kernelName(), kernel.majorMinor(), Instant.now());
      record();
      steps.reach(MountSteps.Step.ATTACH);
      refuseIfClosing(mount.target);
      PlatformThread.call(
          "aquifer-attach",
          () -> {
            kernel.attach(directoryFd, mount.target);
            return true;
          });
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

  private void watchDevices(Mount mount, PreparedImage image) throws IOException {
    for (PreparedImage.Device device : image.devices()) {
      if (device.blob() == null) {
        continue;
      }
      if (groups.isHeldByStale(device.path())) {
        throw new RefusedException(
            Errno.EBUSY,
            "%s: blob %s is still read by programs that use a mount of an earlier daemon, which was killed: end them"
                .formatted(mount.target, device.id()));
      }
      mount.held.add(groups.server().watch(LazyFile.of(device.blob()), mount.spec.prefetch()));
    }
  }

  private KernelMount create(MountSpec spec, PreparedImage image) throws IOException {
    List<Path> devices = image.devices().stream().map(PreparedImage.Device::path).toList();
    try (ShownSource shown = ShownSource.of(spec.source(), image.bootstrap(), runDirectory)) {
      return PlatformThread.call(
          "aquifer-mount",
          () -> {
            Directories.enter(shown.directory());
            return KernelMount.create(shown.text(), devices, spec.flags(), spec.options().erofs());
          });
    }
  }

  /** A mount that failed: nobody has seen its file system, so the kernel drops it at once. */
  private void awaitDropped(Mount mount, String kernelName) throws IOException {
    synchronized (lock) {
      if (mount.phase != Mount.Phase.PREPARING) {
        return;
      }
    }
    long deadline = System.nanoTime() + DROP_NANOS;
    while (KernelMount.isAlive(kernelName)) {
      if (System.nanoTime() > deadline) {
        throw new IOException(kernelName + ": the kernel did not drop it");
      }
      LockSupport.parkNanos(1_000_000);
    }
  }

  private void refuseIfClosing(Path target) throws RefusedException {
    synchronized (lock) {
      if (isClosing) {
        throw new RefusedException(Errno.EBUSY, target + ": the daemon is ending");
      }
    }
  }

  /** A mount that failed: releases what it took. */
  private void forget(Mount mount, Throwable failure) {
    mount.held.closeAfter(failure);
    remove(mount);
  }

  private void remove(Mount mount) {
    boolean wasMade;
    synchronized (lock) {
      mounts.remove(mount);
      wasMade = mount.made != null;
      lock.notifyAll();
    }
    if (wasMade) {
      try {
        record();
      } catch (IOException e) {
        LOG.warn("{}: {}", runDirectory, Denial.reason(e));
      }
    }
    mount.released.countDown();
  }

  /** Tells a successor what is mounted. */
  private void record() throws IOException {
    groups.record(this::made);
  }

  private List<Mount> made() {
    synchronized (lock) {
      return mounts.stream().filter(mount -> mount.made != null).toList();
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
    PlatformThread.call(
        "aquifer-umount",
        () -> {
          unmount(mount, lazily);
          return true;
        });
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
      boolean awaits = groups.endStale();
      for (Mount mount : visible()) {
        awaits |= look(mount, table);
      }
      return awaits;
    }

    private List<Mount> visible() {
      synchronized (lock) {
        return mounts.stream().filter(m -> m.phase != Mount.Phase.PREPARING).toList();
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
      release(mount);
      return false;
    }

    @Override
    public int keeperFd() {
      return groups.keeperFd();
    }

    @Override
    public void keeperEnded() throws IOException {
      LOG.warn("the keeper was ended from outside; starting another");
      groups.replaceKeeper(Mounts.this::made);
    }
  }

  /** The kernel has let go of it. */
  private void release(Mount mount) {
    try {
      mount.held.close();
      LOG.info("unmounted {} from {}", oneLine(mount.spec.source()), oneLine(mount.target));
    } catch (IOException e) {
      LOG.error("unmounted {}: {}", oneLine(mount.target), Denial.reason(e));
    } finally {
      remove(mount);
    }
  }

  /**
   * Unmounts everything and ends the threads; idempotent.
   *
   * <p>What is in use stays mounted, and says so in the log: a reader there gets what is in memory,
   * and waits for anything else until the next process of this run directory starts. It never gets
   * zeros, because the keeper goes on to hold the group.
   */
  @Override
  public void close() throws IOException {
    synchronized (lock) {
      if (isClosing) {
        return;
      }
      isClosing = true;
    }
    awaitPrepared();
    for (MountStatus status : status().reversed()) {
      try {
        if (status.state() == MountStatus.State.MOUNTED) {
          MountStatus unused = umount(status.target(), false);
        }
      } catch (IOException e) {
        LOG.warn("{}", Denial.reason(e));
      }
    }
    watch.close();
    List<Mount> left;
    synchronized (lock) {
      left = mounts.stream().filter(m -> m.phase != Mount.Phase.PREPARING).toList();
    }
    for (Mount mount : left) {
      LOG.warn(
          "{}: left mounted, in use: reads of what is not in memory wait until aquifer runs again",
          oneLine(mount.target));
    }
    groups.close(left.isEmpty());
    // Marks stay where they are from here on: only what this process has open is closed.
    for (Mount mount : left) {
      closeQuietly(mount.held);
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
