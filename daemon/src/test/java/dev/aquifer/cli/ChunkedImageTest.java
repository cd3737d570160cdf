package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.build.Encoding;
import dev.aquifer.build.EncodingCombinationsTest;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.ImageTree;
import dev.aquifer.build.MemoryTree;
import dev.aquifer.build.SingleImage;
import dev.aquifer.build.TreeDigest;
import dev.aquifer.image.Image;
import dev.aquifer.io.FileSource;
import dev.aquifer.testing.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Images of chunks, in themselves or on a device, as the reader and the kernel show them. */
class ChunkedImageTest {
  private static final ImageBuilder BUILDER = ImageBuilder.defaults().threads(2);

  @TempDir Path temp;

  private static MemoryTree tree(Encoding encoding) {
    Random random = new Random(encoding.chunkBits());
    MemoryTree tree = EncodingCombinationsTest.tree(random, encoding);
    byte[] large = new byte[(5 << 20) + 77];
    random.nextBytes(large);
    tree.file("large", large);
    tree.file("large again", large);
    tree.file("zero", new byte[300_000]);
    tree.sparse("holes", 3 << 20).data(1_500_000, new byte[] {1});
    return tree;
  }

  @Tag("root")
  @ParameterizedTest
  @CsvSource({"12,12", "12,16", "12,20", "9,9", "10,14"})
  void kernelAndReaderShowTheTree(int blockBits, int chunkBits) throws Exception {
    Requires.root();
    Encoding encoding = Encoding.plain().withBlockBits(blockBits).withChunkBits(chunkBits);
    MemoryTree tree = tree(encoding);
    Path alone = temp.resolve("alone");
    BUILDER.encoding(encoding).buildFile(tree, alone);
    shows(alone, List.of(), tree);
    Path image = temp.resolve("image");
    Path device = temp.resolve("device");
    SingleImage.Result result = BUILDER.encoding(encoding).buildFile(tree, image, device, "device");
    assertThat(result.devices()).containsExactly("device");
    assertThat(Files.size(image) + Files.size(device))
        .isBetween(Files.size(alone) - (2 << blockBits), Files.size(alone) + (2 << blockBits));
    shows(image, List.of(device), tree);
  }

  private void shows(Path image, List<Path> devices, MemoryTree tree) throws Exception {
    try (FileSource primary = FileSource.open(image);
        FileSource device = FileSource.open(devices.isEmpty() ? image : devices.getFirst())) {
      Image opened = Image.open(primary);
      opened = devices.isEmpty() ? opened : opened.withDevices(List.of(device));
      assertThat(TreeDigest.of(ImageTree.of(opened))).isEqualTo(TreeDigest.of(tree));
    }
    try (DeviceMount mount = DeviceMount.of(image, devices, temp);
        LinuxTree seen = LinuxTree.open(mount.target())) {
      assertThat(TreeDigest.of(seen)).isEqualTo(TreeDigest.of(tree));
    }
  }

  @Test
  void equalChunksAreStoredOnce() throws Exception {
    byte[] chunk = new byte[64 << 10];
    new Random(1).nextBytes(chunk);
    MemoryTree tree = new MemoryTree();
    for (int i = 0; i < 20; i++) {
      tree.file("f" + i, chunk).data(chunk.length, chunk).data(2 * chunk.length, new byte[] {1});
    }
    Path device = temp.resolve("device");
    Encoding encoding = Encoding.plain().withChunkBits(16);
    BUILDER.encoding(encoding).buildFile(tree, temp.resolve("image"), device, "");
    assertThat(Files.size(device)).isEqualTo((64 << 10) + 4096);
  }

  @Test
  void aTreeWithoutDataHasADeviceAllTheSame() throws Exception {
    MemoryTree tree = new MemoryTree();
    tree.file("empty", new byte[0]);
    Path device = temp.resolve("device");
    Encoding encoding = Encoding.plain().withChunkBits(16);
    BUILDER.encoding(encoding).buildFile(tree, temp.resolve("image"), device, "");
    assertThat(Files.size(device)).isEqualTo(4096);
  }

  @Test
  void nothingIsLeftOfEitherFileAfterAnError() throws Exception {
    Path tree = Files.createDirectory(temp.resolve("tree"));
    Path device = temp.resolve("device");
    Path image = temp.resolve("image");
    Files.writeString(device, "old");
    Object[] build = {"build", tree, "-o", image, "--chunksize=4096", "--blobdev", device};
    Program.Outcome outcome = Program.run(build);
    assertThat(outcome.err()).startsWith("aquifer: " + device + ": exists already");
    Files.delete(device);
    assertThat(Program.run(build).exitCode()).isZero();
    Files.delete(device);
    assertThat(Program.run(build).err()).startsWith("aquifer: " + image + ": exists already");
    try (Stream<Path> left = Files.list(temp)) {
      assertThat(left).containsExactlyInAnyOrder(tree, image);
    }
  }

  @Test
  void theReportNamesTheDevice() throws Exception {
    Path tree = Files.createDirectory(temp.resolve("tree"));
    Files.writeString(tree.resolve("file"), "text");
    Path device = temp.resolve("device");
    Program.Outcome outcome =
        Program.run(
            "build", tree, "-o", out(), "--chunksize=4096", "--blobdev=" + device, "--json");
    assertThat(outcome.out()).contains("\"devices\": [\"device\"]");
  }

  @Test
  void whatDoesNotGoTogetherIsTold() {
    tells("chunk size 5000: expected a power of two", "--chunksize=5000");
    tells("chunks of 512 bytes: expected 4096 to 67108864", "--chunksize=512");
    tells("chunks are of data as it is: expected no compression", "--chunksize=4096", "-zlz4");
    tells("--blobdev is for chunks: expected --chunksize BYTES", "--blobdev=x");
    tells("can't be the image and its device", "--chunksize=4096", "--blobdev=" + out());
  }

  private Path out() {
    return temp.resolve("out");
  }

  private void tells(String message, String... options) {
    Object[] args =
        Stream.concat(Stream.of("build", temp, "-o", out()), Stream.of(options)).toArray();
    Program.Outcome outcome = Program.run(args);
    assertThat(outcome.err()).contains(message);
    assertThat(outcome.exitCode()).isEqualTo(2);
    assertThat(out()).doesNotExist();
  }
}
