package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.codec.Compression;
import dev.aquifer.image.Image;
import dev.aquifer.io.FileSource;
import dev.aquifer.testing.Requires;
import dev.aquifer.tool.Checker;
import dev.aquifer.tool.Finding;
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
    for (int bits : new int[] {9, 10, 14, 16}) {
      all.add(Encoding.plain().withBlockBits(bits));
    }
    Encoding lz4 = Encoding.compressed(Compression.parse("lz4"));
    all.add(lz4);
    all.add(lz4.withDedupe(true));
    all.add(lz4.withDedupe(true).withInlineTails(true));
    all.add(lz4.withDedupe(true).withBlockBits(9).withClusterBytes(1536));
    all.add(lz4.withDedupe(true).withBlockBits(14));
    for (int bits : new int[] {9, 14, 16}) {
      all.add(lz4.withBlockBits(bits));
    }
    for (int cluster : new int[] {8 << 10, 1 << 20}) {
      all.add(lz4.withClusterBytes(cluster));
    }
    all.add(lz4.withInlineTails(true).withClusterBytes(32 << 10));
    all.add(lz4.withFragments(Encoding.Fragments.TAILS).withClusterBytes(64 << 10));
    all.add(lz4.withFragments(Encoding.Fragments.ALL));
    all.add(lz4.withFragments(Encoding.Fragments.ALL).withClusterBytes(16 << 10));
    all.add(lz4.withFragments(Encoding.Fragments.TAILS).withBlockBits(14));
    for (String name : new String[] {"lz4hc,level=9", "zstd", "deflate", "lzma,level=1"}) {
      Encoding other = Encoding.compressed(Compression.parse(name));
      all.add(other.withClusterBytes(8 << 10).withDedupe(true));
      all.add(
          other
              .withClusterBytes(16 << 10)
              .withInlineTails(true)
              .withFragments(Encoding.Fragments.TAILS));
    }
    addWide(all);
    addForms(all);
    addCompressedDirectories(all);
    addMetaboxes(all);
    return all.stream();
  }

  /** Addresses of 48 bits, and extents that lie byte by byte. */
  private static void addWide(List<Encoding> all) {
    Encoding plain = Encoding.plain().withWide(true);
    all.add(plain);
    all.add(plain.withBlockBits(9));
    all.add(plain.withoutDots(true));
    for (String name : new String[] {"lz4", "zstd", "deflate"}) {
      Encoding wide = Encoding.compressed(Compression.parse(name)).withWide(true);
      Encoding large = wide.withClusterBytes(64 << 10);
      all.add(wide);
      all.add(large.withMaxExtentBytes(200_000));
      all.add(large.withFragments(Encoding.Fragments.ALL));
      all.add(large.withDedupe(true).withInlineTails(true));
      all.add(wide.withBlockBits(9).withFragments(Encoding.Fragments.TAILS));
    }
    all.add(Encoding.compressed(Compression.parse("lz4hc,level=9")).withWide(true));
    all.add(Encoding.compressed(Compression.parse("lzma,level=1")).withWide(true));
    Encoding zstd = Encoding.compressed(Compression.parse("zstd")).withWide(true);
    all.add(zstd.withBlockBits(16));
    // Not a power of two: extents that are not even.
    all.add(zstd.withClusterBytes(20 << 10));
    all.add(zstd.withClusterBytes(1 << 20));
  }

  private static void addCompressedDirectories(List<Encoding> all) {
    Encoding lz4 = Encoding.compressed(Compression.parse("lz4")).withCompressedDirectories(true);
    all.add(lz4);
    all.add(lz4.withBlockBits(9).withWide(true).withoutDots(true));
    all.add(lz4.withInlineTails(true).withFragments(Encoding.Fragments.TAILS));
    all.add(zstd().withCompressedDirectories(true).withClusterBytes(64 << 10).withWide(true));
  }

  /** Compressed metadata: as files are, otherwise, or not at all. */
  private static void addMetaboxes(List<Encoding> all) {
    Encoding lz4 = Encoding.compressed(Compression.parse("lz4"));
    Metabox none = new Metabox(null, 4096);
    Metabox same = new Metabox(lz4.compression(), 4096);
    Metabox large = new Metabox(Compression.parse("zstd"), 64 << 10);
    all.add(Encoding.plain().withMetabox(none));
    all.add(Encoding.plain().withBlockBits(9).withMetabox(none).withoutDots(true));
    all.add(Encoding.plain().withMetabox(same));
    all.add(Encoding.plain().withChunkBits(13).withMetabox(large));
    all.add(lz4.withMetabox(same));
    all.add(lz4.withMetabox(large).withFragments(Encoding.Fragments.TAILS));
    all.add(lz4.withClusterBytes(64 << 10).withMetabox(same).withDedupe(true));
    all.add(lz4.withBlockBits(9).withMetabox(new Metabox(Compression.parse("lzma,level=1"), 1536)));
    all.add(lz4.withBlockBits(14).withMetabox(large).withInodes(Encoding.Inodes.EXTENDED));
    all.add(zstd().withMetabox(new Metabox(Compression.parse("deflate"), 16 << 10)));
    all.add(zstd().withMetabox(large).withCompressedDirectories(true).withoutDots(true));
  }

  /** Indexes and inodes in other forms than the shortest. */
  private static void addForms(List<Encoding> all) {
    Encoding lz4 = Encoding.compressed(Compression.parse("lz4"));
    Encoding large = lz4.withClusterBytes(64 << 10);
    all.add(lz4.withFullIndexes(true));
    all.add(large.withFullIndexes(true).withInlineTails(true));
    all.add(large.withFullIndexes(true).withFragments(Encoding.Fragments.TAILS));
    all.add(large.withMaxExtentBytes(100_000));
    all.add(lz4.withMaxExtentBytes(4096).withInlineTails(true));
    all.add(Encoding.plain().withInlineData(false));
    all.add(lz4.withInlineData(false).withDedupe(true));
    all.add(Encoding.plain().withInodes(Encoding.Inodes.EXTENDED));
    all.add(large.withInodes(Encoding.Inodes.EXTENDED).withWide(true));
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
    equalParts(tree, random);
    for (int i = 1; i < 40; i++) {
      // Nearly whole blocks, behind inodes of many sizes.
      tree.file("tail" + i, TestTrees.noise(i, 4096 - i)).xattr("user.x", "x".repeat(i));
      tree.file("longer" + i, text(random, 3 * 4096 - i)).xattr("user.x", "x".repeat(i));
    }
    return tree;
  }

  /** Files that have much in common, anywhere. */
  private static void equalParts(MemoryTree tree, Random random) {
    byte[] first = mixed(random, 700_001);
    byte[] second = mixed(random, 300_000);
    byte[] large = tree.at("large").data.get(0L);
    tree.file("parts first", first);
    tree.file("parts second", second);
    tree.file("parts inserted", insert(first, 333_333, text(random, 777)));
    tree.file("parts inserted twice", insert(insert(first, 99_000, new byte[1]), 600_000, second));
    tree.file("parts joined", join(text(random, 50), second, first, second));
    tree.file("parts repeated", join(second, second, text(random, 1000), second));
    tree.file("parts shortened", java.util.Arrays.copyOf(first, 654_321));
    tree.file("parts of large", java.util.Arrays.copyOfRange(large, 3_000_000, large.length));
    tree.file("parts and large", join(second, large, first));
  }

  private static byte[] insert(byte[] bytes, int at, byte[] more) {
    return join(
        java.util.Arrays.copyOf(bytes, at),
        more,
        java.util.Arrays.copyOfRange(bytes, at, bytes.length));
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      bytes.writeBytes(part);
    }
    return bytes.toByteArray();
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
    assertHas(image, tree);
  }

  private static void assertHas(Path image, MemoryTree tree) throws Exception {
    try (FileSource source = FileSource.open(image)) {
      Image found = Image.open(source);
      assertThat(TreeDigest.of(ImageTree.of(found))).isEqualTo(TreeDigest.of(tree));
      List<Finding> findings = new ArrayList<>();
      Checker.check(found, false, findings::add, bytes -> {});
      assertThat(findings).isEmpty();
    }
  }

  static Stream<Encoding> someEncodings() {
    Encoding zstd = Encoding.compressed(Compression.parse("zstd")).withClusterBytes(64 << 10);
    return Stream.of(
        Encoding.plain(),
        Encoding.compressed(Compression.parse("lz4")),
        zstd.withMetabox(new Metabox(zstd.compression(), 8 << 10)),
        zstd.withFragments(Encoding.Fragments.TAILS),
        zstd.withInlineTails(true).withDedupe(true));
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

  static Stream<Encoding> encodingsOfShared() {
    Encoding lz4 = Encoding.compressed(Compression.parse("lz4"));
    return Stream.of(
            lz4,
            lz4.withClusterBytes(64 << 10),
            lz4.withFragments(Encoding.Fragments.TAILS).withClusterBytes(64 << 10),
            lz4.withInlineTails(true),
            lz4.withWide(true),
            zstd().withClusterBytes(16 << 10),
            zstd().withClusterBytes(16 << 10).withWide(true),
            Encoding.compressed(Compression.parse("deflate")).withWide(true))
        .map(encoding -> encoding.withDedupe(true));
  }

  @ParameterizedTest
  @MethodSource("encodingsOfShared")
  void equalPartsAreStoredOnce(Encoding encoding) throws Exception {
    byte[] bytes = text(new Random(6), 6 << 20);
    MemoryTree tree = new MemoryTree();
    tree.file("a", bytes);
    long once = build(tree, encoding);
    tree.file("b", insert(bytes, 1 << 20, TestTrees.noise(7, 1000)));
    tree.file("c", java.util.Arrays.copyOfRange(bytes, 77, bytes.length - 77));
    tree.file("d", join(bytes, TestTrees.noise(8, 100), bytes));
    // Up to two clusters at each seam, also those of parts of 4 MiB, and the index: 8 bytes for
    // each block.
    int index = 4 * bytes.length / 4096 * 8;
    int seams = 24 * Math.max(encoding.clusterBytes(), 8 << 10);
    assertThat(build(tree, encoding)).isLessThan(once + index + seams);
  }

  @Test
  void equalBlocksOfNoiseAreStoredOnce() throws Exception {
    byte[] bytes = TestTrees.noise(9, 2 << 20);
    MemoryTree tree = new MemoryTree();
    tree.file("a", bytes);
    tree.file("b", insert(bytes, 1 << 20, TestTrees.noise(10, 8 << 10)));
    Encoding encoding = Encoding.compressed(Compression.parse("lz4")).withDedupe(true);
    assertThat(build(tree, encoding)).isLessThan(bytes.length + (64 << 10));
  }

  private long build(MemoryTree tree, Encoding encoding) throws Exception {
    Path image = temp.resolve("image");
    ImageBuilder.defaults().encoding(encoding).buildFile(tree, image);
    assertHas(image, tree);
    long size = Files.size(image);
    Files.delete(image);
    return size;
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
  void addressesBeyond32Bits() throws Exception {
    Encoding plain = Encoding.plain();
    Encoding inMetabox = zstd().withMetabox(new Metabox(zstd().compression(), 8 << 10));
    for (Encoding encoding :
        List.of(plain, plain.withChunkBits(12), zstd(), zstd().withDedupe(true), inMetabox)) {
      MemoryTree tree = files(6);
      Path image = temp.resolve("image");
      buildFar(tree, image, encoding.withBlockBits(9).withWide(true));
      try (FileSource source = FileSource.open(image)) {
        Image found = Image.open(source);
        assertThat(found.superblock().blocks()).isGreaterThan(1L << 32);
        assertThat(TreeDigest.of(ImageTree.of(found))).isEqualTo(TreeDigest.of(tree));
      }
      Files.delete(image);
    }
  }

  /** An image with a hole of 2 TiB before its data. */
  public static void buildFar(SourceTree tree, Path image, Encoding encoding) throws Exception {
    long gapBlocks = 1L << 41 - encoding.blockBits();
    SingleImage.build(tree, image, encoding, BuildOptions.defaults(), Elsewhere.NOTHING, gapBlocks);
  }

  private static Encoding zstd() {
    return Encoding.compressed(Compression.parse("zstd"));
  }

  @Test
  void refusesWhat32BitsDoNotAddress() {
    Encoding encoding = Encoding.plain().withBlockBits(9);
    org.assertj.core.api.Assertions.assertThatThrownBy(
            () -> buildFar(files(6), temp.resolve("image"), encoding))
        .hasMessageContaining("more than 4294967295 blocks of 512 bytes");
  }

  @Test
  void compactInodesHaveOneTime() throws Exception {
    Encoding encoding = Encoding.plain().withInodes(Encoding.Inodes.COMPACT);
    MemoryTree tree = new MemoryTree();
    tree.file("a", new byte[] {1}).mtime(5, 6);
    tree.file("b", new byte[] {1}).mtime(5, 6);
    tree.file("c", new byte[] {1}).mtime(7, 8);
    Path image = temp.resolve("image");
    ImageBuilder.defaults().encoding(encoding).buildFile(tree, image);
    try (FileSource source = FileSource.open(image)) {
      assertThat(Image.open(source).lookup("/c").mtimeSeconds()).isEqualTo(5);
      assertThat(Image.open(source).lookup("/c").mtimeNanos()).isEqualTo(6);
    }
    tree.file("d", new byte[] {1}).owner(70_000, 1);
    org.assertj.core.api.Assertions.assertThatThrownBy(
            () -> ImageBuilder.defaults().encoding(encoding).force(true).buildFile(tree, image))
        .hasMessageStartingWith("/d: owner 70000:1");
  }

  @Test
  void withWideAddressesMostInodesAreCompactWhateverTheirTime() throws Exception {
    MemoryTree tree = new MemoryTree();
    for (int i = 0; i < 1000; i++) {
      tree.file("f" + i, new byte[0]).mtime(1_700_000_000 + i, 0);
    }
    tree.file("before 1970", new byte[0]).mtime(-1, 0);
    tree.file("after 2106", new byte[0]).mtime(1L << 33, 0);
    tree.file("nanoseconds", new byte[0]).mtime(1_700_000_000, 7);
    Path narrow = temp.resolve("narrow");
    Path wide = temp.resolve("wide");
    ImageBuilder.defaults().encoding(Encoding.plain()).buildFile(tree, narrow);
    ImageBuilder.defaults().encoding(Encoding.plain().withWide(true)).buildFile(tree, wide);
    try (FileSource source = FileSource.open(wide)) {
      assertThat(TreeDigest.of(ImageTree.of(Image.open(source)))).isEqualTo(TreeDigest.of(tree));
    }
    assertThat(Files.size(narrow) - Files.size(wide)).isBetween(28_000L, 36_000L);
  }

  /** Inodes with attributes that all have, that two have, and that one has. */
  public static MemoryTree manyAttributes(int files) {
    MemoryTree tree = new MemoryTree();
    for (int i = 0; i < files; i++) {
      tree.file("f" + i, new byte[i % 50])
          .xattr("security.all", "the same")
          .xattr("user.pair", "x".repeat(50) + i / 2)
          .xattr("user.own", "y" + i);
    }
    return tree;
  }

  @Test
  void compressedMetadataIsSmaller() throws Exception {
    MemoryTree tree = manyAttributes(5000);
    Encoding plain = Encoding.plain().withWide(true);
    long metadata = build(tree, plain);
    assertThat(build(tree, plain.withMetabox(new Metabox(null, 4096))))
        .isBetween(metadata - 8192, metadata + 8192);
    assertThat(build(tree, plain.withMetabox(new Metabox(Compression.parse("zstd"), 64 << 10))))
        .isLessThan(metadata / 2);
  }

  @Test
  void compressedMetadataNeedsWideAddresses() {
    Encoding encoding = Encoding.plain().withMetabox(new Metabox(null, 4096));
    org.assertj.core.api.Assertions.assertThatThrownBy(() -> encoding.withWide(false))
        .hasMessage("compressed metadata: expected 48bit with it");
    org.assertj.core.api.Assertions.assertThatThrownBy(
            () -> Encoding.plain().withMetabox(new Metabox(null, 1000)))
        .hasMessageStartingWith("physical clusters of 1000 bytes: expected whole blocks");
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
