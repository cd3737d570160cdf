package dev.aquifer.mount;

import dev.aquifer.blob.CachedBlob;
import dev.aquifer.blob.CachedBootstrap;
import dev.aquifer.blob.Lease;
import dev.aquifer.blob.RemoteImage;
import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.image.DeviceSlot;
import dev.aquifer.image.Image;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.Errno;
import dev.aquifer.io.Failpoint;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.util.List;

/**
 * Makes an Aquifer image ready: one that a manifest describes, and whose blobs digests prove.
 *
 * <p>That the blobs are those which the bootstrap means is proven here: the kernel does not look.
 * It would mount swapped devices and serve other bytes, and without any device it would mount, too.
 */
final class AquiferImage {
  private AquiferImage() {}

  /** Fetches the bootstrap and opens the blobs; {@code lease} holds them. */
  static PreparedImage prepare(RemoteImage remote, Lease lease) throws IOException {
    Failpoint.reach("mount-bootstrap");
    CachedBootstrap bootstrap = lease.bootstrap(remote);
    try (ByteSource source = bootstrap.source()) {
      Image image = Image.open(source);
      String name = remote.name() + ": bootstrap " + bootstrap.digest();
      checkSlots(name, image.deviceSlots(), remote.manifest());
      Failpoint.reach("mount-blobs");
      List<CachedBlob> blobs = lease.openBlobs(remote);
      checkSizes(name, image, blobs);
      return new PreparedImage(
          bootstrap.path(),
          bootstrap.fetchedBytes(),
          blobs.stream().map(blob -> PreparedImage.Device.of(blob, null)).toList(),
          remote);
    }
  }

  private static void checkSlots(String name, List<DeviceSlot> slots, ImageManifest manifest)
      throws IOException {
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

  private static void checkSizes(String name, Image image, List<CachedBlob> blobs)
      throws RefusedException {
    for (int i = 0; i < blobs.size(); i++) {
      long needed = image.deviceSlots().get(i).blocks() * image.superblock().blockSizeBytes();
      if (needed > blobs.get(i).sizeBytes()) {
        throw refused(
            "%s: device %d has %d bytes, but blob %s has %d: expected at least as many; build the image anew"
                .formatted(name, i + 1, needed, blobs.get(i).id(), blobs.get(i).sizeBytes()));
      }
    }
  }

  private static RefusedException refused(String why) {
    return new RefusedException(Errno.EINVAL, why);
  }
}
