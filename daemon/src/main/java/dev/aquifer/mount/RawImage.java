package dev.aquifer.mount;

import dev.aquifer.blob.Backend;
import dev.aquifer.blob.CachedBlob;
import dev.aquifer.blob.Lease;
import dev.aquifer.blob.ObjectInfo;
import dev.aquifer.blob.ObjectUrl;
import dev.aquifer.image.DeviceSlot;
import dev.aquifer.image.Image;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.Errno;
import dev.aquifer.io.Failpoint;
import dev.aquifer.io.FileSource;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes an image ready that other tools made, such as {@code mkfs.erofs --blobdev}: a bootstrap and
 * its devices, each a local file or a URL. Nothing proves them. Local files are given to the kernel
 * as they are.
 */
final class RawImage {
  private final PreparedImage.Origins origins;
  private final Lease lease;

  RawImage(PreparedImage.Origins origins, Lease lease) {
    this.origins = origins;
    this.lease = lease;
  }

  /** A file of the image. */
  private record Part(String name, Path path, long sizeBytes, PreparedImage.Device device) {}

  /**
   * Opens what {@code source} and {@code devices} name.
   *
   * @param devices in device order; empty to take the names from the bootstrap's device table
   */
  PreparedImage prepare(String source, List<String> devices) throws IOException {
    Failpoint.reach("mount-bootstrap");
    Part bootstrap = part(source);
    long fetchedBytes = completeBootstrap(bootstrap);
    try (ByteSource bytes = FileSource.open(bootstrap.path())) {
      Image image = Image.open(bytes);
      Failpoint.reach("mount-blobs");
      List<DeviceSlot> slots = image.deviceSlots();
      List<String> names = devices.isEmpty() ? namesOf(source, slots) : devices;
      if (names.size() != slots.size()) {
        throw refused(
            "%s: its device table has %d slots, but %d devices are given: expected as many, in the same order, each with device="
                .formatted(source, slots.size(), names.size()));
      }
      List<PreparedImage.Device> opened = new ArrayList<>();
      for (int i = 0; i < slots.size(); i++) {
        Part part = part(names.get(i));
        checkSize(
            part, "device " + (i + 1) + " of " + source, blocks(image, slots.get(i).blocks()));
        opened.add(part.device());
      }
      return new PreparedImage(bootstrap.path(), fetchedBytes, opened, null);
    }
  }

  private static long blocks(Image image, long count) {
    return count * image.superblock().blockSizeBytes();
  }

  /** The kernel does not ask before it reads metadata: a hole there would be read as zeros. */
  private static long completeBootstrap(Part bootstrap) throws IOException {
    CachedBlob blob = bootstrap.device().blob();
    if (blob == null) {
      return 0;
    }
    long before = blob.status().fetchedBytes();
    blob.ensure(0, blob.sizeBytes());
    return blob.status().fetchedBytes() - before;
  }

  private Part part(String name) throws IOException {
    if (!MountSpec.isUrl(name)) {
      Path path = Path.of(name);
      checkIsFile(path);
      return new Part(
          name,
          path,
          Files.size(path),
          new PreparedImage.Device(path.toString(), path, null, null));
    }
    ObjectUrl url = ObjectUrl.of(name);
    Backend backend = origins.open(url.location());
    ObjectInfo object = backend.stat(url.key());
    CachedBlob blob = lease.openUnverified(backend, url.key(), object);
    SavedMount.Origin origin =
        new SavedMount.Origin(url.location(), url.key(), object.sizeBytes(), object.version());
    return new Part(name, blob.path(), blob.sizeBytes(), PreparedImage.Device.of(blob, origin));
  }

  private static void checkIsFile(Path path) throws RefusedException {
    if (!Files.exists(path)) {
      throw new RefusedException(Errno.ENOENT, path + ": no such file");
    }
    if (!Files.isRegularFile(path)) {
      throw new RefusedException(Errno.ENOTBLK, path + ": is no regular file");
    }
  }

  private static void checkSize(Part part, String what, long neededBytes) throws RefusedException {
    if (part.sizeBytes() < neededBytes) {
      throw refused(
          "%s: has %d bytes: expected at least %d for %s: truncated, or another file"
              .formatted(part.name(), part.sizeBytes(), neededBytes, what));
    }
  }

  /** As the kernel's on-demand mode did: the tags name files; here beside the bootstrap. */
  private static List<String> namesOf(String source, List<DeviceSlot> slots)
      throws RefusedException {
    List<String> names = new ArrayList<>();
    for (DeviceSlot slot : slots) {
      String tag = slot.tag();
      if (tag.isEmpty() || tag.contains("/") || tag.equals(".") || tag.equals("..")) {
        throw refused(
            "%s: device %d has %s: expected device= for each of its %d devices"
                .formatted(
                    source,
                    slot.device(),
                    tag.isEmpty()
                        ? "no name in the image"
                        : "the name '" + tag + "', which is no file beside it",
                    slots.size()));
      }
      names.add(source.substring(0, source.lastIndexOf('/') + 1) + tag);
    }
    return names;
  }

  private static RefusedException refused(String why) {
    return new RefusedException(Errno.EINVAL, why);
  }
}
