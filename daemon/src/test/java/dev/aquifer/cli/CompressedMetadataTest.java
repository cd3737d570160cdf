package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.codec.Algorithm;
import dev.aquifer.image.Extent;
import dev.aquifer.image.Image;
import dev.aquifer.io.FileSource;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@code -m} and {@code --MZ} of {@code aquifer build} mean. */
class CompressedMetadataTest {
  @TempDir Path temp;

  @ParameterizedTest
  @CsvSource(
      textBlock =
          """
          -m4096,                     0, none
          -m 4096 --zD=0,             0, none
          -m8192:lzma --zD=0,         0, MICROLZMA
          -zlz4 -m4096,               1, LZ4
          -zlz4 -m4096 --zD,          1, LZ4
          -zlz4 -m8192:deflate,       1, DEFLATE
          -zlz4:zstd -m8192:1 --MZ,   1, ZSTD
          -zlz4:zstd -m8192:0 --MZ=i, 1, LZ4
          """)
  void compressesBy(String options, int filesAreEncoded, String algorithm) throws Exception {
    Path tree = Files.createDirectory(temp.resolve("tree"));
    for (int i = 0; i < 200; i++) {
      Files.writeString(tree.resolve("f" + i), "a file".repeat(i));
    }
    // Does not lie inline, which would be in the metabox.
    Files.writeString(tree.resolve("large"), "a file".repeat(10_000));
    List<Object> args = new ArrayList<>(List.of("build", tree, "-o", out()));
    args.addAll(List.of(options.split(" ")));
    assertThat(Program.run(args.toArray()).exitCode()).isZero();
    try (FileSource source = FileSource.open(out())) {
      Image image = Image.open(source);
      assertThat(image.root().isInMetabox()).isTrue();
      assertThat(by(image.map(image.inode(image.superblock().metaboxNid()), 0)))
          .isEqualTo(algorithm);
      Extent data = image.map(image.lookup("/large"), 0);
      assertThat(by(data)).isEqualTo(filesAreEncoded == 1 ? "LZ4" : "none");
    }
  }

  private static String by(Extent extent) {
    Algorithm algorithm = extent instanceof Extent.Encoded encoded ? encoded.algorithm() : null;
    return algorithm == null ? "none" : algorithm.name();
  }

  @Test
  void whatIsWrongIsTold() {
    tells("-m x: expected bytes, and after a colon an algorithm or its number", "-mx");
    tells("-m 4096:1: expected a number below 1", "-zlz4", "-m4096:1");
    tells("compression nothing: expected lz4, lz4hc, lzma, deflate or zstd", "-m4096:nothing");
    tells("physical clusters of 5000 bytes: expected whole blocks of 4096 bytes", "-m5000");
    tells("legacy-compress and 48bit", "-zlz4", "-m4096", "-Elegacy-compress");
    tells("--MZ=d: expected 0, i, or id", "--MZ=d");
    tells("--zD=2: expected 0 or 1", "-zlz4", "--zD=2");
  }

  private Path out() {
    return temp.resolve("out");
  }

  private void tells(String message, String... options) {
    List<Object> args = new ArrayList<>(List.of("build", temp, "-o", out()));
    args.addAll(List.of(options));
    Program.Outcome outcome = Program.run(args.toArray());
    assertThat(outcome.err()).contains(message);
    assertThat(outcome.exitCode()).isEqualTo(2);
    assertThat(out()).doesNotExist();
  }
}
