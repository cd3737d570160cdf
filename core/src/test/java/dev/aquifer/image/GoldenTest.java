package dev.aquifer.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
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
    assertThat(images.ids().size()).isGreaterThan(50);
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
    Image image = images.open(id);
    // This one image carries wrong data: mkfs.erofs 1.9.3 wrote it beside its place.
    boolean withData = !id.startsWith("15-offset");
    SortedMap<String, Map<String, Object>> shown = TreeListing.of(image, withData);
    SortedMap<String, Map<String, Object>> expected = new TreeMap<>(images.manifest(id));
    if (!withData) {
      expected.values().forEach(properties -> properties.remove("sha256"));
    }
    System.out.printf("%s: %d paths%n", id, shown.size());
    TreeListing.assertSame(shown, expected);
  }
}
