package dev.aquifer.mount;

import dev.aquifer.blob.Backend;
import dev.aquifer.blob.CachedBlob;
import dev.aquifer.io.Sha256;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An image of which the kernel can be given all files: the bootstrap is whole, and every device is
 * known to be the one that the bootstrap means.
 *
 * @param bootstrap the file that the kernel mounts
 * @param bootstrapFetchedBytes what had to be fetched for it
 * @param devices in the order of the bootstrap's device table
 * @param manifest the image's digest; null for an image made by other tools
 */
record PreparedImage(
    Path bootstrap, long bootstrapFetchedBytes, List<Device> devices, @Nullable Sha256 manifest) {

  /**
   * One device.
   *
   * @param id what status calls it
   * @param path its file
   * @param blob what fills the file; null if it is whole
   */
  record Device(String id, Path path, @Nullable CachedBlob blob) {
    static Device of(CachedBlob blob) {
      return new Device(blob.id(), blob.path(), blob);
    }
  }

  /** Opens origins; what it opened is closed with the mount. */
  interface Origins {
    Backend open(String location) throws java.io.IOException;
  }

  MountStatus.Mode mode() {
    return devices.stream().anyMatch(device -> device.blob() != null)
        ? MountStatus.Mode.LAZY
        : MountStatus.Mode.LOCAL;
  }
}
