package dev.aquifer.format;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Sha256;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The manifest of an Aquifer image: an OCI image manifest whose first layer is the bootstrap and
 * whose further layers are the blob objects in the order of the bootstrap's device slots.
 *
 * @param config the OCI image configuration, which other tools look at
 * @param bootstrap the EROFS metadata image
 * @param blobs the blob objects in device order; {@link #BLOB_ID} names the blob that each holds
 */
public record ImageManifest(Descriptor config, Descriptor bootstrap, List<Descriptor> blobs) {
  /** The media type of an OCI image manifest. */
  public static final String MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json";

  /** The media type of an OCI image configuration. */
  public static final String CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";

  /** The media type of a bootstrap. */
  public static final String BOOTSTRAP_TYPE = "application/vnd.aquifer.bootstrap.v1";

  /** The media type of a blob object. */
  public static final String BLOB_TYPE = "application/vnd.aquifer.blob.v1";

  /** Annotation of a blob object: the id of its blob, {@code sha256:<hex>}. */
  public static final String BLOB_ID = "dev.aquifer.blob.id";

  /** Annotation of a blob object: where its tail starts, in bytes. */
  public static final String TAIL_OFFSET = "dev.aquifer.blob.tail-offset";

  /** The content of a layout's {@code oci-layout} file. */
  public static final String LAYOUT_FILE = "{\"imageLayoutVersion\":\"1.0.0\"}";

  /** The largest index or manifest that is read, in bytes. */
  public static final int MAX_JSON_BYTES = 4 << 20;

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Copies the list. */
  public ImageManifest {
    blobs = List.copyOf(blobs);
  }

  /**
   * Reads the descriptor of the one Aquifer image that an {@code index.json} lists.
   *
   * @param name what messages call the index
   */
  public static Descriptor parseIndex(String name, byte[] json) throws IOException {
    JsonNode manifests = list(name, tree(name, json), "manifests");
    if (manifests.size() != 1) {
      throw new CorruptDataException(
          "%s: lists %d manifests: expected exactly one".formatted(name, manifests.size()));
    }
    Descriptor manifest = descriptor(name, manifests.get(0));
    if (!manifest.mediaType().equals(MEDIA_TYPE)) {
      throw new UnsupportedFeatureException(
          "%s: a manifest of type %s: expected %s"
              .formatted(name, manifest.mediaType(), MEDIA_TYPE));
    }
    return manifest;
  }

  /**
   * Reads a manifest and proves it.
   *
   * @param name what messages call the manifest
   * @param expected the digest that the bytes must have
   */
  public static ImageManifest parse(String name, byte[] json, Sha256 expected) throws IOException {
    Sha256 found = Sha256.hash(json);
    if (!found.equals(expected)) {
      throw new CorruptDataException(
          "%s: manifest has digest %s: expected %s".formatted(name, found, expected));
    }
    JsonNode root = tree(name, json);
    JsonNode layers = list(name, root, "layers");
    if (layers.isEmpty() || !layers.get(0).path("mediaType").asText().equals(BOOTSTRAP_TYPE)) {
      throw new UnsupportedFeatureException(
          "%s: is no Aquifer image: expected a first layer of type %s"
              .formatted(name, BOOTSTRAP_TYPE));
    }
    List<Descriptor> blobs = new ArrayList<>();
    for (int i = 1; i < layers.size(); i++) {
      Descriptor blob = descriptor(name, layers.get(i));
      if (!blob.mediaType().equals(BLOB_TYPE)) {
        throw new UnsupportedFeatureException(
            "%s: layer %d has type %s: expected %s"
                .formatted(name, i, blob.mediaType(), BLOB_TYPE));
      }
      blobs.add(blob);
    }
    return new ImageManifest(
        descriptor(name, root.path("config")), descriptor(name, layers.get(0)), blobs);
  }

  /** The id of the blob that {@code object}, one of {@link #blobs}, must hold. */
  public static Sha256 blobId(String name, Descriptor object) throws CorruptDataException {
    return Sha256.parse(annotation(name, object, BLOB_ID));
  }

  /** Where the tail of {@code object}, one of {@link #blobs}, starts, in bytes. */
  public static long tailOffset(String name, Descriptor object) throws CorruptDataException {
    String text = annotation(name, object, TAIL_OFFSET);
    try {
      long offset = Long.parseLong(text);
      if (offset >= 0 && offset <= object.sizeBytes() - BlobObject.FOOTER_BYTES) {
        return offset;
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw new CorruptDataException(
        "%s: %s is '%s': expected an offset inside the object of %d bytes"
            .formatted(name, TAIL_OFFSET, text, object.sizeBytes()));
  }

  private static String annotation(String name, Descriptor object, String key)
      throws CorruptDataException {
    String text = object.annotations().get(key);
    if (text == null) {
      throw new CorruptDataException(
          "%s: blob object %s has no annotation %s".formatted(name, object.digest(), key));
    }
    return text;
  }

  /** The manifest as canonical JSON: the same image gives the same bytes. */
  public byte[] toJson() {
    ObjectNode root = JSON.createObjectNode();
    root.put("schemaVersion", 2);
    root.put("mediaType", MEDIA_TYPE);
    root.set("config", node(config));
    ArrayNode layers = root.putArray("layers");
    layers.add(node(bootstrap));
    blobs.forEach(blob -> layers.add(node(blob)));
    return root.toString().getBytes(StandardCharsets.UTF_8);
  }

  /** The {@code index.json} of a layout that holds one manifest. */
  public static byte[] indexJson(Descriptor manifest) {
    ObjectNode root = JSON.createObjectNode();
    root.put("schemaVersion", 2);
    root.putArray("manifests").add(node(manifest));
    return root.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static ObjectNode node(Descriptor descriptor) {
    ObjectNode node = JSON.createObjectNode();
    node.put("mediaType", descriptor.mediaType());
    node.put("digest", descriptor.digest().toString());
    node.put("size", descriptor.sizeBytes());
    if (!descriptor.annotations().isEmpty()) {
      ObjectNode annotations = node.putObject("annotations");
      new TreeMap<>(descriptor.annotations()).forEach(annotations::put);
    }
    return node;
  }

  private static Descriptor descriptor(String name, JsonNode node) throws CorruptDataException {
    JsonNode size = node.path("size");
    if (!node.path("mediaType").isTextual()
        || !node.path("digest").asText().startsWith("sha256:")
        || !size.canConvertToLong()
        || size.asLong() < 0) {
      throw new CorruptDataException(
          name + ": malformed descriptor: expected mediaType, a sha256 digest and a size");
    }
    Map<String, String> annotations = new LinkedHashMap<>();
    node.path("annotations")
        .properties()
        .forEach(entry -> annotations.put(entry.getKey(), entry.getValue().asText()));
    return new Descriptor(
        node.path("mediaType").asText(),
        Sha256.parse(node.path("digest").asText()),
        size.asLong(),
        annotations);
  }

  /** The array {@code key}; empty if there is none. */
  private static JsonNode list(String name, JsonNode root, String key) throws CorruptDataException {
    JsonNode list = root.path(key);
    if (!list.isArray() && !list.isMissingNode()) {
      throw new CorruptDataException(
          "%s: %s is no JSON array: expected a list of descriptors".formatted(name, key));
    }
    return list;
  }

  private static JsonNode tree(String name, byte[] json) throws CorruptDataException {
    try {
      JsonNode root = JSON.readTree(json);
      if (root.isObject()) {
        return root;
      }
      throw new CorruptDataException(name + ": is no JSON object");
    } catch (JsonProcessingException e) {
      throw new CorruptDataException(name + ": is no JSON: " + e.getOriginalMessage());
    } catch (IOException e) {
      throw new CorruptDataException(name + ": is no JSON: " + e.getMessage());
    }
  }
}
