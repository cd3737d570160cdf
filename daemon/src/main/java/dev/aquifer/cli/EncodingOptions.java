package dev.aquifer.cli;

import dev.aquifer.build.Encoding;
import dev.aquifer.codec.Compression;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of {@code aquifer build} for an image in one file, in the words of mkfs.erofs. */
final class EncodingOptions {
  private static final int TAR_BLOCK_BYTES = 512;

  @Option(
      names = "--single",
      description =
          "Make one file with all data, as mkfs.erofs does, and not an image layout. Any of the next four options means it, too.")
  boolean single;

  @Option(
      names = "-z",
      paramLabel = "ALGORITHM",
      description =
          "Compress files: lz4, lz4hc, lzma, deflate or zstd, and options such as zstd,level=19,dictsize=65536.")
  @Nullable String compression;

  @Option(
      names = "-C",
      paramLabel = "BYTES",
      description =
          "The largest physical cluster, up to 1048576. Larger ones compress better; a read of any byte decodes a whole one. Default: one block.")
  @Nullable Integer clusterBytes;

  @Option(
      names = "-b",
      paramLabel = "BYTES",
      description = "The size of blocks: a power of two from 512 to 65536. Default: 4096.")
  @Nullable Integer blockBytes;

  @Option(
      names = "-E",
      paramLabel = "NAME[,NAME...]",
      description =
          "ztailpacking: keep compressed ends of files behind their inodes; fragments: compress ends of files together; all-fragments: all of every file; dedupe: keep equal parts of files once, as with fragments.")
  List<String> extended = new ArrayList<>();

  /** Whether an image of one file is wanted. */
  boolean isSingle() {
    return single
        || compression != null
        || clusterBytes != null
        || blockBytes != null
        || !extended.isEmpty();
  }

  /** Whether data is wanted in another form than an archive has it. */
  boolean isEncoded() {
    return compression != null
        || clusterBytes != null
        || (blockBytes != null && blockBytes != TAR_BLOCK_BYTES)
        || !extended.isEmpty();
  }

  /**
   * What the options say.
   *
   * @throws IllegalArgumentException if they do not go together, or one is wrong
   */
  Encoding encoding() {
    Encoding encoding = Encoding.plain();
    if (compression != null) {
      encoding = Encoding.compressed(Compression.parse(compression));
    }
    if (blockBytes != null) {
      encoding = encoding.withBlockBits(blockBits(blockBytes));
    }
    if (clusterBytes != null) {
      encoding = encoding.withClusterBytes(clusterBytes);
    }
    for (String names : extended) {
      for (String name : names.split(",", -1)) {
        encoding = with(encoding, name);
      }
    }
    return encoding;
  }

  private static int blockBits(int bytes) {
    if (Integer.bitCount(bytes) != 1) {
      throw new IllegalArgumentException(
          "block size %d: expected a power of two from 512 to 65536".formatted(bytes));
    }
    return Integer.numberOfTrailingZeros(bytes);
  }

  private static Encoding with(Encoding encoding, String name) {
    return switch (name) {
      case "ztailpacking" -> encoding.withInlineTails(true);
      case "fragments" -> encoding.withFragments(Encoding.Fragments.TAILS);
      case "dedupe" -> encoding.withDedupe(true);
      case "all-fragments" -> encoding.withFragments(Encoding.Fragments.ALL);
      default ->
          throw new IllegalArgumentException(
              "-E %s: expected ztailpacking, fragments, all-fragments or dedupe".formatted(name));
    };
  }
}
