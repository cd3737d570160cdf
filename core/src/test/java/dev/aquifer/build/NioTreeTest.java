package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NioTreeTest {
  @TempDir Path temp;

  private Path tree() throws IOException {
    Path root = Files.createDirectory(temp.resolve("tree"));
    Files.write(root.resolve("a"), TestTrees.noise(1, 100_000));
    Files.writeString(root.resolve("small"), "small");
    Files.createLink(root.resolve("hard"), root.resolve("a"));
    Files.createSymbolicLink(root.resolve("link"), Path.of("../x/y"));
    Files.createDirectories(root.resolve("d/e"));
    Files.setLastModifiedTime(
        root.resolve("small"), FileTime.from(Instant.ofEpochSecond(1_000_000_000, 123_456_789)));
    return root;
  }

  private static List<String> lines(SourceTree tree) throws IOException {
    List<String> lines = new ArrayList<>();
    TreeDigest.lines(tree, lines::add);
    return lines;
  }

  @Test
  void anImageHoldsWhatTheDirectoryHolds() throws IOException {
    Path root = tree();
    UserDefinedFileAttributeView view =
        Files.getFileAttributeView(root.resolve("a"), UserDefinedFileAttributeView.class);
    boolean hasXattrs = Files.getFileStore(root).supportsFileAttributeView("user");
    if (hasXattrs) {
      view.write("colour", ByteBuffer.wrap(new byte[] {1, 2}));
    }
    NioTree tree = NioTree.open(root);
    assertThat(lines(tree))
        .hasSize(7)
        .anyMatch(
            line -> line.startsWith("/small 100") && line.contains(" 1000000000.123456789 5 "))
        .contains("/hard same as /a")
        .anyMatch(line -> line.startsWith("/link ") && line.contains(" -> ../x/y"))
        .anyMatch(line -> !hasXattrs || line.endsWith(" user.colour=0102"));
    ImageBuilder.defaults().buildLayout(tree, temp.resolve("out"));
    try (ReuseImage image = ReuseImage.open(temp.resolve("out"))) {
      // Plain Java sees the names from the other side: which of two is first differs.
      assertThat(TreeDigest.of(ImageTree.of(image.image()))).isEqualTo(TreeDigest.of(tree));
    }
  }

  @Test
  void whatIsNoDirectoryIsRefused() throws IOException {
    assertThatThrownBy(() -> NioTree.open(temp.resolve("missing")))
        .hasMessage(temp.resolve("missing") + ": no such directory");
    Path file = Files.writeString(temp.resolve("file"), "");
    assertThatThrownBy(() -> NioTree.open(file))
        .hasMessage(file + ": is no directory: expected the root of a tree");
  }

  @Test
  void aFileThatGrowsOrShrinksOrVanishesIsNoticed() throws IOException {
    NioTree tree = NioTree.open(tree());
    SourceEntry a =
        tree.children(tree.root()).stream()
            .filter(entry -> entry.toString().equals("/a"))
            .findFirst()
            .orElseThrow();
    Path path = temp.resolve("tree/a");
    try (SourceFile file = tree.open(a)) {
      file.checkUnchanged();
      Files.write(path, new byte[100_001]);
      assertThatThrownBy(file::checkUnchanged)
          .hasMessageContaining("changed while it was read: it has 100001 bytes now");
      Files.write(path, new byte[10]);
      assertThatThrownBy(() -> file.readBytes(0, 20))
          .hasMessageContaining("changed while it was read");
    }
    Files.delete(path);
    assertThatThrownBy(() -> tree.open(a))
        .hasMessage(path + ": can't be read: it vanished while the tree was read");
  }

  @Test
  void theOutputMustNotLieInTheTree() throws IOException {
    Path root = tree();
    NioTree tree = NioTree.open(root);
    assertThatThrownBy(() -> ImageBuilder.defaults().buildLayout(tree, root.resolve("d/e/out")))
        .hasMessageContaining("the output lies in it, at /d/e/.out.building-");
    assertThat(root.resolve("d/e")).isEmptyDirectory();
  }

  @Test
  void theDeviceOfTheOutputMustNotLieInTheTree() throws IOException {
    Path root = tree();
    NioTree tree = NioTree.open(root);
    ImageBuilder builder = ImageBuilder.defaults().encoding(Encoding.plain().withChunkBits(12));
    Path image = root.resolveSibling("image");
    assertThatThrownBy(() -> builder.buildFile(tree, image, root.resolve("d/e/blob"), "blob"))
        .hasMessageContaining("the output lies in it, at /d/e/.blob.building-");
    assertThat(root.resolve("d/e")).isEmptyDirectory();
    assertThat(image).doesNotExist();
  }
}
