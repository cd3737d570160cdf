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
import org.junit.jupiter.api.Timeout;
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

  /**
   * A chunk twice as long that begins as {@code bytes} do and has their checksums: which of 64 bits
   * have to be set is a linear system.
   */
  private static byte[] longerWithSameChecksum(byte[] bytes) {
    byte[] longer = Arrays.copyOf(bytes, 2 * bytes.length);
    int at = bytes.length + 777;
    long start = checksum(longer);
    long rest = start ^ checksum(bytes);
    // Sums of columns by their highest bit, each with the bits that make it.
    long[] sums = new long[Long.SIZE];
    long[] makers = new long[Long.SIZE];
    for (int bit = 0; bit < Long.SIZE; bit++) {
      longer[at + bit / 8] ^= (byte) (1 << bit % 8);
      long sum = checksum(longer) ^ start;
      longer[at + bit / 8] ^= (byte) (1 << bit % 8);
      long maker = 1L << bit;
      while (sum != 0 && sums[Long.numberOfLeadingZeros(sum)] != 0) {
        int known = Long.numberOfLeadingZeros(sum);
        sum ^= sums[known];
        maker ^= makers[known];
      }
      assertThat(sum).as("a column of its own").isNotZero();
      sums[Long.numberOfLeadingZeros(sum)] = sum;
      makers[Long.numberOfLeadingZeros(sum)] = maker;
    }
    long bits = 0;
    while (rest != 0) {
      int known = Long.numberOfLeadingZeros(rest);
      rest ^= sums[known];
      bits ^= makers[known];
    }
    for (int bit = 0; bit < Long.SIZE; bit++) {
      longer[at + bit / 8] ^= (byte) ((bits >>> bit & 1) << bit % 8);
    }
    return longer;
  }

  private static long checksum(byte[] bytes) {
    try (Arena arena = Arena.ofConfined()) {
      return ContentMark.checksum(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes));
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

  /** What would have to follow the shorter one was not appended. */
  @Test
  @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void aLongerOneWithTheSameChecksums() throws IOException {
    byte[] shorter = TestTrees.noise(3, CHUNK);
    byte[] longer = longerWithSameChecksum(shorter);
    assertThat(checksum(longer)).isEqualTo(checksum(shorter));
    MemoryTree tree = new MemoryTree();
    tree.file("1", shorter);
    tree.file("2 longer", longer);
    tree.file("3 copy of 2", longer);
    BuildResult result =
        TestLayouts.build(temp, "longer", tree, ImageBuilder.defaults().dedupeChunkBits(17));
    TestLayouts.assertHolds(temp.resolve("longer"), tree);
    assertThat(result.bytes().unique()).isEqualTo(shorter.length + longer.length);
    ImageBuilder single = ImageBuilder.defaults().encoding(Encoding.plain().withChunkBits(17));
    try (ByteSource image = single.buildInMemory(tree)) {
      assertThat(TreeDigest.of(ImageTree.of(Image.open(image)))).isEqualTo(TreeDigest.of(tree));
    }
  }
}
