package dev.aquifer.codec;

import java.util.ArrayList;
import java.util.List;

/**
 * How data is to be compressed, in the words of mkfs.erofs:
 *
 * <table>
 * <caption>what there is</caption>
 * <tr><th>name</th><th>levels, without: default</th><th>dictsize, without: default</th></tr>
 * <tr><td>lz4</td><td></td><td></td></tr>
 * <tr><td>lz4hc</td><td>0 to 12, 9</td><td></td></tr>
 * <tr><td>lzma</td><td>0 to 9, 100 to 109, 6</td><td>4096 to 8 MiB, four times a physical cluster
 * but at least 32 KiB</td></tr>
 * <tr><td>deflate</td><td>0 to 9, 1</td><td>32768</td></tr>
 * <tr><td>zstd</td><td>0 to 22, 3</td><td>a power of two from 1024 to 1 MiB, eight times a physical
 * cluster</td></tr>
 * </table>
 *
 * <p>Two differences: mkfs.erofs 1.9.3 takes -1 for the default of zstd, though its help says 3;
 * and DEFLATE always has the window that its decoders have, 32 KiB.
 *
 * @param level that of the compressor; {@link #FAST} for {@code lz4}
 * @param dictionaryBytes how far back matches reach; 0 if that depends on the size of the clusters
 */
public record Compression(Algorithm algorithm, int level, int dictionaryBytes) {
  /** The level of {@code lz4}, which has none. */
  public static final int FAST = -1;

  private static final String LZ4 = "lz4";
  private static final String LZ4HC = "lz4hc";
  private static final int LZ4_DISTANCE_BYTES = 65_535;
  private static final int DEFLATE_WINDOW_BYTES = 1 << 15;

  /** From this level of lzma on, the level less this one, with more effort. */
  static final int EXTREME = 100;

  /** Checks the numbers. */
  public Compression {
    int max = maxLevel(algorithm);
    boolean isLevel =
        algorithm == Algorithm.LZ4 && level == FAST
            || level >= 0 && level <= max
            || algorithm == Algorithm.MICROLZMA && level >= EXTREME && level <= EXTREME + max;
    if (!isLevel) {
      throw new IllegalArgumentException(
          "%s: level %d: expected 0 to %d%s"
              .formatted(
                  algorithm == Algorithm.LZ4 ? LZ4HC : algorithm.onDiskName(),
                  level,
                  max,
                  algorithm == Algorithm.MICROLZMA ? ", or 100 to 109" : ""));
    }
    if (!isDictionary(algorithm, dictionaryBytes)) {
      throw new IllegalArgumentException(
          "%s: dictsize %d: expected %s"
              .formatted(algorithm.onDiskName(), dictionaryBytes, dictionaries(algorithm)));
    }
  }

  /**
   * What a {@code -z} of mkfs.erofs says: {@code lz4}, {@code lz4hc,level=12}, {@code
   * zstd,level=19,dictsize=131072}, {@code lzma,9}.
   *
   * @throws IllegalArgumentException if there is nothing of that name, or not with these options
   */
  public static Compression parse(String text) {
    String[] parts = text.split(",", -1);
    Algorithm algorithm = algorithm(parts[0]);
    int level = defaultLevel(parts[0]);
    int dictionaryBytes = 0;
    for (int i = 1; i < parts.length; i++) {
      String part = parts[i];
      if (part.startsWith("level=") && !parts[0].equals(LZ4)) {
        level = number(text, part.substring("level=".length()));
      } else if (i == 1 && isNumber(part) && !parts[0].equals(LZ4)) {
        level = number(text, part);
      } else if (part.startsWith("dictsize=") && algorithm != Algorithm.LZ4) {
        dictionaryBytes = number(text, part.substring("dictsize=".length()));
      } else {
        throw new IllegalArgumentException(
            "compression %s: option \"%s\": expected %s"
                .formatted(text, part, String.join(" or ", options(parts[0]))));
      }
      if (level < 0 && !parts[0].equals(LZ4)) {
        throw new IllegalArgumentException(
            "compression %s: a level below 0: expected 0 or more".formatted(text));
      }
    }
    return new Compression(algorithm, level, dictionaryBytes);
  }

  private static Algorithm algorithm(String name) {
    if (name.equals(LZ4HC)) {
      return Algorithm.LZ4;
    }
    for (Algorithm algorithm : Algorithm.values()) {
      if (algorithm.onDiskName().equals(name)) {
        return algorithm;
      }
    }
    throw new IllegalArgumentException(
        "compression %s: expected lz4, lz4hc, lzma, deflate or zstd".formatted(name));
  }

  private static int defaultLevel(String name) {
    return switch (name) {
      case LZ4HC -> 9;
      case "lzma" -> 6;
      case "deflate" -> 1;
      case "zstd" -> 3;
      default -> FAST;
    };
  }

  private static int maxLevel(Algorithm algorithm) {
    return switch (algorithm) {
      case LZ4 -> 12;
      case MICROLZMA, DEFLATE -> 9;
      case ZSTD -> 22;
    };
  }

  private static boolean isDictionary(Algorithm algorithm, int bytes) {
    return bytes == 0
        || switch (algorithm) {
          case LZ4 -> false;
          case MICROLZMA -> bytes >= 4096 && bytes <= 8 << 20;
          case DEFLATE -> bytes == DEFLATE_WINDOW_BYTES;
          case ZSTD -> bytes >= 1024 && bytes <= 1 << 20 && Integer.bitCount(bytes) == 1;
        };
  }

  private static String dictionaries(Algorithm algorithm) {
    return switch (algorithm) {
      case LZ4 -> "none";
      case MICROLZMA -> "4096 to 8388608";
      case DEFLATE -> "32768";
      case ZSTD -> "a power of two from 1024 to 1048576";
    };
  }

  private static List<String> options(String name) {
    List<String> options = new ArrayList<>();
    if (name.equals(LZ4)) {
      options.add("none");
    } else {
      options.add("level=<number>");
    }
    if (!name.startsWith(LZ4)) {
      options.add("dictsize=<bytes>");
    }
    return options;
  }

  private static boolean isNumber(String text) {
    return !text.isEmpty() && text.chars().allMatch(c -> c >= '0' && c <= '9');
  }

  private static int number(String text, String digits) {
    if (isNumber(digits) && digits.length() < 10) {
      return Integer.parseInt(digits);
    }
    throw new IllegalArgumentException(
        "compression %s: \"%s\": expected a number".formatted(text, digits));
  }

  /**
   * How far back matches reach if the largest cluster has {@code clusterBytes}: what the superblock
   * says of the algorithm.
   */
  public int dictionaryBytes(int clusterBytes) {
    if (algorithm == Algorithm.LZ4) {
      return LZ4_DISTANCE_BYTES;
    }
    if (dictionaryBytes != 0) {
      return dictionaryBytes;
    }
    return switch (algorithm) {
      case LZ4 -> LZ4_DISTANCE_BYTES;
      case MICROLZMA -> Math.clamp(4L * clusterBytes, 1 << 15, 8 << 20);
      case DEFLATE -> DEFLATE_WINDOW_BYTES;
      case ZSTD -> Integer.highestOneBit(Math.clamp(8L * clusterBytes, 1 << 10, 1 << 20));
    };
  }

  /**
   * Compresses so, to clusters of {@code clusterBytes} or fewer.
   *
   * @param clusterBytes the size of the largest cluster there will be
   */
  public Compressor open(int clusterBytes) {
    if (clusterBytes < 1 || clusterBytes > Compressor.MAX_STREAM_BYTES) {
      throw new IllegalArgumentException(
          "cluster: %d bytes: expected 1 to %d"
              .formatted(clusterBytes, Compressor.MAX_STREAM_BYTES));
    }
    return switch (algorithm) {
      case LZ4 -> level == FAST ? new Lz4FastCompressor() : new Lz4HighCompressor(level);
      case ZSTD -> new ZstdCompressor(level, dictionaryBytes(clusterBytes));
      case MICROLZMA -> new MicroLzmaCompressor(level, dictionaryBytes(clusterBytes));
      case DEFLATE -> new DeflateCompressor(level);
    };
  }

  /** Compresses so, to clusters of any size that EROFS has. */
  public Compressor open() {
    return open(Compressor.MAX_STREAM_BYTES);
  }

  /** In the words of mkfs.erofs, what is said by default left out. */
  @Override
  public String toString() {
    String name = algorithm == Algorithm.LZ4 && level != FAST ? LZ4HC : algorithm.onDiskName();
    return name
        + (level == defaultLevel(name) ? "" : ",level=" + level)
        + (dictionaryBytes == 0 ? "" : ",dictsize=" + dictionaryBytes);
  }
}
