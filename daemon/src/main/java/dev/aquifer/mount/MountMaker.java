package dev.aquifer.mount;

import dev.aquifer.blob.Backend;
import dev.aquifer.blob.Domains;
import dev.aquifer.blob.Lease;
import dev.aquifer.io.Errno;
import dev.aquifer.io.Failpoint;
import dev.aquifer.io.RefusedException;
import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.Directories;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.MountCalls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * The way to a file system that is served but not yet to be seen: join the domain, prepare the
 * image, watch its files, have the kernel make it, tell successors; or, for one that the kernel has
 * already, the same without the kernel. What is taken on the way is noted in the mount, so that
 * whoever calls can release it.
 *
 * <p>Safe for use by many threads.
 */
final class MountMaker {
  private final Domains domains;
  private final ServedGroup groups;
  private final Path runDirectory;

  MountMaker(Domains domains, ServedGroup groups, Path runDirectory) {
    this.domains = domains;
    this.groups = groups;
    this.runDirectory = runDirectory;
  }

  /** Prepares an image with the origins and the lease of its mount. */
  private interface Preparation {
    PreparedImage prepare(Undo origins, Lease lease) throws IOException;
  }

  /**
   * Makes the file system of {@code mount}.
   *
   * @param others what is mounted already
   */
  KernelMount make(Mount mount, List<Mount> others) throws IOException {
    Failpoint.reach("mount-join");
    PreparedImage image =
        serve(
            mount,
            (origins, lease) -> {
              refuseOwnMount(mount.spec, others);
              return new SourceReader(location -> origins.add(Backend.reopen(location)), lease)
                  .prepare(mount.spec);
            });
    Failpoint.reach("mount-create");
    KernelMount kernel = create(mount.spec, image);
    try {
      Mount.Made made =
          new Mount.Made(image, kernel.kernelName(), kernel.majorMinor(), Instant.now());
      mount.made = made;
      Failpoint.reach("mount-record");
      SavedState.write(
          Recovery.file(runDirectory, made.kernelName()),
          SavedMount.of(mount, made, groups.bootId()));
      return kernel;
    } catch (Throwable e) {
      kernel.close();
      throw e;
    }
  }

  /** Serves a file system that an earlier daemon made. */
  void takeOver(Mount mount, SavedMount saved) throws IOException {
    PreparedImage image =
        serve(
            mount,
            (origins, lease) ->
                saved.reopen(location -> origins.add(Backend.reopen(location)), lease));
    mount.made = new Mount.Made(image, saved.kernelName(), saved.device(), saved.sinceTime());
  }

  private PreparedImage serve(Mount mount, Preparation preparation) throws IOException {
    Undo held = mount.held;
    // Opened later, but closed after the lease, which uses them.
    Undo origins = held.add(new Undo());
    Lease lease =
        held.add(domains.join(mount.spec.domainId(), mount.fsid, mount.target.toString()));
    PreparedImage image = preparation.prepare(origins, lease);
    Failpoint.reach("mount-watch");
    groups.keep();
    for (PreparedImage.Device device : image.devices()) {
      if (device.blob() != null) {
        held.add(groups.server().watch(LazyFile.of(device.blob()), mount.spec.prefetch()));
      }
    }
    return image;
  }

  /**
   * Reading from a mount of this process while it fills another one could wait for itself, and
   * outside it nothing else would be fetched meanwhile.
   */
  private static void refuseOwnMount(MountSpec spec, List<Mount> others) throws IOException {
    List<String> places = new ArrayList<>(spec.devices());
    places.add(spec.source());
    places.addAll(spec.mirrors());
    for (String place : places) {
      if (MountSpec.isUrl(place) || !Files.exists(Path.of(place))) {
        continue;
      }
      long device = (Long) Files.getAttribute(Path.of(place), "unix:dev");
      String name = new MountCalls.FileSystemName(device, "").majorMinor();
      for (Mount other : others) {
        Mount.Made made = other.made;
        if (made != null && made.device().equals(name)) {
          throw new RefusedException(
              Errno.EBUSY,
              "%s: lies in the mount at %s: an image can't be mounted from an aquifer mount: copy it to a disk, or use its URL"
                  .formatted(place, other.target));
        }
      }
    }
  }

  /** The kernel is told to ignore a blob that is complete; it may turn out to be damaged. */
  private KernelMount create(MountSpec spec, PreparedImage image) throws IOException {
    List<Integer> fds = new ArrayList<>();
    try (ShownSource shown = ShownSource.of(spec.source(), image.bootstrap(), runDirectory)) {
      for (PreparedImage.Device device : image.devices()) {
        fds.add(
            device.blob() == null
                ? Descriptors.openForReading(device.path())
                : openWatched(device.path()));
      }
      return PlatformThread.call(
          "aquifer-mount",
          () -> {
            Directories.enter(shown.directory());
            return KernelMount.create(shown.text(), fds, spec.flags(), spec.options().erofs());
          });
    } finally {
      fds.forEach(Descriptors::close);
    }
  }

  private int openWatched(Path data) throws IOException {
    try {
      return groups.server().openWatched(data);
    } catch (ErrnoException e) {
      throw new RefusedException(Errno.of(e.errno()), KernelFeatures.withoutMark(e, data));
    }
  }
}
