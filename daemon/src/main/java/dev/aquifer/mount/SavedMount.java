package dev.aquifer.mount;

import dev.aquifer.blob.Backend;
import dev.aquifer.blob.CachedBlob;
import dev.aquifer.blob.Lease;
import dev.aquifer.blob.ObjectInfo;
import dev.aquifer.blob.RemoteImage;
import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.Descriptors.FileId;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a successor must know of a mount to go on serving it without asking its origin: a file in
 * the run directory, written before the mount can be seen and removed when the kernel has dropped
 * it.
 *
 * @param bootId the machine's start that it is of
 * @param kernelName the kernel's name of the file system, not used again in that time
 * @param device its device number, {@code major:minor}
 * @param options all but {@code devices} and {@code mirrors}
 * @param manifest the image's manifest as it is at the origin; null for an image made by others
 * @param files what the kernel reads, in device order
 */
record SavedMount(
    String bootId,
    String kernelName,
    String device,
    String source,
    String target,
    String options,
    List<String> devices,
    List<String> mirrors,
    String fsid,
    String since,
    String bootstrap,
    long bootstrapFetchedBytes,
    @Nullable String manifest,
    List<File> files) {

  /** One that an earlier version wrote may lack the mirrors. */
  SavedMount {
    mirrors = Objects.requireNonNullElse(mirrors, List.of());
  }

  /**
   * A device.
   *
   * @param deviceNumber of the file system that its file is on
   * @param inode of its file: another file of that name is none that this mount reads
   * @param origin where its bytes come from if no manifest tells; null also for a local file
   */
  record File(String id, String path, long deviceNumber, long inode, @Nullable Origin origin) {}

  /** An object that nothing proves. */
  record Origin(String location, String key, long sizeBytes, @Nullable String version) {}

  /** What is to be saved of a mount that the kernel has made. */
  static SavedMount of(Mount mount, Mount.Made made, String bootId) throws IOException {
    PreparedImage image = made.image();
    List<File> files = new ArrayList<>();
    for (PreparedImage.Device device : image.devices()) {
      FileId id = Descriptors.fileId(device.path());
      files.add(
          new File(
              device.id(), device.path().toString(), id.device(), id.inode(), device.origin()));
    }
    MountSpec spec = mount.spec;
    return new SavedMount(
        bootId,
        made.kernelName(),
        made.device(),
        spec.source(),
        mount.target.toString(),
        spec.options().text(),
        spec.devices(),
        spec.mirrors(),
        mount.fsid,
        made.since().toString(),
        image.bootstrap().toString(),
        image.bootstrapFetchedBytes(),
        image.remote() == null ? null : image.remote().manifestJson(),
        files);
  }

  /** Whether {@code file} is filled while the kernel reads it. */
  boolean isFilled(File file) {
    return manifest != null || file.origin() != null;
  }

  /** Whether any of its files is. */
  boolean isLazy() {
    return files.stream().anyMatch(this::isFilled);
  }

  /** The wish that led to it. */
  MountSpec spec() throws IOException {
    return new MountSpec(
        source, Path.of(target), MountOptions.parse(options).with(devices, mirrors));
  }

  /** When it was mounted. */
  Instant sinceTime() {
    return Instant.parse(since);
  }

  /**
   * Opens again what the kernel reads, without asking an origin.
   *
   * @throws IOException if a file is not the one any more that the kernel has open
   */
  PreparedImage reopen(PreparedImage.Origins origins, Lease lease) throws IOException {
    List<PreparedImage.Device> opened = new ArrayList<>();
    RemoteImage remote = null;
    if (manifest != null) {
      remote = RemoteImage.of(origins.openAll(source, mirrors), manifest);
      for (CachedBlob blob : lease.openBlobs(remote)) {
        opened.add(PreparedImage.Device.of(blob, null));
      }
    } else {
      for (File file : files) {
        opened.add(reopen(file, origins, lease));
      }
    }
    check(opened);
    return new PreparedImage(Path.of(bootstrap), bootstrapFetchedBytes, opened, remote);
  }

  private static PreparedImage.Device reopen(File file, PreparedImage.Origins origins, Lease lease)
      throws IOException {
    Origin origin = file.origin();
    if (origin == null) {
      return new PreparedImage.Device(file.id(), Path.of(file.path()), null, null);
    }
    Backend backend = origins.open(origin.location());
    ObjectInfo object = new ObjectInfo(origin.sizeBytes(), origin.version());
    return PreparedImage.Device.of(lease.openUnverified(backend, origin.key(), object), origin);
  }

  private void check(List<PreparedImage.Device> opened) throws IOException {
    if (opened.size() != files.size()) {
      throw new IOException(
          "%s: has %d devices: expected %d"
              .formatted(ShownSource.safe(source), opened.size(), files.size()));
    }
    for (int i = 0; i < files.size(); i++) {
      File file = files.get(i);
      if (opened.get(i).blob() != null
          && !Descriptors.fileId(opened.get(i).path())
              .equals(new FileId(file.deviceNumber(), file.inode()))) {
        throw new IOException(
            "%s: is not the file any more that the kernel reads".formatted(opened.get(i).path()));
      }
    }
  }
}
