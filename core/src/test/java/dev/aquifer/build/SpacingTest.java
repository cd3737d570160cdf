package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.codec.Compression;
import dev.aquifer.image.DataLayout;
import dev.aquifer.image.Extent;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.FileSource;
import dev.aquifer.tool.ImageWalk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Room that images leave free, as the reader sees it; another test asks the kernel. */
public final class SpacingTest {
  private static final int BLOCK = 4096;

  @TempDir Path temp;

  /** Says whether an image of {@code sizeBytes} has the room that {@code encoding} wants. */
  static void assertSpaced(Image image, long sizeBytes, Encoding encoding) throws IOException {
    Spacing spacing = encoding.spacing();
    long blocks = sizeBytes >>> encoding.blockBits();
    assertThat(image.superblock().blocks()).isEqualTo(blocks);
    assertThat(blocks % Math.max(1, spacing.sizeBlocks())).isZero();
    assertThat(image.root().xattrSizeBytes()).isGreaterThanOrEqualTo(spacing.rootXattrBytes());
    ImageWalk.walk(
        image,
        entry -> {
          if (entry.inode().type() == FileType.REGULAR) {
            assertAligned(image, entry.inode(), encoding);
          }
          return true;
        });
  }

  private static void assertAligned(Image image, Inode inode, Encoding encoding)
      throws IOException {
    boolean hasClusters = inode.layout() instanceof DataLayout.Compressed;
    boolean mayBeElsewhere = encoding.dedupe() || encoding.inlineTails();
    if (!encoding.spacing().alignsData() || hasClusters && mayBeElsewhere) {
      return;
    }
    boolean isInline = inode.layout() instanceof DataLayout.FlatInline;
    long end = isInline ? inode.sizeBytes() & -1L << encoding.blockBits() : inode.sizeBytes();
    long unit = (long) encoding.spacing().dataBlocks() << encoding.blockBits();
    for (long at = 0; at < (hasClusters ? 1 : end); ) {
      Extent extent = image.map(inode, at);
      long address =
          switch (extent) {
            case Extent.Plain plain -> plain.addressBytes();
            case Extent.Encoded encoded -> encoded.addressBytes();
            case Extent.Hole _, Extent.Fragment _ -> at;
          };
      assertThat((address - at) % unit).as("%s of %s", extent, inode).isZero();
      at += extent.lengthBytes();
    }
  }

  private static MemoryTree tree() throws Exception {
    Random random = new Random(1);
    MemoryTree tree = new MemoryTree();
    for (int size : new int[] {1, 100, 4095, 4096, 4097, 70_000, 1_000_000}) {
      tree.file("noise" + size, TestTrees.noise(size, size));
      byte[] text = new byte[size];
      for (int i = 0; i < size; i++) {
        text[i] = (byte) random.nextInt(3);
      }
      tree.file("text" + size, text);
      tree.file("again" + size, text);
    }
    tree.file("parts", TestTrees.noise(2, (4 << 20) + 9));
    tree.sparse("sparse", 20 << 20)
        .data(7 << 20, TestTrees.noise(3, 300_000))
        .data((9 << 20) + BLOCK, TestTrees.noise(4, 10));
    tree.at("").xattr("user.root", "value");
    return tree;
  }

  static Stream<Encoding> encodings() {
    Encoding plain = Encoding.plain();
    Encoding zstd = Encoding.compressed(Compression.parse("zstd")).withClusterBytes(64 << 10);
    Stream<Encoding> some =
        Stream.of(
                plain,
                plain.withChunkBits(16),
                plain.withMetabox(new Metabox(zstd.compression(), 8 << 10)),
                zstd.withWide(true),
                Encoding.compressed(Compression.parse("lz4")).withDedupe(true),
                zstd.withFragments(Encoding.Fragments.TAILS).withCompressedDirectories(true))
            .map(form -> form.withDataAlignment(3).withSizeAlignment(7).withRootXattrBytes(33));
    Stream<Encoding> far =
        Stream.of(plain, plain.withChunkBits(12), zstd)
            .map(form -> form.withDataAlignment(512).withSizeAlignment(1024));
    return Stream.concat(some, far);
  }

  @ParameterizedTest
  @MethodSource("encodings")
  void isTheSameForAnyCountOfThreadsAndInMemory(Encoding encoding) throws Exception {
    MemoryTree tree = tree();
    Path one = temp.resolve("one");
    ImageBuilder builder = ImageBuilder.defaults().encoding(encoding);
    builder.threads(1).buildFile(tree, one);
    for (int threads : new int[] {2, 8}) {
      Path other = temp.resolve("other" + threads);
      builder.threads(threads).buildFile(tree, other);
      assertThat(other).hasSameBinaryContentAs(one);
    }
    try (FileSource source = FileSource.open(one);
        ByteSource memory = builder.buildInMemory(tree)) {
      assertThat(memory.sizeBytes()).isEqualTo(source.sizeBytes());
      assertThat(Image.open(memory).superblock().uuid())
          .isEqualTo(Image.open(source).superblock().uuid());
      assertThat(TreeDigest.of(ImageTree.of(Image.open(memory)))).isEqualTo(TreeDigest.of(tree));
      assertSpaced(Image.open(source), source.sizeBytes(), encoding);
    }
  }

  /** Equal chunks are one, unless one of them would then lie where it may not. */
  @Test
  void equalChunksAreStoredOnceWhereTheirPlacesAllow() throws Exception {
    byte[] bytes = TestTrees.noise(1, 8 * BLOCK);
    MemoryTree tree = new MemoryTree();
    tree.file("a", bytes);
    tree.file("b", bytes);
    for (int i = 1; i < 6; i++) {
      tree.file("behind" + i, TestTrees.noise(1 + i, i * BLOCK)).data(i * BLOCK, bytes);
    }
    Path path = temp.resolve("image");
    Encoding encoding = Encoding.plain().withChunkBits(12).withDataAlignment(4);
    ImageBuilder.defaults().encoding(encoding).buildFile(tree, path);
    try (FileSource source = FileSource.open(path)) {
      Image image = Image.open(source);
      assertThat(TreeDigest.of(ImageTree.of(image))).isEqualTo(TreeDigest.of(tree));
      assertSpaced(image, source.sizeBytes(), encoding);
      long first = address(image, "/a", 0);
      assertThat(address(image, "/b", 0)).isEqualTo(first);
      assertThat(address(image, "/behind4", 4)).isEqualTo(first);
      assertThat(address(image, "/behind1", 1)).isNotEqualTo(first);
      assertThat(address(image, "/behind5", 5)).isEqualTo(address(image, "/behind1", 1));
    }
  }

  private static long address(Image image, String path, int block) throws IOException {
    Inode inode = image.lookup(path);
    Extent.Plain plain = (Extent.Plain) image.map(inode, (long) block * BLOCK);
    return plain.addressBytes() + (long) block * BLOCK - plain.fileOffsetBytes();
  }

  /** A header of 12 bytes alone is nothing that Linux and fsck.erofs read. */
  @ParameterizedTest
  @CsvSource({"1,16", "12,16", "17,20", "4096,4096", "262145,262148", "262148,262148"})
  void theRootHasRoomForAttributes(int bytes, int expected) throws Exception {
    MemoryTree tree = new MemoryTree();
    assertThat(rootXattrBytes(tree, bytes)).isEqualTo(expected);
    tree.at("").xattr("user.a", "b").xattr("user.long", "x".repeat(300));
    assertThat(rootXattrBytes(tree, bytes)).isEqualTo(Math.max(expected, 12 + 8 + 308));
    assertThat(rootXattrBytes(tree, 0)).isEqualTo(12 + 8 + 308);
  }

  private int rootXattrBytes(MemoryTree tree, int bytes) throws IOException {
    Encoding encoding = Encoding.plain().withRootXattrBytes(bytes);
    try (ByteSource source = ImageBuilder.defaults().encoding(encoding).buildInMemory(tree)) {
      Image image = Image.open(source);
      assertThat(TreeDigest.of(ImageTree.of(image))).isEqualTo(TreeDigest.of(tree));
      return image.root().xattrSizeBytes();
    }
  }

  @Test
  void mergedImagesHaveRoomButForData() throws Exception {
    Path layer = temp.resolve("layer");
    ImageBuilder.defaults().buildFile(tree(), layer);
    Path merged = temp.resolve("merged");
    Encoding encoding =
        Encoding.plain().withDataAlignment(8).withSizeAlignment(99).withRootXattrBytes(1000);
    try (FileSource source = FileSource.open(layer)) {
      Image image = Image.open(source);
      ImageBuilder.defaults()
          .encoding(encoding)
          .buildMerged(List.of(new ImageMerge.Layer(image, source.sizeBytes(), "layer")), merged);
    }
    assertThat(Files.size(merged)).isEqualTo(99 * BLOCK);
    try (FileSource source = FileSource.open(merged)) {
      assertThat(Image.open(source).root().xattrSizeBytes()).isEqualTo(1000);
    }
  }

  @Test
  void whatMakesNoSenseIsRefused() {
    Encoding plain = Encoding.plain();
    assertThatThrownBy(() -> plain.withDataAlignment(-1))
        .hasMessage(
            "data at multiples of -1 blocks of 4096 bytes: expected 1 to 262144, or 0 for anywhere");
    Encoding most = plain.withDataAlignment(262_144);
    assertThatThrownBy(() -> most.withBlockBits(13)).hasMessageContaining("expected 1 to 131072");
    assertThatThrownBy(() -> plain.withSizeAlignment(-1))
        .hasMessageContaining("a multiple of -1 blocks");
    assertThatThrownBy(() -> plain.withRootXattrBytes(262_149))
        .hasMessage("262149 bytes for attributes of the root: expected 0 to 262148");
    assertThatThrownBy(
            () ->
                Encoding.compressed(Compression.parse("lz4"))
                    .withFragments(Encoding.Fragments.ALL)
                    .withDataAlignment(2))
        .hasMessageStartingWith("all-fragments and dsunit: expected one of them");
    assertThatThrownBy(
            () ->
                ImageBuilder.defaults()
                    .encoding(plain.withSizeAlignment(Integer.MAX_VALUE).withBlockBits(9))
                    .buildInMemory(tree()))
        .hasMessageContaining("memory");
  }
}
