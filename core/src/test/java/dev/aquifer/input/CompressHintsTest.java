package dev.aquifer.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.build.Encoding;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.ImageTree;
import dev.aquifer.build.MemoryTree;
import dev.aquifer.build.SingleImageTest;
import dev.aquifer.build.TreeDigest;
import dev.aquifer.codec.Algorithm;
import dev.aquifer.codec.Compression;
import dev.aquifer.image.CompressionConfig;
import dev.aquifer.image.Extent;
import dev.aquifer.image.Image;
import dev.aquifer.io.FileSource;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CompressHintsTest {
  private static final List<Compression> ALL =
      List.of(
          Compression.parse("lz4"),
          Compression.parse("zstd,level=1"),
          Compression.parse("lzma,level=1"),
          Compression.parse("deflate"));

  private static final String HINTS =
      """
      # bytes, compression, paths

      0 raw$
      65536 1 ^d/z
      \t8192\t2\t^d/l\s
      16384   ^d/4
      1048576 3 ^d/
      """;

  @TempDir Path temp;

  private Encoding hinted(Encoding encoding, String hints) throws IOException {
    Path file = temp.resolve("hints");
    Files.writeString(file, hints, StandardCharsets.ISO_8859_1);
    return CompressHints.read(file, encoding, ALL);
  }

  private static byte[] text(int size) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; text.length() < size; i++) {
      text.append("line ").append(i * 7919 % 100_003).append('\n');
    }
    return text.substring(0, size).getBytes(StandardCharsets.US_ASCII);
  }

  private static MemoryTree tree() {
    MemoryTree tree = new MemoryTree();
    tree.directory("d");
    for (String name : new String[] {"d/z", "d/l", "d/4", "d/other", "d/raw", "z", "raw"}) {
      tree.file(name, text(5 << 20));
      tree.file(name + "small", text(9000));
    }
    tree.file("d/4raw", text(4096));
    return tree;
  }

  static List<UnaryOperator<Encoding>> variants() {
    return List.of(
        all -> all,
        all -> all.withInlineTails(true),
        all -> all.withFragments(Encoding.Fragments.TAILS),
        all -> all.withDedupe(true),
        all -> all.withBlockBits(10));
  }

  /** What each file is made of: an algorithm and the largest stored cluster. */
  private static String clusters(Image image, String path) throws IOException {
    List<Algorithm> algorithms = new ArrayList<>();
    int most = 0;
    var inode = image.lookup(path);
    for (long at = 0; at < inode.sizeBytes(); ) {
      Extent extent = image.map(inode, at);
      if (extent instanceof Extent.Encoded encoded) {
        if (!algorithms.contains(encoded.algorithm())) {
          algorithms.add(encoded.algorithm());
        }
        most = Math.max(most, encoded.storedBytes());
      }
      at += extent.lengthBytes();
    }
    return algorithms + " " + most;
  }

  @Test
  void filesAreCompressedAsHintsSay() throws Exception {
    int number = 0;
    for (UnaryOperator<Encoding> variant : variants()) {
      Encoding encoding = hinted(variant.apply(Encoding.compressed(ALL.getFirst())), HINTS);
      Path file = temp.resolve("image" + number++);
      MemoryTree tree = tree();
      ImageBuilder.defaults().encoding(encoding).buildFile(tree, file);
      try (FileSource source = FileSource.open(file)) {
        Image image = Image.open(source);
        assertThat(TreeDigest.of(ImageTree.of(image))).isEqualTo(TreeDigest.of(tree));
        assertThat(clusters(image, "d/z")).isEqualTo("[ZSTD] 65536");
        assertThat(clusters(image, "d/l")).isEqualTo("[MICROLZMA] 8192");
        assertThat(clusters(image, "d/4")).isEqualTo("[LZ4] 16384");
        assertThat(clusters(image, "d/other")).startsWith("[DEFLATE] ");
        assertThat(clusters(image, "z")).isEqualTo("[LZ4] " + (1 << encoding.blockBits()));
        for (String raw : new String[] {"raw", "d/raw", "d/4raw"}) {
          assertThat(clusters(image, raw)).isEqualTo("[] 0");
        }
        assertThat(image.superblock().algorithmBits()).isEqualTo(0xf);
        assertThat(image.superblock().compressionConfigs())
            .extracting(CompressionConfig::algorithm)
            .containsExactly(Algorithm.LZ4, Algorithm.MICROLZMA, Algorithm.DEFLATE, Algorithm.ZSTD);
      }
    }
  }

  @Test
  void imagesDoNotDependOnThreads() throws Exception {
    Encoding encoding = hinted(Encoding.compressed(ALL.getFirst()).withDedupe(true), HINTS);
    MemoryTree tree = SingleImageTest.files(1);
    Path one = temp.resolve("one");
    Path eight = temp.resolve("eight");
    ImageBuilder.defaults().threads(1).encoding(encoding).buildFile(tree, one);
    ImageBuilder.defaults().threads(8).encoding(encoding).buildFile(tree, eight);
    assertThat(one).hasSameBinaryContentAs(eight);
  }

  @Test
  void patternsAreOfBytes() throws Exception {
    Encoding encoding = hinted(Encoding.compressed(ALL.getFirst()), "0 \u00ff\n");
    assertThat(encoding.rules().getFirst().paths().test("a\u00ffb")).isTrue();
    assertThat(encoding.rules().getFirst().paths().test("ab")).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "4096|'4096': expected bytes of a cluster, perhaps the number",
        "x y|'x y': expected bytes of a cluster, perhaps the number",
        "4097 x|physical clusters of 4097 bytes: expected whole blocks of 4096 bytes",
        "2097152 x|physical clusters of 2097152 bytes: expected whole blocks",
        "4096 4 x|compression '4': expected a number from 0 to 3, as -z has them",
        "4096 zstd x|compression 'zstd': expected a number from 0 to 3",
        "0 9 x|compression '9': expected a number from 0 to 3",
        "4096 (x|'(x' is no regular expression: ",
      })
  void malformedLinesAreTold(String line, String message) {
    assertThatThrownBy(() -> hinted(Encoding.compressed(ALL.getFirst()), "# first\n" + line + "\n"))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(temp.resolve("hints") + ": line 2: " + message);
  }
}
