package dev.aquifer.cli;

import dev.aquifer.build.Encoding;
import dev.aquifer.build.Metabox;
import dev.aquifer.codec.Compression;
import dev.aquifer.input.CompressHints;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of {@code aquifer build} for an image in one file, in the words of mkfs.erofs. */
final class EncodingOptions {
  private static final int TAR_BLOCK_BYTES = 512;
  private static final int MAX_BLOCK_BYTES = 65_536;

  private static final List<String> NAMES =
      List.of(
          "ztailpacking",
          "fragments",
          "all-fragments",
          "dedupe",
          "48bit",
          "dot-omitted",
          "legacy-compress",
          "inline_data",
          "noinline_data",
          "force-inode-compact",
          "force-inode-extended");

  @Option(
      names = "--single",
      description =
          "Make one file with all data, as mkfs.erofs does, and not an image layout. Each option from -z to --root-xattr-isize means it, too.")
  boolean single;

  @Option(
      names = "-z",
      paramLabel = "ALGORITHM",
      description =
          "Compress files: lz4, lz4hc, lzma, deflate or zstd, and options such as zstd,level=19,dictsize=65536. Others for --compress-hints may follow, after colons.")
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
          "ztailpacking: keep compressed ends of files behind their inodes; fragments: compress ends of files together; all-fragments: all of every file; dedupe: keep equal parts of files once, as with fragments; 48bit: address 2^48 blocks, and store clusters byte by byte (Linux 6.15); dot-omitted: 48bit, and no entries for \".\"; legacy-compress: indexes with 8 bytes for each block; noinline_data: no ends of files behind their inodes; force-inode-compact, force-inode-extended: inodes of 32 bytes, with one time for all, or of 64. ^NAME takes one back.")
  List<String> extended = new ArrayList<>();

  @Option(
      names = "--max-extent-bytes",
      paramLabel = "BYTES",
      description =
          "The most data that one cluster may have, at least a block. Default: as much as fits; with 48bit and other algorithms than LZ4 as large as a cluster.")
  @Nullable Integer maxExtentBytes;

  @Option(
      names = "--zD",
      paramLabel = "0|1",
      arity = "0..1",
      fallbackValue = "1",
      preprocessor = AttachedOnly.class,
      description = "Compress directories, too, together with fragments; --zD=0: do not.")
  @Nullable String compressedDirectories;

  @Option(
      names = "-m",
      paramLabel = "BYTES[:ALGORITHM]",
      description =
          "Compress inodes and what lies behind them, in clusters of up to so many bytes, as files, or by another algorithm, or by that of -z with a number, from 0 on. With 48bit. Linux 6.17.")
  @Nullable String metabox;

  @Option(
      names = "--MZ",
      paramLabel = "0|i|id",
      arity = "0..1",
      fallbackValue = "id",
      preprocessor = AttachedOnly.class,
      description =
          "Keep inodes (i) and directories (d) apart from data. Taken for mkfs.erofs: here they always are, whatever this says.")
  @Nullable String metadataZone;

  @Option(
      names = "--compress-hints",
      paramLabel = "FILE",
      description =
          "How to compress some files: lines of a cluster's bytes (0: not at all), the number of one of -z, from 0 on, and a regular expression for their paths.")
  @Nullable Path hints;

  @Option(
      names = "--chunksize",
      paramLabel = "BYTES",
      description =
          "Keep data in chunks of so many bytes, a power of two, and equal chunks once. Not with -z.")
  @Nullable Integer chunkBytes;

  @Option(
      names = "--blobdev",
      paramLabel = "FILE",
      description =
          "Put the chunks of --chunksize into this new file, which is the image's device.")
  @Nullable Path blob;

  @Option(
      names = "--dsunit",
      paramLabel = "BLOCKS",
      description =
          "Begin the data of each file at a multiple of so many blocks, for huge pages, DAX (with -E noinline_data) or stripes of disks. With --chunksize each chunk is aligned as it is in its file, and equal ones are kept once if they are aligned alike. Not with -E all-fragments.")
  int dataBlocks;

  @Option(
      names = "--fsalignblks",
      paramLabel = "BLOCKS",
      description =
          "Make the image, without its device, a multiple of so many blocks long. With --tar=i, too.")
  int sizeBlocks;

  @Option(
      names = "--root-xattr-isize",
      paramLabel = "BYTES",
      description =
          "Give the extended attributes of the root directory so many bytes at least: room for those that mkfs.erofs --incremental adds later. With --tar=i, too.")
  int rootXattrBytes;

  /** Whether an image of one file is wanted. */
  boolean isSingle() {
    return single
        || isEncoded()
        || blockBytes != null
        || metadataZone != null
        || sizeBlocks != 0
        || rootXattrBytes != 0;
  }

  /** Whether data or metadata is wanted in another form than an index of an archive has it. */
  boolean isEncoded() {
    return isOfData()
        || (blockBytes != null && blockBytes != TAR_BLOCK_BYTES)
        || metabox != null
        || dataBlocks != 0
        || !extended.isEmpty();
  }

  /** Whether something is said of the data of files that only an image with data can have. */
  boolean isOfData() {
    return compression != null
        || clusterBytes != null
        || maxExtentBytes != null
        || isForDirectories()
        || hints != null
        || chunkBytes != null
        || blob != null;
  }

  /** Whether something is wanted of directories, even if it is nothing that there is. */
  private boolean isForDirectories() {
    return compressedDirectories != null && !compressedDirectories.equals("0");
  }

  private boolean compressesDirectories() {
    if (isForDirectories() && !"1".equals(compressedDirectories)) {
      throw new IllegalArgumentException(
          "--zD=%s: expected 0 or 1".formatted(compressedDirectories));
    }
    return isForDirectories();
  }

  /**
   * What the options say.
   *
   * @throws IllegalArgumentException if they do not go together, or one is wrong
   * @throws IOException if the hints can't be read, or a line of them is wrong
   */
  Encoding encoding() throws IOException {
    Encoding encoding = Encoding.plain();
    List<Compression> compressions = compressions();
    if (!compressions.isEmpty()) {
      encoding = Encoding.compressed(compressions.getFirst());
    }
    if (blockBytes != null) {
      encoding = encoding.withBlockBits(blockBits(blockBytes));
    }
    if (clusterBytes != null) {
      encoding = encoding.withClusterBytes(clusterBytes);
    }
    if (maxExtentBytes != null) {
      encoding = encoding.withMaxExtentBytes(maxExtentBytes);
    }
    encoding = encoding.withCompressedDirectories(compressesDirectories());
    for (String name : lastExtended()) {
      encoding = with(encoding, name);
    }
    if (metadataZone != null && !metadataZone.matches("0|i|id|di")) {
      throw new IllegalArgumentException("--MZ=%s: expected 0, i, or id".formatted(metadataZone));
    }
    if (metabox != null) {
      encoding = encoding.withMetabox(metabox(metabox, compressions));
    }
    if (chunkBytes != null) {
      encoding =
          encoding.withChunkBits(
              bits(chunkBytes, "chunk size %d: expected a power of two, at least a block"));
    } else if (blob != null) {
      throw new IllegalArgumentException("--blobdev is for chunks: expected --chunksize BYTES");
    }
    encoding =
        encoding
            .withDataAlignment(dataBlocks)
            .withSizeAlignment(sizeBlocks)
            .withRootXattrBytes(rootXattrBytes);
    if (hints == null) {
      return encoding;
    }
    if (compressions.isEmpty()) {
      throw new IllegalArgumentException(
          "--compress-hints is for compressed files: expected -z ALGORITHM");
    }
    return CompressHints.read(hints, encoding, compressions);
  }

  private List<Compression> compressions() {
    List<Compression> compressions = new ArrayList<>();
    if (compression != null) {
      for (String one : compression.split(":", -1)) {
        compressions.add(Compression.parse(one));
      }
    }
    return compressions;
  }

  private static Metabox metabox(String text, List<Compression> compressions) {
    int colon = text.indexOf(':');
    String bytes = colon < 0 ? text : text.substring(0, colon);
    if (!bytes.matches("[0-9]{1,9}")) {
      throw new IllegalArgumentException(
          "-m %s: expected bytes, and after a colon an algorithm or its number".formatted(text));
    }
    int clusterBytes = Integer.parseInt(bytes);
    if (colon < 0) {
      return new Metabox(compressions.isEmpty() ? null : compressions.getFirst(), clusterBytes);
    }
    String algorithm = text.substring(colon + 1);
    if (!algorithm.matches("[0-9]{1,9}")) {
      return new Metabox(Compression.parse(algorithm), clusterBytes);
    }
    int number = Integer.parseInt(algorithm);
    if (number >= compressions.size()) {
      throw new IllegalArgumentException(
          "-m %s: expected a number below %d: so many algorithms are in -z"
              .formatted(text, compressions.size()));
    }
    return new Metabox(compressions.get(number), clusterBytes);
  }

  private static int blockBits(int bytes) {
    String message = "block size %d: expected a power of two from 512 to 65536";
    if (bytes > MAX_BLOCK_BYTES) {
      throw new IllegalArgumentException(message.formatted(bytes));
    }
    return bits(bytes, message);
  }

  private static int bits(int bytes, String message) {
    if (bytes < 1 || Integer.bitCount(bytes) != 1) {
      throw new IllegalArgumentException(message.formatted(bytes));
    }
    return Integer.numberOfTrailingZeros(bytes);
  }

  /** Of a name that is there several times, with ^ or without, the last one counts. */
  private Collection<String> lastExtended() {
    SequencedMap<String, String> last = new LinkedHashMap<>();
    for (String names : extended) {
      for (String name : names.split(",", -1)) {
        last.putLast(name.startsWith("^") ? name.substring(1) : name, name);
      }
    }
    return last.values();
  }

  private static Encoding with(Encoding encoding, String text) {
    boolean isWanted = !text.startsWith("^");
    String name = isWanted ? text : text.substring(1);
    return switch (name) {
      case "ztailpacking" -> encoding.withInlineTails(isWanted);
      case "fragments" -> encoding.withFragments(fragments(isWanted, Encoding.Fragments.TAILS));
      case "dedupe" -> encoding.withDedupe(isWanted);
      case "all-fragments" -> encoding.withFragments(fragments(isWanted, Encoding.Fragments.ALL));
      case "48bit" -> encoding.withWide(isWanted);
      case "dot-omitted" -> encoding.withoutDots(isWanted);
      case "legacy-compress" -> encoding.withFullIndexes(isWanted);
      case "inline_data" -> encoding.withInlineData(isWanted);
      case "noinline_data" -> encoding.withInlineData(!isWanted);
      case "force-inode-compact" -> encoding.withInodes(inodes(isWanted, Encoding.Inodes.COMPACT));
      case "force-inode-extended" ->
          encoding.withInodes(inodes(isWanted, Encoding.Inodes.EXTENDED));
      default ->
          throw new IllegalArgumentException(
              "-E %s: expected one of %s".formatted(text, String.join(", ", NAMES)));
    };
  }

  private static Encoding.Fragments fragments(boolean isWanted, Encoding.Fragments value) {
    return isWanted ? value : Encoding.Fragments.NONE;
  }

  private static Encoding.Inodes inodes(boolean isWanted, Encoding.Inodes value) {
    return isWanted ? value : Encoding.Inodes.SMALLEST;
  }
}
