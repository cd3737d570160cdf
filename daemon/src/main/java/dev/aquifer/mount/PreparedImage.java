package dev.aquifer.mount;

import dev.aquifer.blob.Backend;
import dev.aquifer.blob.CachedBlob;
import dev.aquifer.blob.RemoteImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An image of which the kernel can be given all files: the bootstrap is whole, and every device is
 * known to be the one that the bootstrap means.
 *
 * @param bootstrap the file that the kernel mounts
 * @param bootstrapFetchedBytes what had to be fetched for it
 * @param devices in the order of the bootstrap's device table
 * @param remote the image; null for one made by other tools
 */
record PreparedImage(
    Path bootstrap,
    long bootstrapFetchedBytes,
    List<Device> devices,
    @Nullable RemoteImage remote) {

  /**
   * One device.
   *
   * @param id what status calls it
   * @param path its file
   * @param blob what fills the file; null if it is whole
   * @param origin where the blob comes from if no manifest tells
   */
  record Device(
      String id, Path path, @Nullable CachedBlob blob, SavedMount.@Nullable Origin origin) {
    static Device of(CachedBlob blob, SavedMount.@Nullable Origin origin) {
      return new Device(blob.id(), blob.path(), blob, origin);
    }
  }

  /** Opens origins; what it opened is closed with the mount. */
  interface Origins {
    Backend open(String location) throws IOException;

    /**
     * Opens an image's origin and its mirrors; any of them may be a directory that is not there.
     */
    default List<Backend> openAll(String source, List<String> mirrors) throws IOException {
      List<Backend> all = new ArrayList<>();
      all.add(open(source));
      for (String mirror : mirrors) {
        all.add(open(mirror));
      }
      return all;
    }
  }

  MountStatus.Mode mode() {
    return devices.stream().anyMatch(device -> device.blob() != null)
        ? MountStatus.Mode.LAZY
        : MountStatus.Mode.LOCAL;
  }
}
