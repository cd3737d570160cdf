package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.build.Encoding;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.MemoryTree;
import dev.aquifer.build.Metabox;
import dev.aquifer.build.SingleImageTest;
import dev.aquifer.build.TreeDigest;
import dev.aquifer.codec.Compression;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the kernel shows of images of one file: all that went in. */
@Tag("root")
class BuiltImageKernelTest {
  /** The kernel mounts no larger blocks than its pages. */
  private static final int MAX_BLOCK_BITS = 12;

  @TempDir Path temp;

  static Stream<Encoding> encodings() {
    return SingleImageTest.encodings().filter(encoding -> encoding.blockBits() <= MAX_BLOCK_BITS);
  }

  @ParameterizedTest
  @MethodSource("encodings")
  void showsWhatWentIn(Encoding encoding) throws Exception {
    Path image = temp.resolve("image");
    MemoryTree tree = tree();
    ImageBuilder.defaults().encoding(encoding).buildFile(tree, image);
    isShown(tree, image);
  }

  @Test
  void showsWhatIsBeyond32Bits() throws Exception {
    Path image = temp.resolve("image");
    MemoryTree tree = tree();
    Encoding zstd = Encoding.compressed(Compression.parse("zstd"));
    SingleImageTest.buildFar(tree, image, zstd.withBlockBits(9).withWide(true).withDedupe(true));
    isShown(tree, image);
  }

  @Test
  void showsCompressedMetadataBeyond32Bits() throws Exception {
    Path image = temp.resolve("image");
    MemoryTree tree = tree();
    Encoding zstd = Encoding.compressed(Compression.parse("zstd"));
    Encoding inMetabox = zstd.withMetabox(new Metabox(zstd.compression(), 8 << 10));
    SingleImageTest.buildFar(tree, image, inMetabox.withBlockBits(9));
    isShown(tree, image);
  }

  /**
   * Linux 6.18 takes a page of the metabox for one of shared attributes elsewhere if both have the
   * same number.
   */
  @Test
  void showsAllAttributesOfCompressedMetadata() throws Exception {
    Path image = temp.resolve("image");
    MemoryTree tree = SingleImageTest.manyAttributes(5000);
    Metabox lz4 = new Metabox(Compression.parse("lz4"), 16 << 10);
    ImageBuilder.defaults().encoding(Encoding.plain().withMetabox(lz4)).buildFile(tree, image);
    isShown(tree, image);
  }

  private static MemoryTree tree() {
    MemoryTree tree = SingleImageTest.files(5);
    tree.remove("hole");
    // The kernel checks what these two say, and here they are noise.
    tree.at("x1").xattrs.removeLast();
    tree.at("x4").xattrs.removeLast();
    tree.at("x4").xattrs.removeLast();
    tree.sparse("holes", 1L << 30).data(1 << 20, new byte[] {1}).data(700 << 20, new byte[] {2});
    return tree;
  }

  private void isShown(MemoryTree tree, Path image) throws Exception {
    Path target = Files.createDirectory(temp.resolve("mnt"));
    run("mount", "-t", "erofs", "-o", "ro,loop", image.toString(), target.toString());
    try (LinuxTree seen = LinuxTree.open(target)) {
      assertThat(TreeDigest.of(seen)).isEqualTo(TreeDigest.of(tree));
    } finally {
      run("umount", target.toString());
    }
  }

  private static void run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
  }
}
