package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.codec.Compression;
import dev.aquifer.image.Extent;
import dev.aquifer.image.Image;
import dev.aquifer.io.FileSource;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images without the data of their files. */
class MetadataImageTest {
  @TempDir Path temp;

  private static MemoryTree tree() {
    MemoryTree tree = new MemoryTree();
    tree.file("data", TestTrees.noise(1, 100_000)).xattr("trusted.overlay.metacopy", "");
    tree.file("empty", new byte[0]);
    return tree;
  }

  @Test
  void readsNoDataAndHasNone() throws Exception {
    MemoryTree tree = tree();
    tree.file("more", new byte[5]).xattr("trusted.overlay.metacopy", "").onOpen =
        () -> {
          throw new AssertionError("opened");
        };
    Path file = temp.resolve("image");
    SingleImage.Result result = ImageBuilder.defaults().buildMetadata(tree, file);
    assertThat(result.dataBytes()).isZero();
    assertThat(result.sourceBytes()).isEqualTo(100_005);
    try (FileSource source = FileSource.open(file)) {
      Image image = Image.open(source);
      assertThat(image.lookup("data").sizeBytes()).isEqualTo(100_000);
      assertThat(image.map(image.lookup("data"), 0)).isEqualTo(new Extent.Hole(0, 100_000));
    }
  }

  @Test
  void aFileWithoutTheMarkIsRefused() {
    MemoryTree tree = tree();
    tree.file("plain", new byte[7]).xattr("user.overlay.metacopy", "");
    Path file = temp.resolve("image");
    assertThatThrownBy(() -> ImageBuilder.defaults().buildMetadata(tree, file))
        .hasMessageContaining("/plain: its 7 bytes would be read as zeros");
    assertThatThrownBy(() -> ImageBuilder.defaults().xattrs(false).buildMetadata(tree(), file))
        .hasMessageContaining("/data: its 100000 bytes would be read as zeros");
    assertThat(temp).isEmptyDirectory();
  }

  @Test
  void formsOfDataAreRefused() {
    for (Encoding encoding :
        List.of(
            Encoding.compressed(Compression.parse("lz4")), Encoding.plain().withChunkBits(12))) {
      assertThatThrownBy(
              () ->
                  ImageBuilder.defaults()
                      .encoding(encoding)
                      .buildMetadata(tree(), temp.resolve("image")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "an image without data: expected neither compression of files nor chunks of them");
    }
  }
}
