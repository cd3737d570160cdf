package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Image layouts side by side in one directory. */
final class TestLayouts {
  private TestLayouts() {}

  /** Builds the layout {@code name} with others of {@code directory} to reuse. */
  static BuildResult build(
      Path directory, String name, MemoryTree tree, ImageBuilder builder, String... reused)
      throws IOException {
    List<ReuseImage> images = new ArrayList<>();
    for (String image : reused) {
      images.add(ReuseImage.open(directory.resolve(image)));
    }
    try {
      return builder.reuse(images).buildLayout(tree, directory.resolve(name));
    } finally {
      for (ReuseImage image : images) {
        image.close();
      }
    }
  }

  /** Whether a layout, read again, holds {@code tree}. */
  static void assertHolds(Path layout, MemoryTree tree) throws IOException {
    List<String> expected = new ArrayList<>();
    List<String> found = new ArrayList<>();
    TreeDigest.lines(tree, expected::add);
    try (ReuseImage image = ReuseImage.open(layout)) {
      TreeDigest.lines(ImageTree.of(image.image()), found::add);
    }
    assertThat(found).isEqualTo(expected);
  }
}
