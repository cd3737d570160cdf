package dev.aquifer.cli;

import static dev.aquifer.cli.LinuxTreeTest.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.build.Encoding;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.MemoryTree;
import dev.aquifer.build.Metabox;
import dev.aquifer.build.TreeDigest;
import dev.aquifer.codec.Compression;
import dev.aquifer.image.Image;
import dev.aquifer.io.FileSource;
import dev.aquifer.testing.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Room that images leave free: where the kernel has their data, and what erofs-utils say. */
class SpacedImageTest {
  private static final ImageBuilder BUILDER = ImageBuilder.defaults().threads(2);
  private static final int BLOCK = 4096;

  @TempDir Path temp;

  /** Nothing in it is equal to other data, so that each file has its own. */
  private static MemoryTree tree() {
    Random random = new Random(1);
    MemoryTree tree = new MemoryTree();
    for (int size : new int[] {1, 4095, 4096, 4097, 70_000, 300_000, (5 << 20) + 77}) {
      byte[] noise = new byte[size];
      random.nextBytes(noise);
      tree.file("noise" + size, noise);
      byte[] text = new byte[size];
      for (int i = 0; i < size; i++) {
        text[i] = (byte) random.nextInt(4);
      }
      tree.file("text" + size, text);
    }
    byte[] noise = new byte[100_000];
    random.nextBytes(noise);
    tree.sparse("holes", 9 << 20).data((3 << 20) + BLOCK, noise).data(5 << 20, new byte[] {1});
    tree.at("").xattr("user.root", "value");
    return tree;
  }

  static Stream<Encoding> encodings() {
    Encoding plain = Encoding.plain();
    Encoding lz4 = Encoding.compressed(Compression.parse("lz4"));
    Encoding zstd = Encoding.compressed(Compression.parse("zstd")).withClusterBytes(64 << 10);
    Encoding lzma = Encoding.compressed(Compression.parse("lzma,level=0"));
    return Stream.of(
            plain,
            plain.withInlineData(false).withBlockBits(9),
            plain.withWide(true),
            plain.withChunkBits(12),
            plain.withChunkBits(16),
            lz4,
            lz4.withClusterBytes(64 << 10).withBlockBits(10),
            lz4.withDedupe(true),
            lz4.withWide(true),
            zstd,
            zstd.withWide(true),
            zstd.withFragments(Encoding.Fragments.TAILS).withCompressedDirectories(true),
            lz4.withMetabox(new Metabox(zstd.compression(), 16 << 10)),
            Encoding.compressed(Compression.parse("deflate")).withWide(true),
            lzma.withClusterBytes(16 << 10))
        .flatMap(form -> Stream.of(form.withDataAlignment(5), form.withDataAlignment(512)));
  }

  @Tag("root")
  @ParameterizedTest
  @MethodSource("encodings")
  void theKernelHasDataAtMultiples(Encoding encoding) throws Exception {
    Requires.root();
    MemoryTree tree = tree();
    Path image = temp.resolve("image");
    BUILDER.encoding(encoding).buildFile(tree, image);
    shows(image, List.of(), tree, encoding);
    if (encoding.chunkBits() > 0) {
      Path device = temp.resolve("device");
      Path other = temp.resolve("other");
      BUILDER.encoding(encoding).buildFile(tree, other, device, "device");
      shows(other, List.of(device), tree, encoding);
    }
  }

  private void shows(Path image, List<Path> devices, MemoryTree tree, Encoding encoding)
      throws Exception {
    try (DeviceMount mount = DeviceMount.of(image, devices, temp);
        LinuxTree seen = LinuxTree.open(mount.target())) {
      assertThat(TreeDigest.of(seen)).isEqualTo(TreeDigest.of(tree));
      MappedFiles files = MappedFiles.of(mount.target());
      assertThat(files.extents()).hasSizeGreaterThan(10);
      files.assertAligned(encoding);
    }
  }

  /** These are what erofs-utils 1.5 read. */
  static Stream<Encoding> oldEncodings() {
    Encoding lz4 = Encoding.compressed(Compression.parse("lz4"));
    return Stream.of(Encoding.plain(), Encoding.plain().withChunkBits(12), lz4)
        .map(form -> form.withDataAlignment(7));
  }

  @ParameterizedTest
  @MethodSource("oldEncodings")
  void erofsUtilsAgree(Encoding form) throws Exception {
    Requires.tool("fsck.erofs");
    Requires.tool("dump.erofs");
    Encoding encoding = form.withSizeAlignment(1000).withRootXattrBytes(1001);
    MemoryTree tree = tree();
    tree.remove("holes");
    Path image = temp.resolve("image");
    BUILDER.encoding(encoding).buildFile(tree, image);
    run("fsck.erofs", "--extract", image.toString());
    assertThat(Files.size(image) % (1000 * BLOCK)).isZero();
    assertThat(run("dump.erofs", "-s", image.toString()))
        .containsPattern("blocks: +" + Files.size(image) / BLOCK + "\n");
    assertThat(run("dump.erofs", "--path=/", image.toString())).contains("Xattr size: 1004");
    for (String name : List.of("/noise4097", "/text70000", "/noise300000")) {
      String extents = run("dump.erofs", "-e", "--path=" + name, image.toString());
      String first =
          extents.lines().filter(line -> line.contains(" 0: ")).findFirst().orElseThrow();
      long address = Long.parseLong(first.split("[:|]")[3].split("\\.\\.")[0].strip());
      assertThat(address % (7 * BLOCK)).as(first).isZero();
    }
  }

  /** The archive, if it is put behind its index, begins with a block of a disk. */
  @Tag("root")
  @Test
  void anArchiveBehindItsIndex() throws Exception {
    Requires.root();
    run("sh", "-ec", "cd \"$1\"; seq 5000 > f; tar -cf a.tar f", "sh", temp.toString());
    Path image = temp.resolve("image");
    Path archive = temp.resolve("a.tar");
    build("--tar=i", archive, "-o", image, "--fsalignblks=8", "--root-xattr-isize=500");
    assertThat(Files.size(image) % BLOCK).isZero();
    try (FileSource source = FileSource.open(image)) {
      assertThat(Image.open(source).root().xattrSizeBytes()).isEqualTo(500);
    }
    Path both = temp.resolve("both");
    Files.write(both, Files.readAllBytes(image));
    Files.write(both, Files.readAllBytes(archive), java.nio.file.StandardOpenOption.APPEND);
    try (DeviceMount mount = DeviceMount.of(both, List.of(), temp)) {
      assertThat(mount.target().resolve("f")).hasSameBinaryContentAs(temp.resolve("f"));
    }
  }

  private static void build(Object... options) {
    Object[] args = Stream.concat(Stream.of("build"), Arrays.stream(options)).toArray();
    Program.Outcome outcome = Program.run(args);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
  }

  @Test
  void theImageHasAMultipleOfBlocks() throws Exception {
    Path tree = Files.createDirectory(temp.resolve("tree"));
    Files.write(tree.resolve("file"), new byte[] {1});
    Path image = temp.resolve("image");
    build(tree, "-o", image, "--fsalignblks=1000000");
    assertThat(Files.size(image)).isEqualTo(1_000_000L * BLOCK);
    Path device = temp.resolve("device");
    String blob = "--blobdev=" + device;
    build(tree, "-o", image, "--force", "--fsalignblks=3", "--dsunit=8", "--chunksize=4096", blob);
    assertThat(Files.size(image)).isEqualTo(3 * BLOCK);
    assertThat(Files.size(device)).isEqualTo(BLOCK);
  }

  @Test
  void whatDoesNotGoTogetherIsTold() throws Exception {
    tells("all-fragments and dsunit: expected one", "--dsunit=8", "-zlz4", "-Eall-fragments");
    tells("data at multiples of 262145 blocks", "--dsunit=262145");
    tells("a multiple of -1 blocks", "--fsalignblks=-1");
    tells("attributes of the root: expected 0 to 262148", "--root-xattr-isize=300000");
    tells("--reuse are for image layouts", "--fsalignblks=8", "--reuse=x");
    tells("--blob-per-layer is for image layouts", "--root-xattr-isize=8", "--blob-per-layer");
    tells("--tar=i refers to data as it is in the archive", "--dsunit=8", "--tar=i");
  }

  private void tells(String message, String... options) {
    Path out = temp.resolve("out");
    Object[] args =
        Stream.concat(Stream.of("build", temp, "-o", out), Stream.of(options)).toArray();
    Program.Outcome outcome = Program.run(args);
    assertThat(outcome.errors().getFirst()).contains(message);
    assertThat(outcome.exitCode()).isEqualTo(2);
    assertThat(out).doesNotExist();
  }
}
