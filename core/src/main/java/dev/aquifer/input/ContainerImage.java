package dev.aquifer.input;

import com.fasterxml.jackson.databind.JsonNode;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The layers of a container image in an OCI image layout, or in what {@code docker save} makes.
 *
 * @param layers the lowest first
 */
record ContainerImage(List<Layer> layers) {
  private static final String REFERENCE = "org.opencontainers.image.ref.name";
  private static final String DOCKER_REFERENCE = "io.containerd.image.name";
  private static final int MAX_NESTED = 4;
  private static final Pattern CONFIG_NAME = Pattern.compile("(?:.*/)?([0-9a-f]{64})(?:\\.json)?");

  /**
   * A layer.
   *
   * @param path its file
   * @param digest what its file must have, if the image says so
   * @param sizeBytes its file's length, or -1 if the image does not say
   * @param diffId the digest of the plain archive
   */
  record Layer(
      String path, @Nullable ContainerDigest digest, long sizeBytes, ContainerDigest diffId) {}

  /** Reads an OCI image layout. */
  static ContainerImage ofLayout(
      ImageFiles files, @Nullable String reference, @Nullable Platform platform)
      throws IOException {
    JsonNode index = ImageJson.parse(files.name() + ": index.json", files.json("index.json"));
    Choice choice = new Choice(files, reference, platform);
    return choice.manifest(choice.choose("index.json", index, true), 1);
  }

  /** Reads an archive of {@code docker save}. */
  static ContainerImage ofDocker(
      ImageFiles files, @Nullable String reference, @Nullable Platform platform)
      throws IOException {
    String where = files.name() + ": manifest.json";
    JsonNode all = ImageJson.parse(where, files.json("manifest.json"));
    List<JsonNode> fitting = new ArrayList<>();
    List<String> names = new ArrayList<>();
    for (JsonNode each : all) {
      List<String> tags = new ArrayList<>();
      for (JsonNode tag : each.path("RepoTags")) {
        tags.add(tag.asText());
      }
      names.add(tags.isEmpty() ? "one without a name" : String.join(" or ", tags));
      if (reference == null || tags.contains(reference)) {
        fitting.add(each);
      }
    }
    if (fitting.size() != 1) {
      throw severalOrNone(where, fitting.size(), reference, names);
    }
    JsonNode image = fitting.getFirst();
    String configPath = ImageJson.string(where, image, "Config");
    byte[] config = files.json(configPath);
    Matcher named = CONFIG_NAME.matcher(configPath);
    if (named.matches()) {
      ContainerDigest digest = new ContainerDigest("sha256", named.group(1));
      check(files.name() + ": " + configPath, digest, config);
    }
    List<ContainerDigest> diffIds = diffIds(files, configPath, config, platform);
    JsonNode paths = ImageJson.list(where, image, "Layers");
    checkCount(where, paths.size(), diffIds.size());
    List<Layer> layers = new ArrayList<>();
    for (int i = 0; i < paths.size(); i++) {
      layers.add(new Layer(paths.get(i).asText(), null, -1, diffIds.get(i)));
    }
    return new ContainerImage(List.copyOf(layers));
  }

  private static void check(String where, ContainerDigest digest, byte[] data)
      throws CorruptDataException {
    MessageDigest computed = digest.start();
    computed.update(data);
    digest.check(where, computed);
  }

  private static void checkCount(String where, int layers, int diffIds)
      throws CorruptDataException {
    if (layers != diffIds) {
      throw new CorruptDataException(
          "%s: lists %d layers, but the configuration has %d diff_ids: expected as many"
              .formatted(where, layers, diffIds));
    }
  }

  private static List<ContainerDigest> diffIds(
      ImageFiles files, String path, byte[] json, @Nullable Platform wanted) throws IOException {
    String where = files.name() + ": " + path;
    JsonNode config = ImageJson.parse(where, json);
    if (wanted != null) {
      Platform has = platform(config);
      if (!wanted.takes(has)) {
        throw new CorruptDataException(
            "%s: the image is for %s: expected %s"
                .formatted(where, ImageJson.printable(has.toString()), wanted));
      }
    }
    JsonNode rootfs = config.get("rootfs");
    if (rootfs == null) {
      throw new CorruptDataException(
          where + ": has no rootfs: expected the configuration of a container image");
    }
    List<ContainerDigest> diffIds = new ArrayList<>();
    for (JsonNode each : ImageJson.list(where, rootfs, "diff_ids")) {
      diffIds.add(ContainerDigest.parse(where, each.asText()));
    }
    return diffIds;
  }

  private static Platform platform(JsonNode object) {
    return new Platform(
        object.path("os").asText(),
        object.path("architecture").asText(),
        object.path("variant").asText());
  }

  private static CorruptDataException severalOrNone(
      String where, int count, @Nullable String reference, List<String> names) {
    String all = ImageJson.printable(String.join(", ", names));
    return new CorruptDataException(
        count == 0
            ? "%s: has no image%s: expected one of: %s"
                .formatted(where, reference == null ? "" : " named " + reference, all)
            : "%s: has %d images that fit: %s: name one with --image".formatted(where, count, all));
  }

  /** Finds the one manifest that is wanted. */
  private record Choice(ImageFiles files, @Nullable String reference, @Nullable Platform platform) {
    /** The descriptor of a manifest, or of a further index, in {@code index}. */
    JsonNode choose(String path, JsonNode index, boolean isFirst) throws IOException {
      String where = files.name() + ": " + path;
      List<JsonNode> named = new ArrayList<>();
      List<String> names = new ArrayList<>();
      for (JsonNode each : ImageJson.list(where, index, "manifests")) {
        if (isAttestation(each)) {
          continue;
        }
        names.add(text(each));
        if (!isFirst || reference == null || isNamed(each, reference)) {
          named.add(each);
        }
      }
      List<JsonNode> fitting = named;
      if (named.size() > 1) {
        Platform wanted = platform == null ? Platform.here() : platform;
        fitting = named.stream().filter(each -> isFor(each, wanted)).toList();
      } else if (named.size() == 1 && platform != null && named.getFirst().has("platform")) {
        fitting = isFor(named.getFirst(), platform) ? named : List.of();
      }
      if (fitting.size() == 1) {
        return fitting.getFirst();
      }
      if (fitting.isEmpty() && !named.isEmpty()) {
        throw new CorruptDataException(
            "%s: has no image for %s: expected --platform with one of: %s"
                .formatted(
                    where,
                    platform == null ? Platform.here() : platform,
                    ImageJson.printable(
                        String.join(", ", named.stream().map(Choice::text).toList()))));
      }
      throw severalOrNone(where, fitting.size(), isFirst ? reference : null, names);
    }

    private static boolean isFor(JsonNode descriptor, Platform wanted) {
      return wanted.takes(ContainerImage.platform(descriptor.path("platform")));
    }

    private static boolean isNamed(JsonNode descriptor, String reference) {
      JsonNode annotations = descriptor.path("annotations");
      return annotations.path(REFERENCE).asText().equals(reference)
          || annotations.path(DOCKER_REFERENCE).asText().equals(reference);
    }

    /** Statements about images, which some tools list beside these. */
    private static boolean isAttestation(JsonNode descriptor) {
      return descriptor.path("annotations").has("vnd.docker.reference.type")
          || descriptor.path("platform").path("os").asText().equals("unknown");
    }

    private static String text(JsonNode descriptor) {
      String name = descriptor.path("annotations").path(REFERENCE).asText();
      String platform =
          descriptor.has("platform")
              ? ContainerImage.platform(descriptor.path("platform")).toString()
              : "";
      String text = (name + " " + platform).strip();
      return text.isEmpty() ? descriptor.path("digest").asText() : text;
    }

    ContainerImage manifest(JsonNode descriptor, int depth) throws IOException {
      String path = digest(descriptor).path();
      JsonNode manifest = object(descriptor, files.json(path));
      if (manifest.has("manifests")) {
        if (depth == MAX_NESTED) {
          throw new CorruptDataException(
              "%s: %s: is an index in %d others: expected a manifest"
                  .formatted(files.name(), path, depth));
        }
        return manifest(choose(path, manifest, false), depth + 1);
      }
      return image(path, manifest);
    }

    private ContainerImage image(String path, JsonNode manifest) throws IOException {
      String where = files.name() + ": " + path;
      JsonNode config = manifest.path("config");
      String configPath = digest(config).path();
      byte[] json = files.json(configPath);
      checkBytes(config, configPath, json);
      List<ContainerDigest> diffIds =
          ContainerImage.diffIds(files, configPath, json, manifestIsFor(platform));
      JsonNode descriptors = ImageJson.list(where, manifest, "layers");
      checkCount(where, descriptors.size(), diffIds.size());
      List<Layer> layers = new ArrayList<>();
      for (int i = 0; i < descriptors.size(); i++) {
        JsonNode each = descriptors.get(i);
        checkLayerType(where, each);
        ContainerDigest digest = digest(each);
        layers.add(new Layer(digest.path(), digest, each.path("size").asLong(-1), diffIds.get(i)));
      }
      return new ContainerImage(List.copyOf(layers));
    }

    private static @Nullable Platform manifestIsFor(@Nullable Platform wanted) {
      // Configurations seldom have a variant.
      return wanted == null ? null : new Platform(wanted.os(), wanted.architecture(), "");
    }

    private static void checkLayerType(String where, JsonNode layer)
        throws UnsupportedFeatureException {
      String type = layer.path("mediaType").asText();
      boolean isTar = type.contains(".tar") && !type.contains("encrypted");
      if (!isTar) {
        throw new UnsupportedFeatureException(
            "%s: has a layer of type '%s': expected a tar archive, plain or with gzip or zstd"
                .formatted(where, ImageJson.printable(type)));
      }
    }

    private ContainerDigest digest(JsonNode descriptor) throws IOException {
      return ContainerDigest.parse(
          files.name(), ImageJson.string(files.name() + ": a descriptor", descriptor, "digest"));
    }

    private JsonNode object(JsonNode descriptor, byte[] json) throws IOException {
      String path = digest(descriptor).path();
      checkBytes(descriptor, path, json);
      return ImageJson.parse(files.name() + ": " + path, json);
    }

    private void checkBytes(JsonNode descriptor, String path, byte[] json) throws IOException {
      String where = files.name() + ": " + path;
      checkSize(where, descriptor.path("size").asLong(-1), json.length);
      check(where, digest(descriptor), json);
    }
  }

  /** Checks the length of a file; {@code expected} is -1 if nobody says what it must be. */
  static void checkSize(String where, long expected, long found) throws CorruptDataException {
    if (expected >= 0 && expected != found) {
      throw new CorruptDataException(
          "%s: has %d bytes: expected %d: it is damaged, get it again"
              .formatted(where, found, expected));
    }
  }

  /** Whether {@code files} are an OCI image layout. */
  static boolean isLayout(ImageFiles files) throws IOException {
    return files.find("oci-layout") != null && files.find("index.json") != null;
  }

  /** Whether {@code files} are what {@code docker save} makes. */
  static boolean isDocker(ImageFiles files) throws IOException {
    ByteSource manifest = files.find("manifest.json");
    if (manifest == null || files.find("index.json") != null && files.find("oci-layout") != null) {
      return false;
    }
    try {
      JsonNode json = ImageJson.parse("manifest.json", files.json("manifest.json"));
      return json.isArray()
          && json.size() > 0
          && json.get(0).has("Config")
          && json.get(0).has("Layers");
    } catch (CorruptDataException e) {
      return false;
    }
  }
}
