package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.codec.Algorithm;
import dev.aquifer.codec.Compression;
import dev.aquifer.image.Image;
import dev.aquifer.io.FileSource;
import dev.aquifer.tool.Checker;
import dev.aquifer.tool.Finding;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Small trees and encodings by chance, with sizes near blocks, clusters and parts. Another seed:
 * {@code -Dencoding.seed=N}.
 */
public final class EncodingCombinationsTest {
  private static final long SEED = Long.getLong("encoding.seed", 1);
  private static final int COMBINATIONS = Integer.getInteger("encoding.count", 300);
  private static final int PART_BYTES = 4 << 20;
  private static final int MAX_CLUSTER_BITS = 20;
  private static final int MAX_BITS = BlockSize.MAX_BITS + 1;

  private static final String[] FAST = {"lz4", "lz4", "zstd,level=1", "deflate,level=1"};
  private static final String[] SLOW = {"lz4hc,level=6", "zstd,level=9", "lzma,level=0"};

  @TempDir Path temp;

  /** Any encoding with blocks of up to 2^maxBlockBits bytes. */
  public static Encoding encoding(Random random, int maxBlockBits) {
    int bits = random.nextInt(BlockSize.MIN_BITS, maxBlockBits + 1);
    if (random.nextInt(8) == 0) {
      Encoding plain = withMetabox(random, withForms(random, Encoding.plain().withBlockBits(bits)));
      return withSpacing(
          random, random.nextBoolean() ? plain : plain.withChunkBits(bits + random.nextInt(8)));
    }
    String[] names = random.nextInt(4) == 0 ? SLOW : FAST;
    Encoding encoding =
        Encoding.compressed(Compression.parse(names[random.nextInt(names.length)]))
            .withBlockBits(bits)
            .withInlineTails(random.nextBoolean())
            .withFragments(Encoding.Fragments.values()[random.nextInt(3)]);
    if (random.nextInt(3) == 0) {
      encoding = encoding.withDedupe(true);
    }
    int clusterBits = random.nextInt(8) == 0 ? MAX_CLUSTER_BITS : random.nextInt(bits, MAX_BITS);
    int blocks = 1 << clusterBits - bits;
    if (encoding.compression().algorithm() == Algorithm.LZ4) {
      blocks = Math.min(blocks, Math.min(256, 1 << MAX_CLUSTER_BITS - bits) - 1);
    }
    // Not only powers of two.
    blocks -= blocks > 2 && random.nextBoolean() ? random.nextInt(blocks / 2) : 0;
    if (random.nextBoolean()) {
      encoding = encoding.withClusterBytes(blocks << bits);
    }
    encoding = withForms(random, encoding.withFullIndexes(random.nextInt(4) == 0));
    encoding = encoding.withCompressedDirectories(random.nextInt(4) == 0);
    if (random.nextInt(4) == 0) {
      int most = Math.max(2 * encoding.clusterBytes(), 1 << bits + 1);
      encoding = encoding.withMaxExtentBytes(random.nextInt(1 << bits, most));
    }
    for (int i = random.nextInt(3) == 0 ? random.nextInt(1, 4) : 0; i > 0; i--) {
      encoding = encoding.withRule(rule(random, bits, encoding.wide()));
    }
    return withSpacing(random, withMetabox(random, encoding));
  }

  private static Encoding withSpacing(Random random, Encoding encoding) {
    if (random.nextBoolean()) {
      return encoding;
    }
    int most = random.nextInt(8) == 0 ? Spacing.MAX_ROOT_XATTR_BYTES : 9000;
    return encoding
        .withDataAlignment(
            encoding.fragments() == Encoding.Fragments.ALL ? 0 : random.nextInt(1, 40))
        .withSizeAlignment(random.nextInt(100))
        .withRootXattrBytes(random.nextBoolean() ? 0 : random.nextInt(most + 1));
  }

  private static Encoding withMetabox(Random random, Encoding encoding) {
    if (!encoding.wide() || random.nextBoolean()) {
      return encoding;
    }
    int bits = encoding.blockBits();
    int clusterBits = random.nextInt(bits, Math.min(MAX_CLUSTER_BITS, bits + 8));
    Compression other = Compression.parse(FAST[random.nextInt(FAST.length)]);
    Compression compression = random.nextBoolean() ? encoding.compression() : other;
    return encoding.withMetabox(new Metabox(compression, 1 << clusterBits));
  }

  private static Encoding withForms(Random random, Encoding encoding) {
    return encoding
        .withWide(!encoding.fullIndexes() && random.nextBoolean())
        .withoutDots(!encoding.fullIndexes() && random.nextInt(4) == 0)
        .withInlineData(random.nextInt(4) != 0)
        .withInodes(random.nextInt(4) == 0 ? Encoding.Inodes.EXTENDED : Encoding.Inodes.SMALLEST);
  }

  private static ClusterRule rule(Random random, int blockBits, boolean isWide) {
    String last = "" + random.nextInt(10);
    if (random.nextInt(4) == 0) {
      return new ClusterRule(path -> path.endsWith(last), null, 0);
    }
    String name = FAST[random.nextInt(FAST.length)];
    int most = Math.min(MAX_CLUSTER_BITS, blockBits + 8) - (isWide ? 1 : 0);
    int clusterBits = random.nextInt(blockBits, most + 1);
    return new ClusterRule(path -> path.endsWith(last), Compression.parse(name), 1 << clusterBits);
  }

  /** Any options that change how attributes are stored, and nothing else that can be seen. */
  public static ImageBuilder builder(Random random) {
    ImageBuilder builder = ImageBuilder.defaults().threads(2);
    if (random.nextInt(4) == 0) {
      String[] prefixes = {"user.", "user.x", "user.y", "security.", "trusted.overlay."};
      builder = builder.xattrPrefixes(List.of(prefixes).subList(0, random.nextInt(1, 6)));
    }
    return random.nextInt(4) == 0 ? builder.inodeDigest(ImageBuilder.INODE_DIGEST) : builder;
  }

  /** A tree for {@code encoding}; about one of 16 has a file of several parts. */
  public static MemoryTree tree(Random random, Encoding encoding) {
    MemoryTree tree = new MemoryTree();
    int block = 1 << encoding.blockBits();
    int files = random.nextInt(1, 16);
    List<byte[]> earlier = new ArrayList<>();
    for (int i = 0; i < files; i++) {
      int size = Math.max(0, near(random, block * random.nextInt(8)));
      MemoryTree.Item file = tree.file("f" + i, data(random, size, earlier));
      if (random.nextInt(3) == 0) {
        file.xattr("user.x", "x".repeat(random.nextInt(300)));
      }
      if (random.nextInt(8) == 0) {
        file.owner(random.nextInt(1 << 20), 7).mtime(random.nextInt(), random.nextInt(1000));
      }
    }
    tree.file("cluster", data(random, near(random, encoding.clusterBytes()), earlier));
    for (int i = random.nextInt(4); i > 0; i--) {
      int size = near(random, encoding.clusterBytes() * random.nextInt(1, 6));
      tree.file("clusters" + i, data(random, Math.min(size, PART_BYTES), earlier));
    }
    if (random.nextInt(16) == 0) {
      int size = near(random, PART_BYTES * random.nextInt(1, 3) + block * random.nextInt(3));
      tree.file("parts", data(random, size, earlier));
      if (random.nextBoolean()) {
        tree.file("parts again", data(random, near(random, size), earlier));
      }
    }
    if (random.nextInt(8) == 0) {
      long at = random.nextLong(16L << 20);
      tree.sparse("sparse", near(random, 20 << 20))
          .data(at, data(random, 1 + random.nextInt(100_000)));
    }
    tree.directory("d");
    for (int i = random.nextInt(200); i > 0; i--) {
      tree.file("d/" + "n".repeat(random.nextInt(100)) + i, new byte[0]);
    }
    for (int i = random.nextInt(6); i > 0; i--) {
      int length = Math.clamp(near(random, Math.min(4095, block)), 1, 4095);
      tree.link("link" + i, "t".repeat(length));
    }
    return tree;
  }

  private static int near(Random random, int size) {
    return switch (random.nextInt(4)) {
      case 0 -> size;
      case 1 -> size + random.nextInt(-2, 3);
      case 2 -> size + random.nextInt(-70, 71);
      default -> size - random.nextInt(size / 2 + 1);
    };
  }

  /** As the other, and often with some of what it made before, or of its own start, in it. */
  private static byte[] data(Random random, int size, List<byte[]> earlier) {
    byte[] bytes = data(random, size);
    earlier.add(bytes);
    for (int i = random.nextInt(4); i > 0; i--) {
      byte[] source = earlier.get(random.nextInt(earlier.size()));
      if (source.length > 0 && size > 0) {
        int from = random.nextBoolean() ? 0 : random.nextInt(source.length);
        int to = random.nextBoolean() ? 0 : random.nextInt(size);
        int length = Math.min(source.length - from, size - to);
        System.arraycopy(source, from, bytes, to, random.nextBoolean() ? length : length / 2);
      }
    }
    return bytes;
  }

  /** Stretches that compress well, a little, and not at all. */
  private static byte[] data(Random random, int size) {
    byte[] bytes = new byte[Math.max(size, 0)];
    int kinds = random.nextInt(1, 4);
    for (int at = 0; at < size; ) {
      int length = Math.min(size - at, 1 + random.nextInt(random.nextBoolean() ? 9000 : 1 << 18));
      switch (random.nextInt(kinds)) {
        case 0 -> fillText(random, bytes, at, at + length);
        case 1 ->
            System.arraycopy(TestTrees.noise(random.nextLong(), length), 0, bytes, at, length);
        default -> Arrays.fill(bytes, at, at + length, (byte) random.nextInt(3));
      }
      at += length;
    }
    return bytes;
  }

  private static void fillText(Random random, byte[] bytes, int from, int to) {
    int different = 1 << random.nextInt(1, 20);
    for (int at = from; at < to; ) {
      byte[] line =
          ("line " + random.nextInt(different) + "\n").getBytes(StandardCharsets.US_ASCII);
      int length = Math.min(line.length, to - at);
      System.arraycopy(line, 0, bytes, at, length);
      at += length;
    }
  }

  @Test
  void areReadAsTheyWereBuilt() throws Exception {
    for (int i = 0; i < COMBINATIONS; i++) {
      long seed = SEED * 1_000_003 + i;
      Random random = new Random(seed);
      Encoding encoding = encoding(random, BlockSize.MAX_BITS);
      MemoryTree tree = tree(random, encoding);
      Path image = temp.resolve("image");
      ImageBuilder builder = builder(random);
      String what = "seed %d, %s, %s".formatted(seed, encoding, builder);
      try {
        builder.encoding(encoding).buildFile(tree, image);
        try (FileSource source = FileSource.open(image)) {
          Image found = Image.open(source);
          assertThat(TreeDigest.of(ImageTree.of(found))).as(what).isEqualTo(TreeDigest.of(tree));
          SpacingTest.assertSpaced(found, source.sizeBytes(), encoding);
          List<Finding> findings = new ArrayList<>();
          Checker.check(found, false, findings::add, bytes -> {});
          assertThat(findings).as(what).isEmpty();
        }
      } catch (Exception e) {
        throw new AssertionError(what, e);
      }
      Files.delete(image);
    }
  }
}
