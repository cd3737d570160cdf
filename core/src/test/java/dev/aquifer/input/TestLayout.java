package dev.aquifer.input;

import dev.aquifer.io.Sha256;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.zip.GZIPOutputStream;

/** An OCI image layout that is made by hand, as the specification has it. */
public final class TestLayout {
  public static final String MANIFEST = "application/vnd.oci.image.manifest.v1+json";
  public static final String INDEX = "application/vnd.oci.image.index.v1+json";
  private static final String CONFIG = "application/vnd.oci.image.config.v1+json";
  private static final String LAYER = "application/vnd.oci.image.layer.v1.tar";

  private final Path directory;

  public TestLayout(Path directory) throws IOException {
    this.directory = Files.createDirectories(directory);
    Files.createDirectories(directory.resolve("blobs/sha256"));
    Files.writeString(directory.resolve("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
  }

  public static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Adds a blob; its descriptor, to which {@code more} fields are added. */
  public String blob(String mediaType, byte[] data, String more) throws IOException {
    Sha256 digest = Sha256.hash(data);
    Files.write(directory.resolve("blobs/sha256/" + digest.hex()), data);
    return "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%d%s}"
        .formatted(mediaType, digest, data.length, more);
  }

  /** A manifest of an image with these layers, stored as they are; its descriptor. */
  public String image(String platform, byte[]... layers) throws IOException {
    List<String> descriptors = new ArrayList<>();
    for (byte[] layer : layers) {
      descriptors.add(blob(LAYER, layer, ""));
    }
    return manifest(platform, config("amd64", layers), descriptors);
  }

  /** A configuration for Linux; its descriptor. */
  public String config(String architecture, byte[]... plainLayers) throws IOException {
    String ids =
        List.of(plainLayers).stream()
            .map(layer -> "\"" + Sha256.hash(layer) + "\"")
            .collect(Collectors.joining(","));
    return blob(
        CONFIG,
        utf8(
            "{\"os\":\"linux\",\"architecture\":\"%s\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}"
                .formatted(architecture, ids)),
        "");
  }

  /** A manifest; its descriptor. */
  public String manifest(String platform, String config, List<String> layers) throws IOException {
    String more = "";
    if (!platform.isEmpty()) {
      String[] parts = platform.split("/");
      more = ",\"platform\":{\"os\":\"%s\",\"architecture\":\"%s\"}".formatted(parts[0], parts[1]);
    }
    return blob(
        MANIFEST,
        utf8(
            "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s]}"
                .formatted(config, String.join(",", layers))),
        more);
  }

  public static String index(String... manifests) {
    return "{\"schemaVersion\":2,\"manifests\":[%s]}".formatted(String.join(",", manifests));
  }

  /** Writes the layout's own index. */
  public Path finish(String... manifests) throws IOException {
    Files.writeString(directory.resolve("index.json"), index(manifests));
    return directory;
  }

  public static byte[] gzip(byte[] data) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream out = new GZIPOutputStream(bytes)) {
      out.write(data);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }
}
