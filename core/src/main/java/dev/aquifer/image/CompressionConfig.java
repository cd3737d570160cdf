package dev.aquifer.image;

import dev.aquifer.codec.Algorithm;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * What the streams of one algorithm may need. With COMPR_CFGS there is one record for each
 * algorithm in use, by number, behind the superblock: aligned to 4 bytes, a length of 2 bytes (0
 * for 65536), and so many bytes of payload, little endian:
 *
 * <table>
 * <caption>payloads</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><th colspan="4">LZ4, 14 bytes</th></tr>
 * <tr><td>0</td><td>2</td><td>max_distance</td><td>0 for 65535</td></tr>
 * <tr><td>2</td><td>2</td><td>max_pclusterblks</td><td>blocks that a cluster is stored in, 0 for
 * 1; at most 1 MiB</td></tr>
 * <tr><th colspan="4">MicroLZMA, 14 bytes</th></tr>
 * <tr><td>0</td><td>4</td><td>dict_size</td><td>4 KiB to 8 MiB</td></tr>
 * <tr><td>4</td><td>2</td><td>format</td><td>0</td></tr>
 * <tr><th colspan="4">DEFLATE, 6 bytes</th></tr>
 * <tr><td>0</td><td>1</td><td>windowbits</td><td>at most 15</td></tr>
 * <tr><th colspan="4">Zstandard, 6 bytes</th></tr>
 * <tr><td>0</td><td>1</td><td>format</td><td>0</td></tr>
 * <tr><td>1</td><td>1</td><td>windowlog</td><td>less 10; a window has at most 1 MiB</td></tr>
 * </table>
 *
 * @param algorithm which algorithm
 * @param windowBytes how far back a stream refers at most
 * @param maxClusterBlocks of LZ4: how many blocks a cluster is stored in at most; else 0
 */
public record CompressionConfig(Algorithm algorithm, long windowBytes, int maxClusterBlocks) {
  private static final int DEFAULT_DISTANCE = 65535;
  private static final int MAX_STORED_BYTES = 1 << 20;
  private static final int MIN_DICTIONARY_BYTES = 4096;
  private static final int MAX_DICTIONARY_BYTES = 8 << 20;
  private static final int MAX_DEFLATE_BITS = 15;
  private static final int MIN_ZSTD_BITS = 10;
  private static final int MAX_ZSTD_BITS = 20;

  /** LZ4 of an image without records; {@code distance} is what the superblock says. */
  static CompressionConfig lz4(int distance) {
    return new CompressionConfig(Algorithm.LZ4, distance == 0 ? DEFAULT_DISTANCE : distance, 1);
  }

  /**
   * Reads and checks the records of an image.
   *
   * @param position where the superblock ends
   * @param bits the algorithms in use: bit n is that of number n
   */
  static List<CompressionConfig> read(ByteSource primary, long position, int bits, int blockBits)
      throws IOException {
    List<CompressionConfig> configs = new ArrayList<>();
    long at = position;
    for (Algorithm algorithm : Algorithm.values()) {
      if ((bits & 1 << algorithm.number()) == 0) {
        continue;
      }
      at = at + 3 & -4;
      String place =
          "%s: compression configuration of %s at byte 0x%x"
              .formatted(primary.name(), algorithm.onDiskName(), at);
      int length = LittleEndian.u16(bytes(primary, at, Short.BYTES, place), 0);
      length = length == 0 ? 1 << 16 : length;
      int needed = size(algorithm);
      if (length < needed) {
        throw new CorruptDataException(
            "%s: has %d bytes: expected %d".formatted(place, length, needed));
      }
      configs.add(of(algorithm, bytes(primary, at + Short.BYTES, length, place), blockBits, place));
      at += Short.BYTES + length;
    }
    return List.copyOf(configs);
  }

  private static int size(Algorithm algorithm) {
    return switch (algorithm) {
      case LZ4, MICROLZMA -> 14;
      case DEFLATE, ZSTD -> 6;
    };
  }

  private static MemorySegment bytes(ByteSource primary, long at, int length, String place)
      throws IOException {
    if (at + length > primary.sizeBytes()) {
      throw new CorruptDataException(
          "%s: needs %d bytes, but the image ends at byte 0x%x"
              .formatted(place, length, primary.sizeBytes()));
    }
    return MemorySegment.ofArray(primary.readBytes(at, length));
  }

  private static CompressionConfig of(
      Algorithm algorithm, MemorySegment payload, int blockBits, String place) throws IOException {
    return switch (algorithm) {
      case LZ4 -> {
        int blocks = LittleEndian.u16(payload, 2);
        check(place, "clusters of blocks", blocks, 0, MAX_STORED_BYTES >>> blockBits);
        CompressionConfig one = lz4(LittleEndian.u16(payload, 0));
        yield new CompressionConfig(algorithm, one.windowBytes, Math.max(1, blocks));
      }
      case MICROLZMA -> {
        checkFormat(place, LittleEndian.u16(payload, 4));
        long size = LittleEndian.u32(payload, 0);
        check(place, "dictionary", size, MIN_DICTIONARY_BYTES, MAX_DICTIONARY_BYTES);
        yield new CompressionConfig(algorithm, size, 0);
      }
      case DEFLATE -> {
        int bits = LittleEndian.u8(payload, 0);
        check(place, "window bits", bits, 0, MAX_DEFLATE_BITS);
        yield new CompressionConfig(algorithm, 1L << bits, 0);
      }
      case ZSTD -> {
        checkFormat(place, LittleEndian.u8(payload, 0));
        int bits = MIN_ZSTD_BITS + LittleEndian.u8(payload, 1);
        check(place, "window bits", bits, MIN_ZSTD_BITS, MAX_ZSTD_BITS);
        yield new CompressionConfig(algorithm, 1L << bits, 0);
      }
    };
  }

  private static void checkFormat(String place, int format) throws UnsupportedFeatureException {
    if (format != 0) {
      throw new UnsupportedFeatureException(
          "%s: format %d is unknown: a newer version may read it".formatted(place, format));
    }
  }

  private static void check(String place, String what, long value, long min, long max)
      throws CorruptDataException {
    if (value < min || value > max) {
      throw new CorruptDataException(
          "%s: %s %d: expected %d to %d".formatted(place, what, value, min, max));
    }
  }
}
