package dev.aquifer.build;

import dev.aquifer.codec.Algorithm;
import dev.aquifer.codec.Compression;
import dev.aquifer.codec.Compressor;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * How data and metadata are encoded in an image of one file. Start from {@link #plain} or {@link
 * #compressed}.
 *
 * @param compression how files are compressed; null for not at all
 * @param blockBits blocks have 2^blockBits bytes: 9 to 16
 * @param clusterBytes the largest physical cluster: whole blocks, up to 1 MiB, with LZ4 up to 256
 * @param maxExtentBytes the most data of a file that one cluster has, at least a block; 0 for what
 *     is usual
 * @param inlineTails whether the last cluster of a file may lie behind its inode, unless it is a
 *     fragment; where clusters lie byte by byte none does
 * @param fragments what goes to the packed inode
 * @param dedupe whether equal files have their data once, and equal parts of files
 * @param fullIndexes whether indexes of clusters have 8 bytes for each block, even where fewer do
 * @param compressedDirectories whether directories are data of the packed inode, too
 * @param wide whether addresses of blocks have 48 bits, and clusters, but for DEFLATE, lie byte by
 *     byte
 * @param omitsDots whether directories have no entry for themselves
 * @param inlineData whether the end of a file that is not compressed may lie behind its inode
 * @param inodes which form inodes have
 * @param rules what is different for some files: of those that fit a file, the first one counts
 * @param chunkBits files lie in chunks of 2^chunkBits bytes, equal ones once, or larger ones that
 *     follow one another: at least a block, up to 26; 0 for no chunks, as with compression
 * @param metabox how metadata is compressed; null for metadata as it is
 * @param spacing what room is left free
 */
public record Encoding(
    @Nullable Compression compression,
    int blockBits,
    int clusterBytes,
    int maxExtentBytes,
    boolean inlineTails,
    Fragments fragments,
    boolean dedupe,
    boolean fullIndexes,
    boolean compressedDirectories,
    boolean wide,
    boolean omitsDots,
    boolean inlineData,
    Inodes inodes,
    List<ClusterRule> rules,
    int chunkBits,
    @Nullable Metabox metabox,
    Spacing spacing) {
  /** The kernel's limit: whatever the size of blocks, as many as 1 MiB has pages of 4 KiB. */
  private static final int MAX_LZ4_BLOCKS = 256;

  private static final long MAX_BLOCKS = 0xffff_ffffL;
  private static final long MAX_WIDE_BLOCKS = 0xffff_ffff_ffffL;

  /** As much is read at once. */
  private static final int MAX_CHUNK_BITS = 26;

  /** What is compressed together with other files, as data of the packed inode. */
  public enum Fragments {
    /** Nothing. */
    NONE,
    /** The ends of files, and whole files, that would not fill a physical cluster. */
    TAILS,
    /** All of every file. */
    ALL
  }

  /** The form of inodes. */
  public enum Inodes {
    /** The small one, 32 bytes, where it is enough. */
    SMALLEST,
    /** The small one for all; so all get one time. Large files and numbers are refused. */
    COMPACT,
    /** 64 bytes. */
    EXTENDED
  }

  /** Checks that all goes together. */
  public Encoding {
    rules = List.copyOf(rules);
    BlockSize block = new BlockSize(blockBits);
    checkClusters(compression, clusterBytes, block, wide);
    checkChunks(chunkBits, compression != null, block);
    spacing.check(block, fragments);
    for (ClusterRule rule : rules) {
      if (rule.compression() != null) {
        checkClusters(rule.compression(), rule.clusterBytes(), block, wide);
      }
    }
    if (compression == null) {
      checkIsNot("clusters of more than a block", clusterBytes > block.bytes());
      checkIsNot("a limit of extents", maxExtentBytes != 0);
      checkIsNot("ztailpacking", inlineTails);
      checkIsNot("fragments", fragments != Fragments.NONE);
      checkIsNot("dedupe", dedupe);
      checkIsNot("legacy-compress", fullIndexes);
      checkIsNot("zD", compressedDirectories);
      checkIsNot("hints", !rules.isEmpty());
    }
    if (maxExtentBytes != 0
        && (maxExtentBytes < block.bytes() || maxExtentBytes > Compressor.MAX_DECODED_BYTES)) {
      throw new IllegalArgumentException(
          "extents of at most %d bytes: expected %d to %d"
              .formatted(maxExtentBytes, block.bytes(), Compressor.MAX_DECODED_BYTES));
    }
    if (wide && fullIndexes) {
      throw new IllegalArgumentException(
          "legacy-compress and 48bit, which compressed metadata has, too: expected one of them, since with 48bit files have extents");
    }
    if (omitsDots && !wide) {
      throw new IllegalArgumentException("dot-omitted: expected 48bit with it");
    }
    if (metabox != null) {
      if (!wide) {
        throw new IllegalArgumentException("compressed metadata: expected 48bit with it");
      }
      checkClusters(metabox.compression(), metabox.clusterBytes(), block, true);
    }
  }

  private static void checkIsNot(String what, boolean isWanted) {
    if (isWanted) {
      throw new IllegalArgumentException(
          what + ": of compressed data alone: expected a compression, such as -z lz4");
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
      @Nullable Compression compression, int clusterBytes, BlockSize block, boolean isWide) {
    if (clusterBytes < block.bytes()
        || clusterBytes > Compressor.MAX_STREAM_BYTES
        || block.tail(clusterBytes) != 0) {
      throw new IllegalArgumentException(
          "physical clusters of %d bytes: expected whole blocks of %d bytes, at most %d bytes"
              .formatted(clusterBytes, block.bytes(), Compressor.MAX_STREAM_BYTES));
    }
    int mostBlocks = Math.min(MAX_LZ4_BLOCKS, Compressor.MAX_STREAM_BYTES >>> block.bits());
    // Where clusters begin anywhere, one touches another block.
    int maxBlocks = isWide ? mostBlocks - 1 : mostBlocks;
    if (compression != null
        && compression.algorithm() == Algorithm.LZ4
        && clusterBytes >>> block.bits() > maxBlocks) {
      throw new IllegalArgumentException(
          "physical clusters of %d bytes with lz4: expected at most %d blocks of %d bytes, since the kernel mounts no others"
              .formatted(clusterBytes, maxBlocks, block.bytes()));
    }
  }

  /** Data as it is, in blocks of 4 KiB. */
  public static Encoding plain() {
    return new Encoding(
        null,
        BlockSize.USUAL.bits(),
        BlockSize.USUAL.bytes(),
        0,
        false,
        Fragments.NONE,
        false,
        false,
        false,
        false,
        false,
        true,
        Inodes.SMALLEST,
        List.of(),
        0,
        null,
        Spacing.NONE);
  }

  /** Compressed data, in clusters of one block of 4 KiB. */
  public static Encoding compressed(Compression compression) {
    return plain().with(draft -> draft.compression = compression);
  }

  /** The same with another size of blocks; clusters of one block stay so. */
  public Encoding withBlockBits(int value) {
    int bytes = new BlockSize(value).bytes();
    return with(
        draft -> {
          draft.blockBits = value;
          draft.clusterBytes = clusterBytes > 1 << blockBits ? clusterBytes : bytes;
        });
  }

  /** The same with another {@link #clusterBytes}. */
  public Encoding withClusterBytes(int value) {
    return with(draft -> draft.clusterBytes = value);
  }

  /** The same with another {@link #maxExtentBytes}. */
  public Encoding withMaxExtentBytes(int value) {
    return with(draft -> draft.maxExtentBytes = value);
  }

  /** The same with or without {@link #inlineTails}. */
  public Encoding withInlineTails(boolean value) {
    return with(draft -> draft.inlineTails = value);
  }

  /** The same with or without {@link #dedupe}. */
  public Encoding withDedupe(boolean value) {
    return with(draft -> draft.dedupe = value);
  }

  /**
   * The same with other {@link #fragments}; with any, equal files and parts have their data once,
   * too.
   */
  public Encoding withFragments(Fragments value) {
    return with(
        draft -> {
          draft.fragments = value;
          draft.dedupe = dedupe || value != Fragments.NONE;
        });
  }

  /** The same with or without {@link #fullIndexes}. */
  public Encoding withFullIndexes(boolean value) {
    return with(draft -> draft.fullIndexes = value);
  }

  /** The same with or without {@link #compressedDirectories}. */
  public Encoding withCompressedDirectories(boolean value) {
    return with(draft -> draft.compressedDirectories = value);
  }

  /** The same with or without {@link #wide}. */
  public Encoding withWide(boolean value) {
    return with(draft -> draft.wide = value);
  }

  /** The same with or without {@link #omitsDots}; with it, {@link #wide}, too. */
  public Encoding withoutDots(boolean value) {
    return with(
        draft -> {
          draft.omitsDots = value;
          draft.wide = wide || value;
        });
  }

  /** The same with or without {@link #inlineData}. */
  public Encoding withInlineData(boolean value) {
    return with(draft -> draft.inlineData = value);
  }

  /** The same with another form of {@link #inodes}. */
  public Encoding withInodes(Inodes value) {
    return with(draft -> draft.inodes = value);
  }

  /** The same with other {@link #chunkBits}. */
  public Encoding withChunkBits(int value) {
    return with(draft -> draft.chunkBits = value);
  }

  /** The same with another {@link #metabox}; with one, {@link #wide}, too. */
  public Encoding withMetabox(@Nullable Metabox value) {
    return with(
        draft -> {
          draft.metabox = value;
          draft.wide = wide || value != null;
        });
  }

  /**
   * The same with files that begin at multiples of {@code blocks} blocks, as huge pages, DAX and
   * the stripes of disks have it, see {@link Spacing#dataBlocks}; with {@link #chunkBits} equal
   * chunks have their data once where that lets it be so. Ends of files behind inodes and fragments
   * lie elsewhere. Not with {@link Fragments#ALL}.
   */
  public Encoding withDataAlignment(int blocks) {
    return with(draft -> draft.spacing = spacing.withDataBlocks(blocks));
  }

  /**
   * The same with a size of a multiple of {@code blocks} blocks, see {@link Spacing#sizeBlocks}.
   */
  public Encoding withSizeAlignment(int blocks) {
    return with(draft -> draft.spacing = spacing.withSizeBlocks(blocks));
  }

  /** The same with another {@link Spacing#rootXattrBytes}. */
  public Encoding withRootXattrBytes(int bytes) {
    return with(draft -> draft.spacing = spacing.withRootXattrBytes(bytes));
  }

  /** The same with one more of {@link #rules}, after all others. */
  public Encoding withRule(ClusterRule value) {
    List<ClusterRule> more = new ArrayList<>(rules);
    more.add(value);
    return with(draft -> draft.rules = more);
  }

  /** The same for all files. */
  Encoding withoutRules() {
    return with(draft -> draft.rules = List.of());
  }

  /** What there is to choose from: for each of {@link #rules}, and at last for all other files. */
  List<Encoding> choices() {
    List<Encoding> choices = new ArrayList<>();
    for (ClusterRule rule : rules) {
      choices.add(with(draft -> draft.follow(rule.compression(), rule.clusterBytes())));
    }
    choices.add(withoutRules());
    return choices;
  }

  /** Plain in blocks of 2^bits bytes, for data that lies elsewhere; with the room of this one. */
  Encoding forDevices(int bits) {
    return plain().withBlockBits(bits).with(draft -> draft.spacing = spacing.withDataBlocks(0));
  }

  /** How the {@link #metabox} is encoded; only if there is one. */
  Encoding ofMetabox() {
    Metabox own = Objects.requireNonNull(metabox);
    return with(
        draft -> {
          draft.follow(own.compression(), own.clusterBytes());
          draft.inlineTails = false;
          draft.fragments = Fragments.NONE;
          draft.dedupe = false;
          draft.compressedDirectories = false;
          // What lies inline is in the metabox.
          draft.inlineData = false;
          draft.chunkBits = 0;
          draft.metabox = null;
          draft.spacing = Spacing.NONE;
        });
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

  private Encoding with(Consumer<Draft> change) {
    Draft draft = new Draft(this);
    change.accept(draft);
    return draft.finish();
  }

  /** The same values, to be changed. */
  private static final class Draft {
    private @Nullable Compression compression;
    private int blockBits;
    private int clusterBytes;
    private int maxExtentBytes;
    private boolean inlineTails;
    private Fragments fragments;
    private boolean dedupe;
    private boolean fullIndexes;
    private boolean compressedDirectories;
    private boolean wide;
    private boolean omitsDots;
    private boolean inlineData;
    private Inodes inodes;
    private List<ClusterRule> rules;
    private int chunkBits;
    private @Nullable Metabox metabox;
    private Spacing spacing;

    Draft(Encoding encoding) {
      this.compression = encoding.compression;
      this.blockBits = encoding.blockBits;
      this.clusterBytes = encoding.clusterBytes;
      this.maxExtentBytes = encoding.maxExtentBytes;
      this.inlineTails = encoding.inlineTails;
      this.fragments = encoding.fragments;
      this.dedupe = encoding.dedupe;
      this.fullIndexes = encoding.fullIndexes;
      this.compressedDirectories = encoding.compressedDirectories;
      this.wide = encoding.wide;
      this.omitsDots = encoding.omitsDots;
      this.inlineData = encoding.inlineData;
      this.inodes = encoding.inodes;
      this.rules = encoding.rules;
      this.chunkBits = encoding.chunkBits;
      this.metabox = encoding.metabox;
      this.spacing = encoding.spacing;
    }

    /** Makes it that of some data, which is compressed otherwise. */
    void follow(@Nullable Compression otherCompression, int otherClusterBytes) {
      compression = otherCompression;
      clusterBytes = otherClusterBytes;
      rules = List.of();
      if (compression == null) {
        clusterBytes = new BlockSize(blockBits).bytes();
        maxExtentBytes = 0;
        inlineTails = false;
        fragments = Fragments.NONE;
        dedupe = false;
        fullIndexes = false;
        compressedDirectories = false;
      }
    }

    Encoding finish() {
      return new Encoding(
          compression,
          blockBits,
          clusterBytes,
          maxExtentBytes,
          inlineTails,
          fragments,
          dedupe,
          fullIndexes,
          compressedDirectories,
          wide,
          omitsDots,
          inlineData,
          inodes,
          rules,
          chunkBits,
          metabox,
          spacing);
    }
  }

  BlockSize block() {
    return new BlockSize(blockBits);
  }

  /** By what files are compressed that have no rule. */
  Algorithm algorithm() {
    return Objects.requireNonNull(compression).algorithm();
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
    int metaboxBytes = metabox == null ? 0 : metabox.clusterBytes();
    return Math.max(maxClusterBytes(), metaboxBytes) > 1 << blockBits;
  }

  /** {@link #choices}, and that of the metabox. */
  List<Encoding> all() {
    List<Encoding> all = choices();
    if (metabox != null) {
      all.add(ofMetabox());
    }
    return all;
  }

  /** How many blocks there may be. */
  long maxBlocks() {
    return wide ? MAX_WIDE_BLOCKS : MAX_BLOCKS;
  }

  /**
   * Whether clusters lie byte by byte, and not in whole blocks. Linux 6.18 fails on streams of
   * DEFLATE of which only the very end, without data, is on a page of its own.
   */
  boolean isBytewise() {
    return wide && compression != null && algorithm() != Algorithm.DEFLATE;
  }

  /** The most data of a file that one cluster has. */
  int extentBytes() {
    if (maxExtentBytes != 0) {
      return maxExtentBytes;
    }
    return isBytewise() && algorithm() != Algorithm.LZ4
        ? clusterBytes
        : Compressor.MAX_DECODED_BYTES;
  }

  /**
   * Whether clusters have the same count of bytes of a file each, whatever that needs, so that
   * their index can be short; else as many as fill a cluster.
   */
  boolean hasEvenExtents() {
    return isBytewise() && extentBytes() <= clusterBytes;
  }

  /** Whether there is a packed inode, if there is something for it. */
  boolean hasPacked() {
    return fragments != Fragments.NONE || compressedDirectories;
  }

  /**
   * Whether long prefixes of names of attributes are the first data of the packed inode: kernels
   * before 6.17 look for them there if there is one. Those that know a metabox find them in the
   * head.
   */
  boolean packsPrefixes() {
    return hasPacked() && metabox == null;
  }

  /** Whether the last cluster of a file may lie behind its inode. */
  boolean mayInlineTails() {
    return inlineTails && !wide;
  }
}
