package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is built is on the disk, and what it replaces goes only then. */
class DurabilityTest {
  @TempDir Path temp;

  private BuildResult build(String name) throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("a", TestTrees.noise(1, 3_000_000));
    tree.file("b", TestTrees.noise(2, 100));
    return ImageBuilder.defaults().force(true).buildLayout(tree, temp.resolve(name));
  }

  private static String run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return output;
  }

  /** File systems that allocate late say where there is no place on the disk yet. */
  private static void assertOnDisk(Path directory) throws Exception {
    List<String> command = new ArrayList<>(List.of("filefrag", "-v"));
    try (Stream<Path> files = Files.walk(directory)) {
      files.filter(Files::isRegularFile).forEach(file -> command.add(file.toString()));
    }
    assertThat(run(command.toArray(String[]::new)))
        .contains(directory.toString())
        .doesNotContain("delalloc");
  }

  @Test
  void everyFileOfAnImageIsOnTheDisk() throws Exception {
    Requires.tool("filefrag");
    build("new/out");
    assertOnDisk(temp.resolve("new/out"));
    build("new/out");
    assertOnDisk(temp.resolve("new/out"));
  }

  @Test
  void anImageOfOneFileIsOnTheDisk() throws Exception {
    Requires.tool("filefrag");
    MemoryTree tree = new MemoryTree();
    tree.file("a", TestTrees.noise(1, 3_000_000));
    Path image = Files.createDirectory(temp.resolve("single")).resolve("image");
    ImageBuilder builder = ImageBuilder.defaults().force(true);
    for (int i = 0; i < 2; i++) {
      builder.buildFile(tree, image);
      assertOnDisk(image.getParent());
    }
  }

  @Test
  void anUnpackedBlobIsOnTheDisk() throws Exception {
    Requires.tool("filefrag");
    String object = build("out").blobs().getFirst().objectDigest().hex();
    Path plain = Files.createDirectory(temp.resolve("plain"));
    BlobUnpacker.unpack(
        temp.resolve("out/blobs/sha256").resolve(object), plain.resolve("blob"), null, false);
    assertOnDisk(plain);
  }

  @Test
  void anImageInOneFileIsOnTheDisk() throws Exception {
    Requires.tool("filefrag");
    MemoryTree tree = new MemoryTree();
    tree.file("file", TestTrees.noise(1, 3_000_000));
    Path place = Files.createDirectory(temp.resolve("place"));
    ImageBuilder.defaults().buildFile(tree, place.resolve("image"));
    assertOnDisk(place);
  }

  @Test
  @Tag("root")
  void aReplacedImageThatCanNotBeRemovedIsNoFailure() throws Exception {
    Requires.root();
    Requires.tool("chattr");
    Path stays = Files.createDirectories(temp.resolve("out/blobs")).resolve("stays");
    Files.writeString(temp.resolve("out/oci-layout"), "{}");
    Files.writeString(stays, "");
    run("chattr", "+i", stays.toString());
    try {
      build("out");
      ReuseImage.open(temp.resolve("out")).close();
    } finally {
      run("chattr", "-R", "-i", temp.toString());
    }
    try (Stream<Path> entries = Files.list(temp)) {
      assertThat(entries).hasSize(2).anyMatch(entry -> entry.toString().endsWith(".old"));
    }
  }
}
