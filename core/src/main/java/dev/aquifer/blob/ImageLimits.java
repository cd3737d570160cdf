package dev.aquifer.blob;

import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;

/**
 * How large what an image says of itself may be. Its manifest is not ours, and the bootstrap and
 * the span tables take disk and memory before anybody reads a byte of the image.
 */
final class ImageLimits {
  private static final int MAX_BLOBS = 4096;

  private static final long MAX_BOOTSTRAP_BYTES = 1 << 30;

  /** Of all blobs together: enough for a terabyte in spans of a megabyte. */
  private static final long MAX_TAILS_BYTES = 64 << 20;

  private ImageLimits() {}

  /**
   * Refuses an image that is too large.
   *
   * @param origin what messages call where it is
   */
  static void check(String origin, ImageManifest manifest) throws IOException {
    check(origin, manifest.blobs().size(), "blobs", MAX_BLOBS, "build it as several images");
    check(
        origin,
        manifest.bootstrap().sizeBytes(),
        "bytes of bootstrap",
        MAX_BOOTSTRAP_BYTES,
        "build it as several images");
    long tails = 0;
    for (Descriptor object : manifest.blobs()) {
      String name = origin + "/" + object.path();
      tails += object.sizeBytes() - ImageManifest.tailOffset(name, object);
      // At each blob: no sum of two that are checked overflows.
      check(origin, tails, "bytes of span tables", MAX_TAILS_BYTES, "build it with larger spans");
    }
  }

  private static void check(String origin, long count, String what, long max, String toDo)
      throws UnsupportedFeatureException {
    if (count > max) {
      throw new UnsupportedFeatureException(
          "%s: an image with %d %s: expected at most %d: %s"
              .formatted(origin, count, what, max, toDo));
    }
  }
}
