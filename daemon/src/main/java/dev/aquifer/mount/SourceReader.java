package dev.aquifer.mount;

import dev.aquifer.blob.Lease;
import dev.aquifer.blob.ObjectUrl;
import dev.aquifer.blob.RemoteImage;
import dev.aquifer.io.BackendException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.Failpoint;
import dev.aquifer.io.RefusedException;
import dev.aquifer.nio.ErofsMagic;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Finds out what a source is: an Aquifer image (a directory, or a URL below which there is one), or
 * an image made by other tools (a file, local or not).
 */
final class SourceReader {
  private final PreparedImage.Origins origins;
  private final Lease lease;

  SourceReader(PreparedImage.Origins origins, Lease lease) {
    this.origins = origins;
    this.lease = lease;
  }

  /** Makes the image of {@code spec} ready. */
  PreparedImage prepare(MountSpec spec) throws IOException {
    Failpoint.reach("mount-source");
    return MountSpec.isUrl(spec.source()) ? remote(spec) : local(spec);
  }

  private PreparedImage local(MountSpec spec) throws IOException {
    Path path = Path.of(spec.source());
    if (!Files.exists(path)) {
      throw new RefusedException(Errno.ENOENT, path + ": no such file or directory");
    }
    if (!Files.isDirectory(path)) {
      return raw().prepare(spec.source(), spec.devices());
    }
    refuseDevices(spec);
    if (!Files.exists(path.resolve("index.json"))) {
      throw new RefusedException(
          Errno.EINVAL,
          path + ": is no image: expected index.json in it, as `aquifer build` makes it");
    }
    return AquiferImage.prepare(RemoteImage.open(origins.open(spec.source())), lease);
  }

  private PreparedImage remote(MountSpec spec) throws IOException {
    if (!spec.devices().isEmpty()) {
      return raw().prepare(spec.source(), spec.devices());
    }
    RemoteImage image;
    try {
      image = RemoteImage.open(origins.open(spec.source()));
    } catch (BackendException e) {
      if (e.isTransient() || !isErofsFile(spec.source())) {
        throw e;
      }
      return raw().prepare(spec.source(), spec.devices());
    }
    return AquiferImage.prepare(image, lease);
  }

  /** Whether there is an EROFS image at {@code url}, of which nothing is cached yet. */
  private boolean isErofsFile(String url) {
    try {
      ObjectUrl object = ObjectUrl.of(url);
      return ErofsMagic.isAt(origins.open(object.location()), object.key());
    } catch (IOException | RuntimeException e) {
      // Then the first failure, of the image, is what matters.
      return false;
    }
  }

  private static void refuseDevices(MountSpec spec) throws RefusedException {
    if (!spec.devices().isEmpty()) {
      throw new RefusedException(
          Errno.EINVAL,
          spec.source()
              + ": mount option device= is for images made by other tools: this image's manifest names its blobs");
    }
  }

  private RawImage raw() {
    return new RawImage(origins, lease);
  }
}
