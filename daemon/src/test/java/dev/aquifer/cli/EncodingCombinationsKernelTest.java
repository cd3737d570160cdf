package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.build.Encoding;
import dev.aquifer.build.EncodingCombinationsTest;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.MemoryTree;
import dev.aquifer.build.TreeDigest;
import dev.aquifer.codec.Compression;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the kernel shows of trees and encodings by chance; seeds as in the test of core. */
@Tag("root")
class EncodingCombinationsKernelTest {
  private static final long SEED = Long.getLong("encoding.seed", 1);
  private static final int COMBINATIONS = Integer.getInteger("encoding.count", 60);

  /** The kernel mounts no larger blocks than its pages. */
  private static final int MAX_BLOCK_BITS = 12;

  @TempDir Path temp;

  @Test
  void areShownAsTheyWereBuilt() throws Exception {
    Path target = Files.createDirectory(temp.resolve("mnt"));
    Path image = temp.resolve("image");
    for (int i = 0; i < COMBINATIONS; i++) {
      long seed = SEED * 1_000_003 + i;
      Random random = new Random(seed);
      Encoding encoding = EncodingCombinationsTest.encoding(random, MAX_BLOCK_BITS);
      MemoryTree tree = EncodingCombinationsTest.tree(random, encoding);
      ImageBuilder builder = EncodingCombinationsTest.builder(random);
      String what = "seed %d, %s, %s".formatted(seed, encoding, builder);
      try {
        builder.encoding(encoding).buildFile(tree, image);
        run("mount", "-t", "erofs", "-o", "ro,loop", image.toString(), target.toString());
        try (LinuxTree seen = LinuxTree.open(target)) {
          assertThat(TreeDigest.of(seen)).as(what).isEqualTo(TreeDigest.of(tree));
          if (!encoding.dedupe() && !encoding.inlineTails()) {
            MappedFiles.of(target).assertAligned(encoding);
          }
        } finally {
          run("umount", target.toString());
        }
      } catch (Exception e) {
        throw new AssertionError(what, e);
      }
      Files.delete(image);
    }
  }

  /** Streams of nearly a block, each half of a page, behind inodes of many sizes. */
  @ParameterizedTest
  @ValueSource(ints = {9, 10, 11, 12})
  void readsStreamsThatFillABlockBehindAnInode(int bits) throws Exception {
    Path target = Files.createDirectory(temp.resolve("mnt"));
    Path image = temp.resolve("image");
    Encoding encoding =
        Encoding.compressed(Compression.parse("lz4")).withBlockBits(bits).withInlineTails(true);
    MemoryTree tree = new MemoryTree();
    Random random = new Random(bits);
    for (int i = 0; i < 300; i++) {
      byte[] noise = new byte[(1 << bits) - 40 - random.nextInt(30)];
      random.nextBytes(noise);
      tree.file("f" + i, Arrays.copyOf(noise, noise.length + 400))
          .xattr("user.x", "x".repeat(random.nextInt(100)));
    }
    ImageBuilder.defaults().encoding(encoding).buildFile(tree, image);
    run("mount", "-t", "erofs", "-o", "ro,loop", image.toString(), target.toString());
    try (LinuxTree seen = LinuxTree.open(target)) {
      assertThat(TreeDigest.of(seen)).isEqualTo(TreeDigest.of(tree));
    } finally {
      run("umount", target.toString());
    }
  }

  private static void run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
  }
}
