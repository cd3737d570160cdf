package dev.aquifer.blob;

import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * An image at an origin, or at several that have the same, known by its manifest. Does not own its
 * backends. Immutable.
 */
public final class RemoteImage {
  private final List<Backend> backends;
  private final Sha256 manifestDigest;
  private final ImageManifest manifest;
  private final byte[] json;

  private RemoteImage(
      List<Backend> backends, Sha256 manifestDigest, ImageManifest manifest, byte[] json) {
    this.backends = backends;
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
    return open(List.of(backend));
  }

  /**
   * As {@link #open(Backend)}, of the first of {@code backends} that gives an image: nothing proves
   * that it is the image which the others name now. They are asked for its objects, which its
   * digests prove; what else they have is of no interest.
   *
   * @throws IOException the first one's failure, if none gives an image; the others' are suppressed
   *     in it
   */
  public static RemoteImage open(List<Backend> backends) throws IOException {
    return FirstOf.answer(
        backends,
        (backend, manner) -> {
          List<Backend> thisFirst = new ArrayList<>(backends);
          thisFirst.remove(backend);
          thisFirst.addFirst(backend);
          return open(manner.of(backend), List.copyOf(thisFirst));
        });
  }

  private static RemoteImage open(Backend backend, List<Backend> all) throws IOException {
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
    return new RemoteImage(all, descriptor.digest(), manifest, json);
  }

  /**
   * The image of a manifest that is known already; asks the origins nothing.
   *
   * @param backends at least one, the preferred ones first
   * @param manifestJson what {@link #manifestJson} gave
   */
  public static RemoteImage of(List<Backend> backends, String manifestJson) throws IOException {
    byte[] json = manifestJson.getBytes(StandardCharsets.UTF_8);
    Sha256 digest = Sha256.hash(json);
    ImageManifest manifest = ImageManifest.parse("manifest " + digest, json, digest);
    ImageLimits.check(backends.getFirst().name(), manifest);
    return new RemoteImage(List.copyOf(backends), digest, manifest, json);
  }

  /** The digest of the manifest: the image's identity. */
  public Sha256 manifestDigest() {
    return manifestDigest;
  }

  /** The manifest. */
  public ImageManifest manifest() {
    return manifest;
  }

  /** Where the image is: at least one, the preferred ones first. */
  public List<Backend> backends() {
    return backends;
  }

  /** What messages call it: where it is preferred to be had. */
  public String name() {
    return backends.getFirst().name();
  }

  /** The manifest's text, as it is at the origin. */
  public String manifestJson() {
    return new String(json, StandardCharsets.UTF_8);
  }
}
