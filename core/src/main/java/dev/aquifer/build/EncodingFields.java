package dev.aquifer.build;

import dev.aquifer.codec.Algorithm;
import dev.aquifer.codec.Compression;
import dev.aquifer.image.Feature;
import dev.aquifer.io.LittleEndian;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.util.Comparator;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/** What the head of an image says of its {@link Encoding}. Immutable. */
final class EncodingFields {
  private final Encoding encoding;

  /** The algorithms of all files, and of the metabox. */
  private final SortedSet<Algorithm> used =
      new TreeSet<>(Comparator.comparingInt(Algorithm::number));

  private final boolean hasConfigs;

  EncodingFields(Encoding encoding) {
    this.encoding = encoding;
    for (Encoding choice : encoding.all()) {
      if (choice.compression() != null) {
        used.add(choice.algorithm());
      }
    }
    this.hasConfigs =
        !used.isEmpty()
            && (encoding.isBig() || encoding.wide() || !used.equals(Set.of(Algorithm.LZ4)));
  }

  /** The bits of the superblock's incompatible features. */
  long incompatibleFeatures() {
    long forms =
        (encoding.wide() ? Feature.WIDE_ADDRESSES.bit() : 0)
            | (encoding.metabox() != null ? Feature.METABOX.bit() : 0);
    if (used.isEmpty()) {
      return forms;
    }
    return forms
        | Feature.LZ4_0PADDING.bit()
        | (hasConfigs ? Feature.COMPR_CFGS.bit() : 0)
        | (encoding.mayInlineTails() ? Feature.ZTAILPACKING.bit() : 0)
        | (encoding.hasPacked() || encoding.dedupe() ? Feature.FRAGMENTS.bit() : 0);
  }

  /** The superblock's field at byte 84: a bit for each algorithm, or the distance of LZ4. */
  int algorithms() {
    if (!hasConfigs) {
      Compression compression = encoding.compression();
      return compression == null ? 0 : compression.dictionaryBytes(encoding.clusterBytes());
    }
    int bits = 0;
    for (Algorithm algorithm : used) {
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
    if (hasConfigs) {
      for (Algorithm algorithm : used) {
        all.writeBytes(config(algorithm));
      }
    }
    return all.toByteArray();
  }

  /** What streams of {@code algorithm} may need, at most. */
  private byte[] config(Algorithm algorithm) {
    int dictionary = 0;
    int clusters = 0;
    for (Encoding choice : encoding.all()) {
      Compression compression = choice.compression();
      if (compression != null && compression.algorithm() == algorithm) {
        int most = Math.max(encoding.maxClusterBytes(), choice.clusterBytes());
        dictionary = Math.max(dictionary, compression.dictionaryBytes(most));
        clusters = Math.max(clusters, choice.clusterBytes());
      }
    }
    int windowBits = Integer.numberOfTrailingZeros(Integer.highestOneBit(dictionary));
    return switch (algorithm) {
      case LZ4 -> {
        byte[] bytes = config(14);
        LittleEndian.put16(MemorySegment.ofArray(bytes), 2, dictionary);
        LittleEndian.put16(
            MemorySegment.ofArray(bytes),
            4,
            (clusters >>> encoding.blockBits()) + (encoding.wide() ? 1 : 0));
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
