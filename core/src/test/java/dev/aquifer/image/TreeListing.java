package dev.aquifer.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Lists all that an image shows: for each path, its properties, with the keys and values of the
 * golden manifests, and {@code names}, the other paths of a file with several.
 */
final class TreeListing {
  private final Image image;
  private final boolean withData;
  private final SortedMap<String, Map<String, Object>> paths = new TreeMap<>();
  private final Map<Long, SortedSet<String>> namesOfNid = new HashMap<>();
  private final Set<Long> openDirectories = new HashSet<>();

  private TreeListing(Image image, boolean withData) {
    this.image = image;
    this.withData = withData;
  }

  /** Lists {@code image}, with the digests of its files if {@code withData}. */
  static SortedMap<String, Map<String, Object>> of(Image image, boolean withData)
      throws IOException {
    TreeListing listing = new TreeListing(image, withData);
    listing.add("/", image.root());
    for (SortedSet<String> names : listing.namesOfNid.values()) {
      if (names.size() > 1) {
        names.forEach(name -> listing.paths.get(name).put("names", names));
      }
    }
    return listing.paths;
  }

  /** Compares two listings path by path, so that a difference is told in few words. */
  static void assertSame(
      SortedMap<String, Map<String, Object>> shown,
      SortedMap<String, Map<String, Object>> expected) {
    assertThat(String.join("\n", shown.keySet())).isEqualTo(String.join("\n", expected.keySet()));
    for (String path : expected.keySet()) {
      assertThat(shown.get(path)).as(path).isEqualTo(expected.get(path));
    }
  }

  private void add(String path, Inode inode) throws IOException {
    Map<String, Object> properties = new LinkedHashMap<>();
    paths.put(path, properties);
    properties.put("type", letter(inode.type()));
    properties.put("mode", "%04o".formatted(inode.permissions()));
    properties.put("uid", inode.uid());
    properties.put("gid", inode.gid());
    properties.put("nlink", inode.nlink());
    properties.put("mtime", "%d.%09d".formatted(inode.mtimeSeconds(), inode.mtimeNanos()));
    namesOfNid.computeIfAbsent(inode.nid(), nid -> new TreeSet<>()).add(path);
    if (inode.type().isDevice()) {
      properties.put("rdev", inode.rdevMajor() + ":" + inode.rdevMinor());
    }
    Map<String, String> xattrs = new TreeMap<>();
    image.xattrs(inode).forEach((k, v) -> xattrs.put(k, HexFormat.of().formatHex(v)));
    if (!xattrs.isEmpty()) {
      properties.put("xattrs", xattrs);
    }
    addContent(path, inode, properties);
  }

  private void addContent(String path, Inode inode, Map<String, Object> properties)
      throws IOException {
    switch (inode.type()) {
      case REGULAR -> {
        properties.put("size", inode.sizeBytes());
        if (withData) {
          properties.put("sha256", Sha256.hash(image.open(inode)).hex());
        }
      }
      case SYMBOLIC_LINK -> {
        properties.put("size", inode.sizeBytes());
        properties.put("target", ByteNames.toText(image.readLink(inode)));
      }
      case DIRECTORY -> {
        if (!openDirectories.add(inode.nid())) {
          throw new IOException(path + ": a directory inside itself");
        }
        image
            .directory(inode)
            .forEach(
                entry -> {
                  String child = path.equals("/") ? "/" : path + "/";
                  add(child + ByteNames.toText(entry.name()), image.inode(entry));
                });
        openDirectories.remove(inode.nid());
      }
      default -> {}
    }
  }

  static String letter(FileType type) {
    return switch (type) {
      case REGULAR -> "f";
      case DIRECTORY -> "d";
      case SYMBOLIC_LINK -> "l";
      case CHARACTER_DEVICE -> "c";
      case BLOCK_DEVICE -> "b";
      case FIFO -> "p";
      case SOCKET -> "s";
    };
  }
}
