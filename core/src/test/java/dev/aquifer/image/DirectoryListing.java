package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.FileSource;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Lists a directory of this machine as {@link TreeListing} does an image. Needs getfattr. */
final class DirectoryListing {
  private final Path top;
  private final Map<String, Map<String, String>> xattrs;
  private final SortedMap<String, Map<String, Object>> paths = new TreeMap<>();
  private final Map<Object, SortedSet<String>> namesOfInode = new HashMap<>();

  private DirectoryListing(Path top) throws IOException, InterruptedException {
    this.top = top;
    this.xattrs = xattrsBelow(top);
  }

  static SortedMap<String, Map<String, Object>> of(Path top)
      throws IOException, InterruptedException {
    DirectoryListing listing = new DirectoryListing(top);
    List<Path> all;
    try (Stream<Path> walk = Files.walk(top)) {
      all = walk.toList();
    }
    for (Path path : all) {
      listing.add(path);
    }
    for (SortedSet<String> names : listing.namesOfInode.values()) {
      if (names.size() > 1) {
        names.forEach(name -> listing.paths.get(name).put("names", names));
      }
    }
    return listing.paths;
  }

  private void add(Path path) throws IOException {
    Map<String, Object> facts = Files.readAttributes(path, "unix:*", LinkOption.NOFOLLOW_LINKS);
    Map<String, Object> properties = new LinkedHashMap<>();
    String name = path.equals(top) ? "/" : "/" + top.relativize(path);
    paths.put(name, properties);
    int mode = (Integer) facts.get("mode");
    FileType type = FileType.ofMode(mode);
    properties.put("type", type == null ? "?" : TreeListing.letter(type));
    properties.put("mode", "%04o".formatted(mode & 07777));
    properties.put("uid", ((Integer) facts.get("uid")).longValue() & 0xffffffffL);
    properties.put("gid", ((Integer) facts.get("gid")).longValue() & 0xffffffffL);
    properties.put("nlink", ((Integer) facts.get("nlink")).longValue());
    long nanos = ((FileTime) facts.get("lastModifiedTime")).to(TimeUnit.NANOSECONDS);
    properties.put(
        "mtime",
        "%d.%09d"
            .formatted(Math.floorDiv(nanos, 1_000_000_000L), Math.floorMod(nanos, 1_000_000_000L)));
    namesOfInode.computeIfAbsent(facts.get("ino"), ino -> new TreeSet<>()).add(name);
    if (type != null && type.isDevice()) {
      long rdev = (Long) facts.get("rdev");
      properties.put("rdev", (rdev >> 8 & 0xfff) + ":" + (rdev & 0xff | rdev >> 12 & 0xffffff00L));
    }
    if (xattrs.containsKey(name)) {
      properties.put("xattrs", xattrs.get(name));
    }
    if (type == FileType.REGULAR) {
      properties.put("size", (Long) facts.get("size"));
      try (ByteSource source = FileSource.open(path)) {
        properties.put("sha256", Sha256.hash(source).hex());
      }
    } else if (type == FileType.SYMBOLIC_LINK) {
      properties.put("size", (Long) facts.get("size"));
      properties.put("target", Files.readSymbolicLink(path).toString());
    }
  }

  private static Map<String, Map<String, String>> xattrsBelow(Path top)
      throws IOException, InterruptedException {
    String output =
        run(top, List.of("getfattr", "-R", "-P", "-h", "-d", "-m", "-", "-e", "hex", "."));
    Map<String, Map<String, String>> all = new HashMap<>();
    Map<String, String> current = new TreeMap<>();
    for (String line : output.split("\n")) {
      if (line.startsWith("# file: ")) {
        String path = line.substring("# file: ".length());
        current = new TreeMap<>();
        all.put(path.equals(".") ? "/" : "/" + path, current);
      } else if (!line.isEmpty()) {
        // A name alone has an empty value; others are written 0x….
        int equals = line.indexOf('=');
        String value = equals < 0 ? "" : line.substring(equals + 1);
        current.put(
            equals < 0 ? line : line.substring(0, equals),
            value.startsWith("0x") ? value.substring(2) : "");
      }
    }
    return all;
  }

  /** Runs a program in {@code directory} and returns what it writes; it must succeed. */
  static String run(Path directory, List<String> command) throws IOException, InterruptedException {
    Path output = Files.createTempFile("aquifer-", ".out");
    try {
      Process process =
          new ProcessBuilder(new ArrayList<>(command))
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
      int code = process.waitFor();
      String text = ByteNames.toText(Files.readAllBytes(output));
      if (code != 0) {
        throw new IOException(String.join(" ", command) + ": ends with " + code + ": " + text);
      }
      return text;
    } finally {
      Files.delete(output);
    }
  }
}
