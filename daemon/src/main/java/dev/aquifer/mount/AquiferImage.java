package dev.aquifer.mount;

import dev.aquifer.blob.CachedBlob;
import dev.aquifer.blob.CachedBootstrap;
import dev.aquifer.blob.Lease;
import dev.aquifer.blob.RemoteImage;
import dev.aquifer.image.Image;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.Failpoint;
import dev.aquifer.nio.ManifestCheck;
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
      String name = remote.backend().name() + ": bootstrap " + bootstrap.digest();
      ManifestCheck.slots(name, image, remote.manifest());
      Failpoint.reach("mount-blobs");
      List<CachedBlob> blobs = lease.openBlobs(remote);
      ManifestCheck.sizes(name, image, blobs);
      return new PreparedImage(
          bootstrap.path(),
          bootstrap.fetchedBytes(),
          blobs.stream().map(blob -> PreparedImage.Device.of(blob, null)).toList(),
          remote);
    }
  }
}
