package dev.aquifer.format;

import dev.aquifer.io.Sha256;
import java.util.Map;

/**
 * An OCI content descriptor.
 *
 * @param mediaType what the content is
 * @param digest the SHA-256 of the content
 * @param sizeBytes the size of the content
 * @param annotations further facts; sorted by name when written
 */
public record Descriptor(
    String mediaType, Sha256 digest, long sizeBytes, Map<String, String> annotations) {
  /** Copies the annotations. */
  public Descriptor {
    annotations = Map.copyOf(annotations);
  }

  /** Where the content lies in an image layout. */
  public String path() {
    return "blobs/sha256/" + digest.hex();
  }
}
