package dev.aquifer.nio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.image.GoldenFiles;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Compares what {@code java.nio.file} shows of golden images with what Linux showed of them. */
class GoldenWalkTest {
  /** One with 4 GiB to hash, one with wrong data that mkfs.erofs 1.9.3 wrote beside its place. */
  private static final Set<String> LEFT_OUT = Set.of("A5-chunk-4G", "15-offset");

  @TempDir Path temp;

  @TestFactory
  Stream<DynamicTest> showsWhatLinuxShows() {
    return GoldenFiles.ids().stream()
        .filter(id -> !LEFT_OUT.contains(id))
        .map(id -> DynamicTest.dynamicTest(id, () -> check(GoldenFiles.write(id, temp))));
  }

  private static void check(GoldenFiles golden) throws IOException {
    Map<String, Object> env =
        Map.of(ErofsFileSystemProvider.DEVICES, List.copyOf(golden.devices()));
    try (FileSystem image = FileSystems.newFileSystem(golden.file(), env)) {
      Map<String, Map<String, Object>> shown = new TreeMap<>();
      Map<Object, SortedSet<String>> namesOfKey = new HashMap<>();
      try (Stream<Path> paths = Files.walk(image.getPath("/"))) {
        for (Path path : (Iterable<Path>) paths::iterator) {
          shown.put(path.toString(), properties(path));
          Object key = Files.getAttribute(path, "fileKey", LinkOption.NOFOLLOW_LINKS);
          namesOfKey.computeIfAbsent(key, k -> new TreeSet<>()).add(path.toString());
        }
      }
      for (SortedSet<String> names : namesOfKey.values()) {
        if (names.size() > 1) {
          names.forEach(name -> shown.get(name).put("names", names));
        }
      }
      assertThat(String.join("\n", shown.keySet()))
          .isEqualTo(String.join("\n", golden.manifest().keySet()));
      golden
          .manifest()
          .forEach(
              (path, expected) ->
                  assertThat(shown.get(path)).as(path).isEqualTo(withUserAttributes(expected)));
    }
  }

  /** The JDK shows attributes whose names begin with {@code user.} alone. */
  private static Map<String, Object> withUserAttributes(Map<String, Object> expected) {
    Map<String, Object> properties = new LinkedHashMap<>(expected);
    Map<String, Object> user = new TreeMap<>();
    if (properties.remove("xattrs") instanceof Map<?, ?> xattrs) {
      xattrs.forEach(
          (name, value) -> {
            if (name.toString().startsWith("user.")) {
              user.put(name.toString(), value);
            }
          });
    }
    if (!user.isEmpty()) {
      properties.put("xattrs", user);
    }
    return properties;
  }

  private static Map<String, Object> properties(Path path) throws IOException {
    Map<String, Object> facts = Files.readAttributes(path, "unix:*", LinkOption.NOFOLLOW_LINKS);
    Map<String, Object> properties = new LinkedHashMap<>();
    int mode = (Integer) facts.get("mode");
    FileTime time = (FileTime) facts.get("lastModifiedTime");
    properties.put("type", String.valueOf("?pc?d?b?f?l?s".charAt(mode >> 12)));
    properties.put("mode", "%04o".formatted(mode & 07777));
    properties.put("uid", Integer.toUnsignedLong((Integer) facts.get("uid")));
    properties.put("gid", Integer.toUnsignedLong((Integer) facts.get("gid")));
    properties.put("nlink", Integer.toUnsignedLong((Integer) facts.get("nlink")));
    properties.put(
        "mtime",
        "%d.%09d".formatted(time.toInstant().getEpochSecond(), time.toInstant().getNano()));
    long rdev = (Long) facts.get("rdev");
    switch (mode >> 12) {
      case 2, 6 -> properties.put("rdev", major(rdev) + ":" + minor(rdev));
      case 8 -> {
        properties.put("size", facts.get("size"));
        properties.put("sha256", digest(path));
      }
      case 10 -> {
        properties.put("size", facts.get("size"));
        properties.put("target", Files.readSymbolicLink(path).toString());
      }
      default -> {}
    }
    Map<String, String> xattrs = new TreeMap<>();
    for (String name : userAttributes(path).list()) {
      byte[] value = (byte[]) Files.getAttribute(path, "user:" + name, LinkOption.NOFOLLOW_LINKS);
      xattrs.put("user." + name, HexFormat.of().formatHex(value));
    }
    if (!xattrs.isEmpty()) {
      properties.put("xattrs", xattrs);
    }
    return properties;
  }

  private static UserDefinedFileAttributeView userAttributes(Path path) {
    return Files.getFileAttributeView(
        path, UserDefinedFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
  }

  private static long major(long rdev) {
    return rdev >> 8 & 0xfff | rdev >> 32 & ~0xfffL;
  }

  private static long minor(long rdev) {
    return rdev & 0xff | rdev >> 12 & ~0xffL & 0xffffffffL;
  }

  private static String digest(Path path) throws IOException {
    MessageDigest digest = Sha256.newDigest();
    byte[] buffer = new byte[1 << 16];
    try (InputStream in = Files.newInputStream(path)) {
      for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
        digest.update(buffer, 0, count);
      }
    }
    return Sha256.finish(digest).hex();
  }
}
