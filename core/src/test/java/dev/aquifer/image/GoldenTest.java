package dev.aquifer.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Compares what the reader shows of golden images with what Linux showed of them.
 *
 * <p>With the environment variable {@code AQUIFER_GOLDEN} set to a directory that holds {@code
 * index.jsonl} and {@code golden.tar.zst}, its images are taken in place of those kept with the
 * tests. One line an image is printed.
 */
class GoldenTest {
  /** More than 4 GiB to hash. */
  private static final String LARGE = "A5-chunk-4G";

  @TestFactory
  Stream<DynamicTest> showsWhatLinuxShows() throws IOException {
    GoldenImages images = images();
    assertThat(images.ids().size()).isGreaterThan(30);
    return images.ids().stream()
        .filter(id -> !id.equals(LARGE))
        .map(id -> DynamicTest.dynamicTest(id, () -> check(images, id)));
  }

  @Test
  @Tag("slow")
  void showsWhatLinuxShowsOfLargeFiles() throws IOException {
    check(images(), LARGE);
  }

  private static GoldenImages images() throws IOException {
    String directory = System.getenv("AQUIFER_GOLDEN");
    return directory == null ? GoldenImages.ofResources() : GoldenImages.in(Path.of(directory));
  }

  private static void check(GoldenImages images, String id) throws IOException {
    Image image;
    try {
      image = images.open(id);
    } catch (UnsupportedFeatureException e) {
      System.out.println(id + ": refused: " + e.getMessage());
      assertThat(images.isCompressed(id)).isTrue();
      assertThat(e).hasMessageStartingWith(id + ": ").hasMessageContaining("METABOX");
      return;
    }
    // This one image carries wrong data: mkfs.erofs 1.9.3 wrote it beside its place.
    boolean withData = !id.startsWith("15-offset");
    SortedMap<String, Map<String, Object>> shown = TreeListing.of(image, withData);
    SortedMap<String, Map<String, Object>> expected = new TreeMap<>(images.manifest(id));
    int unsupported = removeUnsupported(id, shown, expected);
    if (!withData) {
      expected.values().forEach(properties -> properties.remove("sha256"));
    }
    if (unsupported > 0) {
      assertThat(images.isCompressed(id)).isTrue();
    }
    System.out.printf(
        "%s: %d paths as expected, of %d something is unsupported%n",
        id, shown.size(), unsupported);
    TreeListing.assertSame(shown, expected);
  }

  /** Takes what the reader says it can't read out of both sides, and counts such paths. */
  private static int removeUnsupported(
      String id,
      Map<String, Map<String, Object>> shown,
      SortedMap<String, Map<String, Object>> expected) {
    int count = 0;
    for (Map.Entry<String, Map<String, Object>> entry : shown.entrySet()) {
      String path = entry.getKey();
      Map<String, Object> wanted = new LinkedHashMap<>(expected.getOrDefault(path, Map.of()));
      boolean isUnsupported = false;
      if (entry.getValue().get("xattrs") instanceof Map<?, ?> xattrs
          && xattrs.get(TreeListing.UNSUPPORTED) instanceof String message) {
        assertThat(message).startsWith(id + ": inode nid ").contains("XATTR_PREFIXES");
        entry.getValue().remove("xattrs");
        wanted.remove("xattrs");
        isUnsupported = true;
      }
      if (entry.getValue().remove(TreeListing.UNSUPPORTED) instanceof String message) {
        assertThat(message).startsWith(id + ": inode nid ").contains("is compressed, COMPRESSED_");
        wanted.remove("sha256");
        wanted.remove("target");
        if ("d".equals(wanted.get("type"))) {
          String below = path.equals("/") ? "/" : path + "/";
          expected.keySet().removeIf(other -> other.startsWith(below) && !other.equals(path));
        }
        isUnsupported = true;
      }
      expected.computeIfPresent(path, (key, old) -> wanted);
      count += isUnsupported ? 1 : 0;
    }
    return count;
  }
}
