package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the library refuses of descriptors, and leaves when there is no image. */
class FlatDiskTest {
  @TempDir Path temp;

  @Test
  void isForImagesInFiles() {
    MemoryTree tree = new MemoryTree();
    Path descriptor = temp.resolve("d.vmdk");
    ImageBuilder builder = ImageBuilder.defaults().vmdkDescriptor(descriptor, List.of());
    assertThatThrownBy(() -> builder.buildLayout(tree, temp.resolve("out")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            descriptor + ": is for an image in a file: a layout has its data in another form");
    assertThatThrownBy(() -> builder.buildInMemory(tree))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(descriptor + ": names files: expected an image in a file");
    assertThatThrownBy(
            () ->
                ImageBuilder.defaults()
                    .vmdkDescriptor(descriptor, List.of(temp.resolve("a")))
                    .buildFile(tree, temp.resolve("out")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(descriptor + ": the image has 0 devices: expected as many files, got 1");
    assertThat(temp).isEmptyDirectory();
  }

  @Test
  void anImageThatCannotBeReplacedKeepsItsDescriptor() throws Exception {
    Path out = temp.resolve("out");
    Path blob = Files.writeString(temp.resolve("blob"), "old blob");
    Path descriptor = Files.writeString(temp.resolve("d.vmdk"), "old");
    MemoryTree tree = TestTrees.thatTakesThePlaceOf(out);
    ImageBuilder builder =
        ImageBuilder.defaults()
            .force(true)
            .vmdkDescriptor(descriptor, List.of())
            .encoding(Encoding.plain().withChunkBits(12));
    assertThatThrownBy(() -> builder.buildFile(tree, out, blob, "blob"))
        .hasMessageStartingWith(out + ": can't be written: ");
    assertThat(blob).hasContent("old blob");
    assertThat(descriptor).hasContent("old");
    try (Stream<Path> entries = Files.list(temp)) {
      assertThat(entries).containsExactlyInAnyOrder(out, blob, descriptor);
    }
  }
}
