package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.codec.Compression;
import dev.aquifer.image.Image;
import dev.aquifer.io.FileSource;
import dev.aquifer.testing.Requires;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Images of one file, read back by the reader, which other tests hold against the kernel. */
public final class SingleImageTest {
  @TempDir Path temp;

  public static Stream<Encoding> encodings() {
    List<Encoding> all = new ArrayList<>();
    all.add(Encoding.plain());
    for (int bits : new int[] {9, 10, 11, 13, 14, 16}) {
      all.add(Encoding.plain().withBlockBits(bits));
    }
    Encoding lz4 = Encoding.compressed(Compression.parse("lz4"));
    all.add(lz4);
    all.add(lz4.withDedupe(true));
    all.add(lz4.withDedupe(true).withInlineTails(true));
    for (int bits : new int[] {9, 10, 11, 13, 14, 16}) {
      all.add(lz4.withBlockBits(bits));
    }
    for (int cluster : new int[] {8 << 10, 64 << 10, 1 << 20}) {
      all.add(lz4.withClusterBytes(cluster));
    }
    all.add(lz4.withInlineTails(true));
    all.add(lz4.withInlineTails(true).withClusterBytes(32 << 10));
    all.add(lz4.withFragments(Encoding.Fragments.TAILS));
    all.add(lz4.withFragments(Encoding.Fragments.TAILS).withClusterBytes(64 << 10));
    all.add(lz4.withFragments(Encoding.Fragments.ALL));
    all.add(lz4.withFragments(Encoding.Fragments.ALL).withClusterBytes(16 << 10));
    all.add(lz4.withFragments(Encoding.Fragments.TAILS).withBlockBits(14));
    for (String name : new String[] {"lz4hc,level=9", "zstd", "deflate", "lzma,level=1"}) {
      Encoding other = Encoding.compressed(Compression.parse(name));
      all.add(other);
      all.add(other.withClusterBytes(64 << 10));
      all.add(
          other
              .withClusterBytes(16 << 10)
              .withInlineTails(true)
              .withFragments(Encoding.Fragments.TAILS));
    }
    return all.stream();
  }

  /** Files of many sizes that compress more or less, or not at all, and equal ones. */
  public static MemoryTree files(long seed) {
    Random random = new Random(seed);
    MemoryTree tree = TestTrees.odd();
    int[] sizes = {1, 100, 511, 4095, 4096, 4097, 8192, 12_000, 65_536, 100_000};
    for (int size : sizes) {
      tree.file("text" + size, text(random, size));
      tree.file("noise" + size, TestTrees.noise(seed + size, size));
      tree.file("zero" + size, new byte[size]);
      tree.file("mixed" + size, mixed(random, size));
      tree.file("again" + size, tree.at("text" + size).data.get(0L));
      tree.file("noise again" + size, tree.at("noise" + size).data.get(0L));
    }
    // Two parts.
    tree.file("large", mixed(random, (4 << 20) + 9));
    for (int i = 1; i < 40; i++) {
      // Nearly whole blocks, behind inodes of many sizes.
      tree.file("tail" + i, TestTrees.noise(i, 4096 - i)).xattr("user.x", "x".repeat(i));
      tree.file("longer" + i, text(random, 3 * 4096 - i)).xattr("user.x", "x".repeat(i));
    }
    return tree;
  }

  private static byte[] text(Random random, int size) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(size + 20);
    while (bytes.size() < size) {
      bytes.writeBytes(("line " + random.nextInt(1000) + "\n").getBytes(StandardCharsets.US_ASCII));
    }
    return java.util.Arrays.copyOf(bytes.toByteArray(), size);
  }

  private static byte[] mixed(Random random, int size) {
    byte[] bytes = new byte[size];
    for (int at = 0; at < size; ) {
      int length = Math.min(size - at, 1 + random.nextInt(30_000));
      byte[] part =
          random.nextBoolean() ? text(random, length) : TestTrees.noise(random.nextLong(), length);
      System.arraycopy(part, 0, bytes, at, length);
      at += length;
    }
    return bytes;
  }

  @ParameterizedTest
  @MethodSource("encodings")
  void isReadAsItWasBuilt(Encoding encoding) throws Exception {
    MemoryTree tree = files(1);
    Path image = temp.resolve("image");
    ImageBuilder.defaults().encoding(encoding).buildFile(tree, image);
    try (FileSource source = FileSource.open(image)) {
      assertThat(TreeDigest.of(ImageTree.of(Image.open(source)))).isEqualTo(TreeDigest.of(tree));
    }
  }

  static Stream<Encoding> someEncodings() {
    Encoding zstd = Encoding.compressed(Compression.parse("zstd")).withClusterBytes(64 << 10);
    return Stream.of(
        Encoding.plain(),
        Encoding.compressed(Compression.parse("lz4")),
        zstd.withFragments(Encoding.Fragments.TAILS),
        zstd.withInlineTails(true));
  }

  @ParameterizedTest
  @MethodSource("someEncodings")
  void doesNotDependOnThreads(Encoding encoding) throws Exception {
    MemoryTree tree = files(2);
    Path one = temp.resolve("one");
    Path eight = temp.resolve("eight");
    ImageBuilder.defaults().threads(1).encoding(encoding).buildFile(tree, one);
    ImageBuilder.defaults().threads(8).encoding(encoding).buildFile(tree, eight);
    assertThat(one).hasSameBinaryContentAs(eight);
  }

  @Test
  void aLongFragmentIsFoundFromItsEnd() throws Exception {
    // Its logical clusters are farther from the head than an index can say.
    byte[] bytes = text(new Random(8), 6 << 20);
    for (String name : new String[] {"lz4", "zstd"}) {
      for (int bits : new int[] {9, 10, 12}) {
        for (int cluster : new int[] {1 << bits, 64 << 10}) {
          Encoding encoding =
              Encoding.compressed(Compression.parse(name))
                  .withBlockBits(bits)
                  .withClusterBytes(cluster)
                  .withFragments(Encoding.Fragments.ALL);
          MemoryTree tree = new MemoryTree();
          tree.file("long", bytes);
          tree.file("longer", java.util.Arrays.copyOf(bytes, bytes.length - 77));
          Path image = temp.resolve(name + bits + "-" + cluster);
          ImageBuilder.defaults().encoding(encoding).buildFile(tree, image);
          try (FileSource source = FileSource.open(image)) {
            assertThat(TreeDigest.of(ImageTree.of(Image.open(source))))
                .isEqualTo(TreeDigest.of(tree));
          }
        }
      }
    }
  }

  @Test
  void aHoleOfAnySizeTakesNoRoom() throws Exception {
    MemoryTree tree = new MemoryTree();
    tree.sparse("a tebibyte", 1L << 40);
    tree.sparse("more than chunks can be", (1L << 51) + 1);
    tree.sparse("the largest", Long.MAX_VALUE);
    tree.sparse("one byte", 1L << 40).data(1L << 39, new byte[] {1});
    Path image = temp.resolve("image");
    ImageBuilder.defaults().buildFile(tree, image);
    assertThat(Files.size(image)).isLessThan(16 << 20);
    try (FileSource source = FileSource.open(image)) {
      Image found = Image.open(source);
      for (String name : new String[] {"a tebibyte", "more than chunks can be", "the largest"}) {
        assertThat(found.lookup("/" + name).sizeBytes()).isEqualTo(tree.at(name).sizeBytes);
      }
    }
  }

  @Test
  void clustersThatTheKernelDoesNotMountAreRefused() {
    Encoding lz4 = Encoding.compressed(Compression.parse("lz4")).withBlockBits(10);
    Encoding most = lz4.withClusterBytes(256 << 10);
    assertThat(most.clusterBytes()).isEqualTo(256 << 10);
    org.assertj.core.api.Assertions.assertThatThrownBy(() -> lz4.withClusterBytes(257 << 10))
        .hasMessageContaining("expected at most 256 blocks of 1024 bytes");
  }

  @Test
  void fsckAcceptsLz4() throws Exception {
    Requires.tool("fsck.erofs");
    MemoryTree tree = files(3);
    tree.at("").children.remove("hole");
    tree.at("").children.remove("sparse");
    Path image = temp.resolve("image");
    ImageBuilder.defaults()
        .encoding(Encoding.compressed(Compression.parse("lz4")))
        .buildFile(tree, image);
    Process process =
        new ProcessBuilder("fsck.erofs", "--extract", image.toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
  }

  @Test
  void leavesNothingAfterAnError() throws Exception {
    MemoryTree tree = files(4);
    tree.file("broken", new byte[5000]).failure = new java.io.IOException("broken");
    Path image = temp.resolve("image");
    org.assertj.core.api.Assertions.assertThatThrownBy(
            () -> ImageBuilder.defaults().buildFile(tree, image))
        .hasMessage("broken");
    try (Stream<Path> left = Files.list(temp)) {
      assertThat(left).isEmpty();
    }
  }
}
