package dev.aquifer.image;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.luben.zstd.ZstdInputStream;
import dev.aquifer.io.ByteSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A set of images made by mkfs.erofs, with what Linux showed of them: {@code index.jsonl} has one
 * line an image (id, arguments of mkfs.erofs, names of its extra devices), and {@code
 * golden.tar.zst} has the images, their devices and one manifest each.
 */
public final class GoldenImages {
  private static final int TAR_BLOCK = 512;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Map<String, JsonNode> index = new LinkedHashMap<>();
  private final Map<String, byte[]> files = new HashMap<>();

  /** The images that are kept with the tests. */
  public static GoldenImages ofResources() throws IOException {
    GoldenImages images = new GoldenImages();
    try (InputStream index = GoldenImages.class.getResourceAsStream("/golden/index.jsonl");
        InputStream tar = GoldenImages.class.getResourceAsStream("/golden/golden.tar.zst")) {
      images.read(index, tar);
    }
    return images;
  }

  /** The images in {@code directory}. */
  static GoldenImages in(Path directory) throws IOException {
    GoldenImages images = new GoldenImages();
    try (InputStream index = Files.newInputStream(directory.resolve("index.jsonl"));
        InputStream tar = Files.newInputStream(directory.resolve("golden.tar.zst"))) {
      images.read(index, tar);
    }
    return images;
  }

  private void read(InputStream indexLines, InputStream tarZst) throws IOException {
    for (JsonNode line : lines(indexLines.readAllBytes())) {
      index.put(line.get("id").asText(), line);
    }
    try (InputStream tar = new ZstdInputStream(tarZst)) {
      for (byte[] header = tar.readNBytes(TAR_BLOCK);
          header.length == TAR_BLOCK && header[0] != 0;
          header = tar.readNBytes(TAR_BLOCK)) {
        String name = text(header, 0, 100);
        int size = Integer.parseInt(text(header, 124, 11).trim(), 8);
        byte[] content = tar.readNBytes(size);
        tar.skipNBytes(-size & TAR_BLOCK - 1);
        files.put(name.startsWith("./") ? name.substring(2) : name, content);
      }
    }
  }

  private static String text(byte[] bytes, int offset, int length) {
    int end = offset;
    while (end < offset + length && bytes[end] != 0) {
      end++;
    }
    return new String(bytes, offset, end - offset, StandardCharsets.US_ASCII);
  }

  private static List<JsonNode> lines(byte[] text) throws IOException {
    List<JsonNode> nodes = new ArrayList<>();
    for (String line : new String(text, StandardCharsets.UTF_8).split("\n")) {
      nodes.add(JSON.readTree(line));
    }
    return nodes;
  }

  /** The names of all images. */
  public List<String> ids() {
    return List.copyOf(index.keySet());
  }

  /** What the index says of image {@code id}. */
  public JsonNode facts(String id) {
    return index.get(id);
  }

  /** The bytes of image {@code id}, from where its file system begins. */
  public byte[] bytes(String id) {
    byte[] bytes = files.get(id + ".erofs");
    for (JsonNode argument : index.get(id).get("args")) {
      if (argument.asText().startsWith("--offset=")) {
        int offset = Integer.parseInt(argument.asText().substring("--offset=".length()));
        return Arrays.copyOfRange(bytes, offset, bytes.length);
      }
    }
    return bytes;
  }

  /** The extra devices of image {@code id}. */
  public List<ByteSource> devices(String id) {
    List<ByteSource> devices = new ArrayList<>();
    index
        .get(id)
        .get("devs")
        .forEach(name -> devices.add(ByteSource.of(name.asText(), files.get(name.asText()))));
    return devices;
  }

  /** Image {@code id}, opened, with its devices. */
  public Image open(String id) throws IOException {
    return Image.open(ByteSource.of(id, bytes(id))).withDevices(devices(id));
  }

  /** The lines of the manifest of image {@code id}, as they are. */
  public List<String> manifestLines(String id) {
    return new String(files.get(id + ".manifest.jsonl"), StandardCharsets.UTF_8).lines().toList();
  }

  /** Writes image {@code id} with its devices to {@code directory}; returns the image's path. */
  public Path write(String id, Path directory) throws IOException {
    for (JsonNode name : index.get(id).get("devs")) {
      Files.write(directory.resolve(name.asText()), files.get(name.asText()));
    }
    return Files.write(directory.resolve(id + ".erofs"), files.get(id + ".erofs"));
  }

  /** What {@link TreeListing} must give for image {@code id}. */
  SortedMap<String, Map<String, Object>> manifest(String id) throws IOException {
    SortedMap<String, Map<String, Object>> paths = new TreeMap<>();
    Map<Integer, SortedSet<String>> groups = new HashMap<>();
    for (JsonNode line : lines(files.get(id + ".manifest.jsonl"))) {
      Map<String, Object> properties = new LinkedHashMap<>();
      String path = unescape(line.get("path").asText());
      for (String key : List.of("type", "mode", "uid", "gid", "nlink", "mtime", "rdev")) {
        put(properties, key, line.get(key));
      }
      put(properties, "size", line.get("size"));
      put(properties, "sha256", line.get("sha256"));
      if (line.has("target")) {
        properties.put("target", unescape(line.get("target").asText()));
      }
      if (line.has("xattrs")) {
        Map<String, String> xattrs = new TreeMap<>();
        line.get("xattrs").properties().forEach(e -> xattrs.put(e.getKey(), e.getValue().asText()));
        properties.put("xattrs", xattrs);
      }
      if (line.has("hardlink_group")) {
        SortedSet<String> names =
            groups.computeIfAbsent(line.get("hardlink_group").asInt(), group -> new TreeSet<>());
        names.add(path);
        properties.put("names", names);
      }
      paths.put(path, properties);
    }
    return paths;
  }

  private static void put(Map<String, Object> properties, String key, JsonNode value) {
    if (value != null) {
      properties.put(key, value.isNumber() ? (Object) value.asLong() : value.asText());
    }
  }

  private static String unescape(String text) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) == '%') {
        bytes.write(Integer.parseInt(text.substring(i + 1, i + 3), 16));
        i += 2;
      } else {
        bytes.writeBytes(text.substring(i, i + 1).getBytes(StandardCharsets.UTF_8));
      }
    }
    return ByteNames.toText(bytes.toByteArray());
  }
}
