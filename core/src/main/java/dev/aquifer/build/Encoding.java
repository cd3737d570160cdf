package dev.aquifer.build;

import dev.aquifer.codec.Algorithm;
import dev.aquifer.codec.Compression;
import dev.aquifer.codec.Compressor;
import dev.aquifer.image.Feature;
import dev.aquifer.io.LittleEndian;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * How the data of regular files is encoded in an image of one file, and what the superblock has to
 * say of it. Start from {@link #plain} or {@link #compressed}.
 *
 * @param compression how files are compressed; null for not at all
 * @param blockBits blocks have 2^blockBits bytes: 9 to 16
 * @param clusterBytes the largest physical cluster: whole blocks, up to 1 MiB, with LZ4 up to 256
 * @param inlineTails whether the last cluster of a file may lie behind its inode, unless it is a
 *     fragment
 * @param fragments what goes to the packed inode
 * @param dedupe whether equal files have their data once
 * @param rules what is different for some files: of those that fit a file, the first one counts
 * @param chunkBits files lie in chunks of 2^chunkBits bytes, equal ones once, or larger ones that
 *     follow one another: at least a block, up to 26; 0 for no chunks, as with compression
 */
public record Encoding(
    @Nullable Compression compression,
    int blockBits,
    int clusterBytes,
    boolean inlineTails,
    Fragments fragments,
    boolean dedupe,
    List<ClusterRule> rules,
    int chunkBits) {
  /** The kernel's limit: whatever the size of blocks, as many as 1 MiB has pages of 4 KiB. */
  private static final int MAX_LZ4_BLOCKS = 256;

  /** As much is read at once. */
  private static final int MAX_CHUNK_BITS = 26;

  /** Data as it is, in blocks of 4 KiB. */
  static final Encoding PLAIN = plain();

  /** What is compressed together with other files, as data of the packed inode. */
  public enum Fragments {
    /** Nothing. */
    NONE,
    /** The ends of files, and whole files, that would not fill a physical cluster. */
    TAILS,
    /** All of every file. */
    ALL
  }

  /** Checks that all goes together. */
  public Encoding {
    rules = List.copyOf(rules);
    BlockSize block = new BlockSize(blockBits);
    checkClusters(compression, clusterBytes, block);
    checkChunks(chunkBits, compression != null, block);
    for (ClusterRule rule : rules) {
      if (rule.compression() != null) {
        checkClusters(rule.compression(), rule.clusterBytes(), block);
      }
    }
    if (compression == null
        && (clusterBytes > block.bytes()
            || inlineTails
            || fragments != Fragments.NONE
            || dedupe
            || !rules.isEmpty())) {
      throw new IllegalArgumentException(
          "larger clusters, inline tails, fragments, dedupe and hints are of compressed data: expected a compression");
    }
  }

  private static void checkChunks(int bits, boolean isCompressed, BlockSize block) {
    if (bits != 0 && (isCompressed || bits < block.bits() || bits > MAX_CHUNK_BITS)) {
      throw new IllegalArgumentException(
          isCompressed
              ? "chunks are of data as it is: expected no compression"
              : "chunks of %d bytes: expected %d to %d"
                  .formatted(1L << bits, block.bytes(), 1 << MAX_CHUNK_BITS));
    }
  }

  private static void checkClusters(
      @Nullable Compression compression, int clusterBytes, BlockSize block) {
    if (clusterBytes < block.bytes()
        || clusterBytes > Compressor.MAX_STREAM_BYTES
        || block.tail(clusterBytes) != 0) {
      throw new IllegalArgumentException(
          "physical clusters of %d bytes: expected whole blocks of %d bytes, at most %d bytes"
              .formatted(clusterBytes, block.bytes(), Compressor.MAX_STREAM_BYTES));
    }
    if (compression != null
        && compression.algorithm() == Algorithm.LZ4
        && clusterBytes >>> block.bits() > MAX_LZ4_BLOCKS) {
      throw new IllegalArgumentException(
          "physical clusters of %d bytes with lz4: expected at most %d blocks of %d bytes, since the kernel mounts no others"
              .formatted(clusterBytes, MAX_LZ4_BLOCKS, block.bytes()));
    }
  }

  /** Data as it is. */
  public static Encoding plain() {
    return new Encoding(
        null,
        BlockSize.USUAL.bits(),
        BlockSize.USUAL.bytes(),
        false,
        Fragments.NONE,
        false,
        List.of(),
        0);
  }

  /** Compressed data, in clusters of one block of 4 KiB. */
  public static Encoding compressed(Compression compression) {
    return new Encoding(
        compression,
        BlockSize.USUAL.bits(),
        BlockSize.USUAL.bytes(),
        false,
        Fragments.NONE,
        false,
        List.of(),
        0);
  }

  /** The same with another size of blocks; clusters of one block stay so. */
  public Encoding withBlockBits(int value) {
    int bytes = new BlockSize(value).bytes();
    return new Encoding(
        compression,
        value,
        clusterBytes > 1 << blockBits ? clusterBytes : bytes,
        inlineTails,
        fragments,
        dedupe,
        rules,
        chunkBits);
  }

  /** The same with another {@link #clusterBytes}. */
  public Encoding withClusterBytes(int value) {
    return new Encoding(
        compression, blockBits, value, inlineTails, fragments, dedupe, rules, chunkBits);
  }

  /** The same with or without {@link #inlineTails}. */
  public Encoding withInlineTails(boolean value) {
    return new Encoding(
        compression, blockBits, clusterBytes, value, fragments, dedupe, rules, chunkBits);
  }

  /** The same with or without {@link #dedupe}. */
  public Encoding withDedupe(boolean value) {
    return new Encoding(
        compression, blockBits, clusterBytes, inlineTails, fragments, value, rules, chunkBits);
  }

  /** The same with other {@link #fragments}; with any, equal files have their data once, too. */
  public Encoding withFragments(Fragments value) {
    return new Encoding(
        compression,
        blockBits,
        clusterBytes,
        inlineTails,
        value,
        dedupe || value != Fragments.NONE,
        rules,
        chunkBits);
  }

  /** The same with other {@link #chunkBits}. */
  public Encoding withChunkBits(int value) {
    return new Encoding(
        compression, blockBits, clusterBytes, inlineTails, fragments, dedupe, rules, value);
  }

  /** The same with one more of {@link #rules}, after all others. */
  public Encoding withRule(ClusterRule value) {
    List<ClusterRule> more = new ArrayList<>(rules);
    more.add(value);
    return new Encoding(
        compression, blockBits, clusterBytes, inlineTails, fragments, dedupe, more, chunkBits);
  }

  /** The same for all files. */
  Encoding withoutRules() {
    return new Encoding(
        compression, blockBits, clusterBytes, inlineTails, fragments, dedupe, List.of(), chunkBits);
  }

  /** What there is to choose from: for each of {@link #rules}, and at last for all other files. */
  List<Encoding> choices() {
    List<Encoding> choices = new ArrayList<>();
    for (ClusterRule rule : rules) {
      choices.add(
          rule.compression() == null
              ? plain().withBlockBits(blockBits)
              : new Encoding(
                  rule.compression(),
                  blockBits,
                  rule.clusterBytes(),
                  inlineTails,
                  fragments,
                  dedupe,
                  List.of(),
                  0));
    }
    choices.add(withoutRules());
    return choices;
  }

  /** Which of {@link #choices} is that of {@code file}. */
  int choice(SourceEntry file) {
    if (rules.isEmpty()) {
      return 0;
    }
    String path = new String(file.path(), StandardCharsets.ISO_8859_1);
    int choice = 0;
    while (choice < rules.size() && !rules.get(choice).paths().test(path)) {
      choice++;
    }
    return choice;
  }

  BlockSize block() {
    return new BlockSize(blockBits);
  }

  /** The largest physical cluster of any file. */
  int maxClusterBytes() {
    int max = clusterBytes;
    for (ClusterRule rule : rules) {
      max = Math.max(max, rule.clusterBytes());
    }
    return max;
  }

  boolean isBig() {
    return maxClusterBytes() > 1 << blockBits;
  }

  /** The algorithms of all files by their numbers. */
  private SortedSet<Algorithm> algorithmsInUse() {
    SortedSet<Algorithm> found = new TreeSet<>(Comparator.comparingInt(Algorithm::number));
    for (Encoding choice : choices()) {
      if (choice.compression != null) {
        found.add(choice.compression.algorithm());
      }
    }
    return found;
  }

  private boolean hasConfigs() {
    return compression != null && (isBig() || !algorithmsInUse().equals(Set.of(Algorithm.LZ4)));
  }

  /** The bits of the superblock's incompatible features. */
  long incompatibleFeatures() {
    if (compression == null) {
      return 0;
    }
    return Feature.LZ4_0PADDING.bit()
        | (hasConfigs() ? Feature.COMPR_CFGS.bit() : 0)
        | (inlineTails ? Feature.ZTAILPACKING.bit() : 0)
        | (fragments != Fragments.NONE || dedupe ? Feature.FRAGMENTS.bit() : 0);
  }

  /** The superblock's field at byte 84: a bit for each algorithm, or the distance of LZ4. */
  int algorithms() {
    if (compression == null) {
      return 0;
    }
    if (!hasConfigs()) {
      return compression.dictionaryBytes(clusterBytes);
    }
    int bits = 0;
    for (Algorithm algorithm : algorithmsInUse()) {
      bits |= 1 << algorithm.number();
    }
    return bits;
  }

  /**
   * The compression configurations: for each algorithm the length of its own, u16, and that; from
   * byte {@link Frame#configsAt} on, aligned to 4 bytes.
   *
   * <table>
   * <caption>configurations, little endian; the rest is 0</caption>
   * <tr><th>algorithm</th><th>length</th><th>fields</th></tr>
   * <tr><td>LZ4</td><td>14</td><td>distance of matches u16, blocks of the largest cluster u16</td></tr>
   * <tr><td>MicroLZMA</td><td>14</td><td>size of the dictionary u32, format u16</td></tr>
   * <tr><td>DEFLATE</td><td>6</td><td>window as a power of two u8</td></tr>
   * <tr><td>Zstandard</td><td>6</td><td>format u8, window as a power of two less 10 u8</td></tr>
   * </table>
   */
  byte[] configs() {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    if (hasConfigs()) {
      for (Algorithm algorithm : algorithmsInUse()) {
        all.writeBytes(config(algorithm));
      }
    }
    return all.toByteArray();
  }

  /** What streams of {@code algorithm} may need, at most. */
  private byte[] config(Algorithm algorithm) {
    int dictionary = 0;
    int clusters = 0;
    for (Encoding choice : choices()) {
      if (choice.compression != null && choice.compression.algorithm() == algorithm) {
        dictionary = Math.max(dictionary, choice.compression.dictionaryBytes(maxClusterBytes()));
        clusters = Math.max(clusters, choice.clusterBytes);
      }
    }
    int windowBits = Integer.numberOfTrailingZeros(Integer.highestOneBit(dictionary));
    return switch (algorithm) {
      case LZ4 -> {
        byte[] bytes = config(14);
        LittleEndian.put16(MemorySegment.ofArray(bytes), 2, dictionary);
        LittleEndian.put16(MemorySegment.ofArray(bytes), 4, clusters >>> blockBits);
        yield bytes;
      }
      case MICROLZMA -> {
        byte[] bytes = config(14);
        LittleEndian.put32(MemorySegment.ofArray(bytes), 2, dictionary);
        yield bytes;
      }
      case DEFLATE -> {
        byte[] bytes = config(6);
        bytes[2] = (byte) windowBits;
        yield bytes;
      }
      case ZSTD -> {
        byte[] bytes = config(6);
        bytes[3] = (byte) (windowBits - 10);
        yield bytes;
      }
    };
  }

  private static byte[] config(int lengthBytes) {
    byte[] bytes = new byte[2 + lengthBytes];
    LittleEndian.put16(MemorySegment.ofArray(bytes), 0, lengthBytes);
    return bytes;
  }
}
