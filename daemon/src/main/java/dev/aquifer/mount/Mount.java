package dev.aquifer.mount;

import java.nio.file.Path;
import java.time.Instant;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** One mount: what was wished, what it holds, where it stands. */
final class Mount {
  /** Where it stands. */
  enum Phase {
    /** Being made: its mount point is taken, but nobody sees it. */
    PREPARING,
    /** To be seen. */
    MOUNTED,
    /** No longer to be seen, but the kernel still has its file system. */
    LINGERING,
    /** The kernel has dropped it; what it held is being released. */
    GONE
  }

  /** What is known once the kernel has made the file system. Immutable. */
  record Made(PreparedImage image, String kernelName, String device, Instant since) {}

  final MountSpec spec;
  final Path target;
  final String fsid;

  /**
   * What this process holds for it: released when the kernel has let go of the file system, when
   * making it failed, and when this process leaves it to a successor.
   */
  final Undo held = new Undo();

  /** Open until everything is released. */
  final CountDownLatch released = new CountDownLatch(1);

  /** Guarded by the lock of Mounts. */
  Phase phase = Phase.PREPARING;

  /** Set once, when the kernel has made the file system; null before. */
  volatile @Nullable Made made;

  Mount(MountSpec spec, Path target, String fsid) {
    this.spec = spec;
    this.target = target;
    this.fsid = fsid;
  }

  /** A snapshot; null as long as there is nothing to be seen. To be called with the lock. */
  @Nullable MountStatus status() {
    Made now = made;
    if (now == null || phase == Phase.PREPARING || phase == Phase.GONE) {
      return null;
    }
    PreparedImage image = now.image();
    return new MountStatus(
        spec.shownSource(),
        target,
        fsid,
        spec.domainId(),
        phase == Phase.MOUNTED ? MountStatus.State.MOUNTED : MountStatus.State.LINGERING,
        image.mode(),
        image.remote() == null ? null : image.remote().manifestDigest().toString(),
        now.kernelName(),
        image.devices().stream().map(PreparedImage.Device::id).toList(),
        image.bootstrapFetchedBytes(),
        spec.prefetch(),
        now.since());
  }
}
