package dev.aquifer.blob;

import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** An image at an origin, known by its manifest. Does not own its backend. Immutable. */
public final class RemoteImage {
  private final Backend backend;
  private final Sha256 manifestDigest;
  private final ImageManifest manifest;
  private final byte[] json;

  private RemoteImage(Backend backend, Sha256 manifestDigest, ImageManifest manifest, byte[] json) {
    this.backend = backend;
    this.manifestDigest = manifestDigest;
    this.manifest = manifest;
    this.json = json;
  }

  /**
   * Reads {@code index.json} and the manifest it names, and proves the manifest.
   *
   * @throws dev.aquifer.io.BackendException if the origin does not give them
   * @throws CorruptDataException if they are malformed or the digest differs
   * @throws dev.aquifer.io.UnsupportedFeatureException if it is no Aquifer image, or has more
   *     blobs, a larger bootstrap or larger span tables than are taken on
   */
  public static RemoteImage open(Backend backend) throws IOException {
    byte[] index = backend.readAll("index.json", ImageManifest.MAX_JSON_BYTES);
    Descriptor descriptor = ImageManifest.parseIndex(backend.name() + "/index.json", index);
    String name = backend.name() + "/" + descriptor.path();
    if (descriptor.sizeBytes() > ImageManifest.MAX_JSON_BYTES) {
      throw new CorruptDataException(
          "%s: a manifest of %d bytes: expected at most %d"
              .formatted(name, descriptor.sizeBytes(), ImageManifest.MAX_JSON_BYTES));
    }
    byte[] json = backend.readAll(descriptor.path(), ImageManifest.MAX_JSON_BYTES);
    ImageManifest manifest = ImageManifest.parse(name, json, descriptor.digest());
    ImageLimits.check(backend.name(), manifest);
    return new RemoteImage(backend, descriptor.digest(), manifest, json);
  }

  /**
   * The image of a manifest that is known already; asks the origin nothing.
   *
   * @param manifestJson what {@link #manifestJson} gave
   */
  public static RemoteImage of(Backend backend, String manifestJson) throws IOException {
    byte[] json = manifestJson.getBytes(StandardCharsets.UTF_8);
    Sha256 digest = Sha256.hash(json);
    ImageManifest manifest = ImageManifest.parse("manifest " + digest, json, digest);
    ImageLimits.check(backend.name(), manifest);
    return new RemoteImage(backend, digest, manifest, json);
  }

  /** The digest of the manifest: the image's identity. */
  public Sha256 manifestDigest() {
    return manifestDigest;
  }

  /** The manifest. */
  public ImageManifest manifest() {
    return manifest;
  }

  /** Where the image is. */
  public Backend backend() {
    return backend;
  }

  /** The manifest's text, as it is at the origin. */
  public String manifestJson() {
    return new String(json, StandardCharsets.UTF_8);
  }
}
