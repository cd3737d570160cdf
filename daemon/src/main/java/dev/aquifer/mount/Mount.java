package dev.aquifer.mount;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
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
    LINGERING
  }

  /** What is known once the kernel has made the file system. Immutable. */
  record Made(PreparedImage image, String kernelName, String device, Instant since) {}

  final MountSpec spec;
  final Path target;
  final String fsid;

  /** Released when the kernel has let go of the file system, or when making it failed. */
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

  /** What a successor must know of it, once it is made. */
  StateFile.Entry entry() {
    Made now = Objects.requireNonNull(made);
    return new StateFile.Entry(now.kernelName(), now.device(), target);
  }

  /** The files that are filled while it reads them, once it is made. */
  List<Path> dataFiles() {
    return Objects.requireNonNull(made).image().devices().stream()
        .filter(device -> device.blob() != null)
        .map(PreparedImage.Device::path)
        .toList();
  }

  /** A snapshot; null as long as there is nothing to be seen. To be called with the lock. */
  @Nullable MountStatus status() {
    Made now = made;
    if (now == null || phase == Phase.PREPARING) {
      return null;
    }
    PreparedImage image = now.image();
    return new MountStatus(
        spec.source(),
        target,
        fsid,
        spec.domainId(),
        phase == Phase.MOUNTED ? MountStatus.State.MOUNTED : MountStatus.State.LINGERING,
        image.mode(),
        image.manifest() == null ? null : image.manifest().toString(),
        now.kernelName(),
        image.devices().stream().map(PreparedImage.Device::id).toList(),
        image.bootstrapFetchedBytes(),
        spec.prefetch(),
        now.since());
  }
}
