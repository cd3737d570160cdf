package dev.aquifer.nio;

import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.image.DeviceSlot;
import dev.aquifer.image.Image;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.util.List;

/**
 * Proves that the blobs which a manifest lists are those which the bootstrap means. Nobody else
 * looks: with swapped devices a reader would be served other bytes.
 */
public final class ManifestCheck {
  private ManifestCheck() {}

  /**
   * Compares the bootstrap's device table with the manifest: as many blobs, the same, in the same
   * order.
   *
   * @param name what messages call the bootstrap
   * @throws RefusedException EINVAL if they differ
   */
  public static void slots(String name, Image bootstrap, ImageManifest manifest)
      throws IOException {
    List<DeviceSlot> slots = bootstrap.deviceSlots();
    List<Descriptor> blobs = manifest.blobs();
    if (slots.size() != blobs.size()) {
      throw refused(
          "%s: its device table has %d slots, but the manifest lists %d blobs: expected the same; build the image anew"
              .formatted(name, slots.size(), blobs.size()));
    }
    for (int i = 0; i < slots.size(); i++) {
      String tag = slots.get(i).tag();
      String id = ImageManifest.blobId(name, blobs.get(i)).hex();
      if (!tag.equals(id)) {
        throw refused(
            "%s: device %d is blob '%s', but the manifest's blob %d is '%s': expected the same blobs in the same order; build the image anew"
                .formatted(name, i + 1, tag, i + 1, id));
      }
    }
  }

  /**
   * Compares what the bootstrap says of its devices' sizes with the blobs, which {@link #slots} has
   * found to be the right ones.
   *
   * @throws RefusedException EINVAL if a blob is too small
   */
  public static void sizes(String name, Image bootstrap, List<? extends ByteSource> blobs)
      throws RefusedException {
    for (int i = 0; i < blobs.size(); i++) {
      ByteSource blob = blobs.get(i);
      long needed =
          bootstrap.deviceSlots().get(i).blocks() * bootstrap.superblock().blockSizeBytes();
      if (needed > blob.sizeBytes()) {
        throw refused(
            "%s: device %d has %d bytes, but %s has %d: expected at least as many; build the image anew"
                .formatted(name, i + 1, needed, blob.name(), blob.sizeBytes()));
      }
    }
  }

  private static RefusedException refused(String why) {
    return new RefusedException(Errno.EINVAL, why);
  }
}
