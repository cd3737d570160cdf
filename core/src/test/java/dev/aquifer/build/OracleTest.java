package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.format.Descriptor;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What programs that are not ours say of our images. */
class OracleTest {
  @TempDir Path temp;

  private String run(String... command) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).directory(temp.toFile()).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }

  private List<String> unpacked(ReuseImage image, Path layout) throws IOException {
    List<String> devices = new ArrayList<>();
    for (Descriptor object : image.manifest().blobs()) {
      Path plain = temp.resolve("device" + devices.size());
      BlobUnpacker.unpack(layout.resolve(object.path()), plain, null, true);
      devices.add("--device=" + plain);
    }
    return devices;
  }

  private void assertFsckAccepts(Path layout) throws Exception {
    try (ReuseImage image = ReuseImage.open(layout)) {
      List<String> command = new ArrayList<>(List.of("fsck.erofs"));
      command.addAll(unpacked(image, layout));
      command.add(layout.resolve(image.manifest().bootstrap().path()).toString());
      run(command.toArray(String[]::new));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {100, 101, 102, 103, 104, 105})
  void fsckAcceptsRandomTrees(long seed) throws Exception {
    Requires.tool("fsck.erofs");
    Path layout = temp.resolve("out");
    ImageBuilder builder = ImageBuilder.defaults().dedupeChunkBits(12 + (int) (seed % 6));
    builder.buildLayout(TestTrees.random(seed), layout);
    assertFsckAccepts(layout);
  }

  @Test
  void fsckAcceptsEveryOddThing() throws Exception {
    Requires.tool("fsck.erofs");
    MemoryTree tree = TestTrees.odd();
    tree.at("").children.remove("hole");
    tree.at("").children.remove("sparse");
    Path layout = temp.resolve("out");
    ImageBuilder.defaults().buildLayout(tree, layout);
    assertFsckAccepts(layout);
  }

  @Test
  void fsckFindsTheBytesThatWentIn() throws Exception {
    Requires.tool("fsck.erofs");
    MemoryTree tree = new MemoryTree();
    byte[][] data = new byte[12][];
    for (int i = 0; i < data.length; i++) {
      data[i] = TestTrees.noise(i, i * i * 3000);
      tree.file("f" + i, data[i]);
    }
    tree.file("again", data[7]);
    Path first = temp.resolve("first");
    ImageBuilder.defaults().buildLayout(tree, first);
    MemoryTree more = new MemoryTree();
    more.file("more", data[5]);
    more.file("new", TestTrees.noise(50, 50_000));
    Path second = temp.resolve("second");
    try (ReuseImage reused = ReuseImage.open(first)) {
      ImageBuilder.defaults().reuse(List.of(reused)).buildLayout(more, second);
    }
    Path extracted = extract(first);
    for (int i = 0; i < data.length; i++) {
      assertThat(Files.readAllBytes(extracted.resolve("f" + i))).isEqualTo(data[i]);
    }
    assertThat(Files.readAllBytes(extracted.resolve("again"))).isEqualTo(data[7]);
    Path other = extract(second);
    assertThat(Files.readAllBytes(other.resolve("more"))).isEqualTo(data[5]);
    assertThat(Files.readAllBytes(other.resolve("new"))).isEqualTo(TestTrees.noise(50, 50_000));
  }

  private Path extract(Path layout) throws Exception {
    Path target = temp.resolve(layout.getFileName() + ".extracted");
    try (ReuseImage image = ReuseImage.open(layout)) {
      List<String> command = new ArrayList<>(List.of("fsck.erofs", "--extract=" + target));
      command.addAll(unpacked(image, layout));
      command.add(layout.resolve(image.manifest().bootstrap().path()).toString());
      run(command.toArray(String[]::new));
    }
    return target;
  }

  @Test
  void skopeoInspectsAndCopiesTheLayoutUnchanged() throws Exception {
    Requires.tool("skopeo");
    Path layout = temp.resolve("out");
    BuildResult result = ImageBuilder.defaults().buildLayout(TestTrees.random(7), layout);
    assertThat(run("skopeo", "inspect", "oci:out"))
        .contains(result.manifestDigest().toString(), result.bootstrapDigest().toString());
    run("skopeo", "--insecure-policy", "copy", "oci:out", "oci:copy");
    try (Stream<Path> files = Files.walk(layout)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path copy = temp.resolve("copy").resolve(layout.relativize(file));
        if (!file.getFileName().toString().equals("index.json")
            && !file.getFileName().toString().equals("oci-layout")) {
          assertThat(copy).hasSameBinaryContentAs(file);
        }
      }
    }
    try (ReuseImage copy = ReuseImage.open(temp.resolve("copy"))) {
      assertThat(TreeDigest.of(ImageTree.of(copy.image())))
          .isEqualTo(TreeDigest.of(TestTrees.random(7)));
    }
  }
}
