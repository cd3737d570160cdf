package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.codec.Compression;
import dev.aquifer.image.Feature;
import dev.aquifer.image.GoldenImages;
import dev.aquifer.image.Image;
import dev.aquifer.io.FileSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class LongPrefixesTest {
  private static final List<String> NAMES = List.of("trusted.overlay.", "user.many.");

  @TempDir Path temp;

  /** The table of mkfs.erofs --xattr-prefix, byte by byte. */
  @Test
  void areStoredAsMkfsStoresThem() throws IOException {
    GoldenImages images = GoldenImages.ofResources();
    Image golden = images.open("24-xattr-pfx-plain");
    byte[] records = LongPrefixes.of(NAMES, null).records();
    int at = (int) golden.superblock().xattrPrefixPositionBytes();
    assertThat(records)
        .isEqualTo(Arrays.copyOfRange(images.bytes("24-xattr-pfx-plain"), at, at + records.length));
    assertThat(golden.superblock().xattrPrefixes()).isEqualTo(2);
  }

  static List<Encoding> encodings() {
    Encoding lz4 = Encoding.compressed(Compression.parse("lz4"));
    return List.of(
        Encoding.plain(),
        Encoding.plain().withBlockBits(9),
        Encoding.compressed(Compression.parse("zstd")),
        lz4.withFragments(Encoding.Fragments.TAILS),
        lz4.withMetabox(new Metabox(lz4.compression(), 4096)),
        lz4.withFragments(Encoding.Fragments.TAILS).withMetabox(new Metabox(null, 4096)),
        lz4.withBlockBits(10).withFragments(Encoding.Fragments.ALL));
  }

  private static MemoryTree tree() {
    MemoryTree tree = TestTrees.odd();
    tree.file("p1", new byte[] {1}).xattr("user.many.", "1").xattr("user.many.two", "2");
    tree.file("p2", new byte[5000]).xattr("trusted.overlay.opaque", "y").xattr("user.man", "2");
    tree.file("p3", new byte[5000]).xattr("trusted.overlay.opaque", "y").xattr("trusted.o", "2");
    return tree;
  }

  @ParameterizedTest
  @MethodSource("encodings")
  void namesAreReadAsTheyWere(Encoding encoding) throws Exception {
    MemoryTree tree = tree();
    Path file = temp.resolve("image");
    ImageBuilder builder = ImageBuilder.defaults().xattrPrefixes(NAMES);
    builder.encoding(encoding).buildFile(tree, file);
    try (FileSource source = FileSource.open(file)) {
      Image image = Image.open(source);
      assertThat(TreeDigest.of(ImageTree.of(image))).isEqualTo(TreeDigest.of(tree));
      assertThat(image.superblock().xattrPrefixes()).isEqualTo(2);
      assertThat(image.superblock().has(Feature.PLAIN_XATTR_PFX))
          .isEqualTo(encoding.fragments() == Encoding.Fragments.NONE || encoding.metabox() != null);
    }
  }

  @Test
  void namesOfLayoutsAreReadAsTheyWere() throws Exception {
    MemoryTree tree = tree();
    Path out = temp.resolve("out");
    ImageBuilder builder = ImageBuilder.defaults().xattrPrefixes(NAMES);
    builder.buildLayout(tree, out);
    try (ReuseImage image = ReuseImage.open(out)) {
      assertThat(TreeDigest.of(ImageTree.of(image.image()))).isEqualTo(TreeDigest.of(tree));
      assertThat(image.image().superblock().xattrPrefixes()).isEqualTo(2);
    }
  }

  @Test
  void makeImagesSmaller() throws Exception {
    String prefix = "user." + "long.".repeat(30);
    MemoryTree tree = new MemoryTree();
    for (int i = 0; i < 1000; i++) {
      tree.file("f" + i, new byte[] {1}).xattr(prefix + i, "");
    }
    Path with = temp.resolve("with");
    Path without = temp.resolve("without");
    ImageBuilder builder = ImageBuilder.defaults();
    builder.xattrPrefixes(List.of(prefix)).buildFile(tree, with);
    builder.buildFile(tree, without);
    assertThat(Files.size(without) - Files.size(with)).isGreaterThan(100_000);
  }

  @Test
  void asManyAsTheFormatHasAreKept() throws Exception {
    MemoryTree tree = new MemoryTree();
    tree.file("f", new byte[] {1}).xattr("user." + "x".repeat(250), "v");
    List<String> names = Collections.nCopies(128, "user." + "x".repeat(250));
    Path file = temp.resolve("image");
    ImageBuilder.defaults().xattrPrefixes(names).buildFile(tree, file);
    try (FileSource source = FileSource.open(file)) {
      assertThat(TreeDigest.of(ImageTree.of(Image.open(source)))).isEqualTo(TreeDigest.of(tree));
    }
    assertThatThrownBy(() -> LongPrefixes.of(names, "one.more"))
        .hasMessage("129 prefixes of attribute names: expected at most 128");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "overlay.", "system.posix_acl_access", "system.x", "user.\0"})
  void whatIsNoBeginningIsRefused(String name) {
    ImageBuilder builder = ImageBuilder.defaults();
    assertThatThrownBy(() -> builder.xattrPrefixes(List.of(name)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("prefix of attribute names '" + name + "': ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "user.", "system.posix_acl_default"})
  void whatIsNoNameOfDigestsIsRefused(String name) {
    ImageBuilder builder = ImageBuilder.defaults();
    assertThatThrownBy(() -> builder.inodeDigest(name))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("name of digests '" + name + "': ");
  }
}
