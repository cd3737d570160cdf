package dev.aquifer.tool;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.image.GoldenImages;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Manifests are, byte for byte, those that were made of what Linux shows. */
class ManifestTest {
  /** Gigabytes to hash. */
  private static final Set<String> LARGE = Set.of("A4-ext32-4G", "A5-chunk-4G");

  /** Holds wrong data, by a fault of mkfs.erofs. */
  private static final String WRONG_DATA = "15-offset";

  @TestFactory
  Stream<DynamicTest> isThatOfTheKernel() throws IOException {
    GoldenImages images = GoldenImages.ofResources();
    assertThat(images.ids().size()).isGreaterThan(30);
    return images.ids().stream()
        .filter(id -> !LARGE.contains(id))
        .map(id -> DynamicTest.dynamicTest(id, () -> check(images, id)));
  }

  @Test
  @Tag("slow")
  void isThatOfTheKernelForLargeFiles() throws IOException {
    GoldenImages images = GoldenImages.ofResources();
    for (String id : LARGE) {
      check(images, id);
    }
  }

  private static void check(GoldenImages images, String id) throws IOException {
    boolean withData = !id.startsWith(WRONG_DATA);
    List<String> lines = new ArrayList<>();
    Manifest.write(images.open(id), withData, lines::add);

    List<String> expected = images.manifestLines(id);
    if (!withData) {
      expected = expected.stream().map(ManifestTest::withoutDigest).toList();
    }
    assertThat(String.join("\n", lines)).isEqualTo(String.join("\n", expected));
  }

  private static String withoutDigest(String line) {
    return line.replaceAll("\"sha256\": \"[0-9a-f]*\", ", "");
  }
}
