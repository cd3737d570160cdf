package dev.aquifer.build;

import dev.aquifer.codec.Algorithm;
import dev.aquifer.codec.Compression;
import dev.aquifer.codec.Compressor;
import dev.aquifer.image.Feature;
import dev.aquifer.io.LittleEndian;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
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
 * @param dedupe whether equal files have their data once, and equal parts of files
 */
public record Encoding(
    @Nullable Compression compression,
    int blockBits,
    int clusterBytes,
    boolean inlineTails,
    Fragments fragments,
    boolean dedupe) {
  /** The kernel's limit: whatever the size of blocks, as many as 1 MiB has pages of 4 KiB. */
  private static final int MAX_LZ4_BLOCKS = 256;

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
    BlockSize block = new BlockSize(blockBits);
    if (clusterBytes < block.bytes()
        || clusterBytes > Compressor.MAX_STREAM_BYTES
        || block.tail(clusterBytes) != 0) {
      throw new IllegalArgumentException(
          "physical clusters of %d bytes: expected whole blocks of %d bytes, at most %d bytes"
              .formatted(clusterBytes, block.bytes(), Compressor.MAX_STREAM_BYTES));
    }
    if (compression != null
        && compression.algorithm() == Algorithm.LZ4
        && clusterBytes >>> blockBits > MAX_LZ4_BLOCKS) {
      throw new IllegalArgumentException(
          "physical clusters of %d bytes with lz4: expected at most %d blocks of %d bytes, since the kernel mounts no others"
              .formatted(clusterBytes, MAX_LZ4_BLOCKS, block.bytes()));
    }
    if (compression == null
        && (clusterBytes > block.bytes() || inlineTails || fragments != Fragments.NONE || dedupe)) {
      throw new IllegalArgumentException(
          "larger clusters, inline tails, fragments and dedupe are of compressed data: expected a compression");
    }
  }

  /** Data as it is. */
  public static Encoding plain() {
    return new Encoding(
        null, BlockSize.USUAL.bits(), BlockSize.USUAL.bytes(), false, Fragments.NONE, false);
  }

  /** Compressed data, in clusters of one block of 4 KiB. */
  public static Encoding compressed(Compression compression) {
    return new Encoding(
        compression, BlockSize.USUAL.bits(), BlockSize.USUAL.bytes(), false, Fragments.NONE, false);
  }

  /** The same with another size of blocks; clusters of one block stay so. */
  public Encoding withBlockBits(int value) {
    int bytes = new BlockSize(value).bytes();
    return new Encoding(
        compression, value, isBig() ? clusterBytes : bytes, inlineTails, fragments, dedupe);
  }

  /** The same with another {@link #clusterBytes}. */
  public Encoding withClusterBytes(int value) {
    return new Encoding(compression, blockBits, value, inlineTails, fragments, dedupe);
  }

  /** The same with or without {@link #inlineTails}. */
  public Encoding withInlineTails(boolean value) {
    return new Encoding(compression, blockBits, clusterBytes, value, fragments, dedupe);
  }

  /** The same with or without {@link #dedupe}. */
  public Encoding withDedupe(boolean value) {
    return new Encoding(compression, blockBits, clusterBytes, inlineTails, fragments, value);
  }

  /**
   * The same with other {@link #fragments}; with any, equal files and parts have their data once,
   * too.
   */
  public Encoding withFragments(Fragments value) {
    return new Encoding(
        compression,
        blockBits,
        clusterBytes,
        inlineTails,
        value,
        dedupe || value != Fragments.NONE);
  }

  BlockSize block() {
    return new BlockSize(blockBits);
  }

  boolean isBig() {
    return clusterBytes > 1 << blockBits;
  }

  /** The algorithm; only for what is compressed. */
  Algorithm algorithm() {
    return Objects.requireNonNull(compression).algorithm();
  }

  private boolean hasConfigs() {
    return compression != null && (isBig() || compression.algorithm() != Algorithm.LZ4);
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
    return hasConfigs()
        ? 1 << compression.algorithm().number()
        : compression.dictionaryBytes(clusterBytes);
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
    if (compression == null || !hasConfigs()) {
      return new byte[0];
    }
    int dictionary = compression.dictionaryBytes(clusterBytes);
    int windowBits = Integer.numberOfTrailingZeros(Integer.highestOneBit(dictionary));
    return switch (compression.algorithm()) {
      case LZ4 -> {
        byte[] bytes = config(14);
        LittleEndian.put16(MemorySegment.ofArray(bytes), 2, dictionary);
        LittleEndian.put16(MemorySegment.ofArray(bytes), 4, clusterBytes >>> blockBits);
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
