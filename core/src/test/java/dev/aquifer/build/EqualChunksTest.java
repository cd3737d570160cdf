package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.image.Image;
import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Chunks that are equal lie once, and such that only look equal do not. */
class EqualChunksTest {
  private static final int CHUNK = 1 << 16;

  /** More than is on its way to the disk at any time, so that it has to be read again. */
  private static final int MUCH = 40 << 20;

  @TempDir Path temp;

  /** Text and noise, so that spans are compressed. */
  private final byte[] data = TestTrees.noise(1, 5 * CHUNK);

  private byte[] lookalike = {};

  @BeforeEach
  void fill() {
    Arrays.fill(data, 2 * CHUNK, 4 * CHUNK, (byte) 'x');
    for (int i = 2 * CHUNK; i < 4 * CHUNK; i += 1000) {
      data[i] = (byte) (i / 1000);
    }
    lookalike = data.clone();
    for (int chunk = 0; chunk < 5; chunk++) {
      swapForSameChecksum(lookalike, chunk * CHUNK + 777);
    }
  }

  /**
   * Changes nine bytes by the product of the polynomials of CRC-32 and CRC-32C, which both take for
   * nothing.
   */
  private static void swapForSameChecksum(byte[] bytes, int at) {
    BigInteger first = new BigInteger("104c11db7", 16);
    BigInteger second = new BigInteger("11edc6f41", 16);
    BigInteger product = BigInteger.ZERO;
    for (int i = 0; i <= 32; i++) {
      if (first.testBit(i)) {
        product = product.xor(second.shiftLeft(i));
      }
    }
    for (int i = 0; i <= 64; i++) {
      // The lowest bit of a byte comes first, and has the highest power.
      if (product.testBit(64 - i)) {
        bytes[at + i / 8] ^= (byte) (1 << i % 8);
      }
    }
  }

  private static long checksum(byte[] bytes, int chunk) {
    try (Arena arena = Arena.ofConfined()) {
      return ContentMark.checksum(
          arena.allocateFrom(
              ValueLayout.JAVA_BYTE,
              Arrays.copyOfRange(bytes, chunk * CHUNK, (chunk + 1) * CHUNK)));
    }
  }

  private MemoryTree tree(boolean isFar) {
    MemoryTree tree = new MemoryTree();
    tree.file("1", data);
    tree.file("2 looks like 1", lookalike);
    if (isFar) {
      tree.file("3 much", TestTrees.noise(2, MUCH));
    }
    tree.file("4 copy of 1", data);
    tree.file("5 copy of 2", lookalike);
    tree.file("6 copy of 1", data);
    return tree;
  }

  @Test
  void theLookalikeHasTheSameChecksums() {
    for (int chunk = 0; chunk < 5; chunk++) {
      assertThat(checksum(lookalike, chunk)).isEqualTo(checksum(data, chunk));
    }
    assertThat(lookalike).isNotEqualTo(data);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 3})
  void inLayouts(int level) throws IOException {
    for (boolean isFar : new boolean[] {false, true}) {
      MemoryTree tree = tree(isFar);
      BuildResult.Bytes bytes = null;
      byte[] manifest = {};
      for (int threads : new int[] {1, 2, 8}) {
        String name = isFar + " " + threads;
        BuildResult result =
            TestLayouts.build(
                temp, name, tree, ImageBuilder.defaults().threads(threads).zstdLevel(level));
        TestLayouts.assertHolds(temp.resolve(name), tree);
        assertThat(manifest.length == 0 ? result.manifestDigest().bytes() : manifest)
            .isEqualTo(result.manifestDigest().bytes());
        manifest = result.manifestDigest().bytes();
        bytes = result.bytes();
      }
      // A chunk that looks like an earlier one is stored again each time.
      assertThat(bytes.duplicate()).isEqualTo(2L * data.length);
      assertThat(bytes.unique()).isEqualTo(3L * data.length + (isFar ? MUCH : 0));
    }
  }

  @Test
  void inImagesOfOneFile() throws IOException {
    MemoryTree tree = tree(true);
    byte[] first = {};
    for (int threads : new int[] {1, 8}) {
      ImageBuilder builder =
          ImageBuilder.defaults().threads(threads).encoding(Encoding.plain().withChunkBits(16));
      try (ByteSource image = builder.buildInMemory(tree)) {
        assertThat(TreeDigest.of(ImageTree.of(Image.open(image)))).isEqualTo(TreeDigest.of(tree));
        assertThat(image.sizeBytes()).isBetween(MUCH + 3L * data.length, MUCH + 4L * data.length);
        MemorySegment bytes = MemorySegment.ofArray(new byte[(int) image.sizeBytes()]);
        image.read(0, bytes);
        byte[] found = bytes.toArray(ValueLayout.JAVA_BYTE);
        assertThat(first.length == 0 || Arrays.equals(first, found)).isTrue();
        first = found;
      }
    }
  }
}
