package dev.aquifer.build;

import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * How an image is built. The same tree and options give the same bytes, whatever {@code threads}
 * is. Start from {@link #defaults()}.
 *
 * @param zstdLevel 1 (fast) to 19 (small); 0 stores spans plain
 * @param spanBits spans have 2^spanBits bytes: 12 to 26
 * @param dedupeChunkBits equal chunks of 2^dedupeChunkBits bytes are stored once: 12 to 26
 * @param inlineMaxBytes regular files up to this size lie in the bootstrap: 0 to 4000
 * @param threads how many read, hash and compress; 1 to 256
 * @param timestamp the modification time that all files get, or null to keep theirs
 * @param uuid the file system's UUID, or null to derive it from the content
 * @param volumeName up to 15 bytes of UTF-8
 * @param xattrs whether extended attributes are taken over
 * @param xattrPrefixes beginnings of names of extended attributes that are stored once, and not
 *     with each: up to 128 in {@code user.}, {@code trusted.} and {@code security.}
 * @param inodeDigest the name of an attribute with the SHA-256 of each file's data, by which Linux
 *     7.0 keeps equal files of several images in memory once; null for none, {@link #INODE_DIGEST}
 *     by convention
 * @param force whether an existing image layout at the output is replaced
 * @param order paths from the root whose data shall lie first, in this order, as {@link
 *     dev.aquifer.image.ByteNames} has them; all below of directories
 * @param progress is told how far the build has come
 */
public record BuildOptions(
    int zstdLevel,
    int spanBits,
    int dedupeChunkBits,
    int inlineMaxBytes,
    int threads,
    @Nullable Instant timestamp,
    @Nullable UUID uuid,
    String volumeName,
    boolean xattrs,
    List<String> xattrPrefixes,
    @Nullable String inodeDigest,
    boolean force,
    List<String> order,
    BuildProgress progress) {
  /** The name of attributes with digests that mkfs.erofs has, too; nobody sees them. */
  public static final String INODE_DIGEST = "erofs.fingerprint.v1";

  private static final int MAX_THREADS = 256;

  /** More than these wait for the one thread that writes. */
  private static final int USEFUL_THREADS = 16;

  /** Checks every value. */
  public BuildOptions {
    order = List.copyOf(order);
    xattrPrefixes = List.copyOf(xattrPrefixes);
    LongPrefixes unused = LongPrefixes.of(xattrPrefixes, inodeDigest);
    check("zstd level", zstdLevel, 0, 19);
    check("span bits", spanBits, 12, 26);
    check("dedupe chunk bits", dedupeChunkBits, 12, 26);
    check("inline limit", inlineMaxBytes, 0, 4000);
    check("threads", threads, 1, MAX_THREADS);
    if (volumeName.getBytes(java.nio.charset.StandardCharsets.UTF_8).length > 15
        || volumeName.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          "volume name '" + volumeName + "': expected at most 15 bytes of UTF-8");
    }
  }

  LongPrefixes longPrefixes() {
    return LongPrefixes.of(xattrPrefixes, inodeDigest);
  }

  private static void check(String what, int value, int min, int max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          "%s %d: expected %d to %d".formatted(what, value, min, max));
    }
  }

  /** The defaults; docs/decisions/0004-build-defaults.md says where they come from. */
  public static BuildOptions defaults() {
    int processors = Runtime.getRuntime().availableProcessors();
    return new BuildOptions(
        3,
        20,
        16,
        512,
        Math.min(processors, USEFUL_THREADS),
        null,
        null,
        "",
        true,
        List.of(),
        null,
        false,
        List.of(),
        BuildProgress.NONE);
  }

  /** The same with another {@link #zstdLevel}. */
  public BuildOptions withZstdLevel(int value) {
    return with(draft -> draft.zstdLevel = value);
  }

  /** The same with another {@link #spanBits}. */
  public BuildOptions withSpanBits(int value) {
    return with(draft -> draft.spanBits = value);
  }

  /** The same with another {@link #dedupeChunkBits}. */
  public BuildOptions withDedupeChunkBits(int value) {
    return with(draft -> draft.dedupeChunkBits = value);
  }

  /** The same with another {@link #inlineMaxBytes}. */
  public BuildOptions withInlineMaxBytes(int value) {
    return with(draft -> draft.inlineMaxBytes = value);
  }

  /** The same with another count of {@link #threads}. */
  public BuildOptions withThreads(int value) {
    return with(draft -> draft.threads = value);
  }

  /** The same with another {@link #timestamp}. */
  public BuildOptions withTimestamp(@Nullable Instant value) {
    return with(draft -> draft.timestamp = value);
  }

  /** The same with another {@link #uuid}. */
  public BuildOptions withUuid(@Nullable UUID value) {
    return with(draft -> draft.uuid = value);
  }

  /** The same with another {@link #volumeName}. */
  public BuildOptions withVolumeName(String value) {
    return with(draft -> draft.volumeName = value);
  }

  /** The same with or without {@link #xattrs}. */
  public BuildOptions withXattrs(boolean value) {
    return with(draft -> draft.xattrs = value);
  }

  /** The same with other {@link #xattrPrefixes}. */
  public BuildOptions withXattrPrefixes(List<String> value) {
    return with(draft -> draft.xattrPrefixes = value);
  }

  /** The same with another {@link #inodeDigest}. */
  public BuildOptions withInodeDigest(@Nullable String value) {
    return with(draft -> draft.inodeDigest = value);
  }

  /** The same with or without {@link #force}. */
  public BuildOptions withForce(boolean value) {
    return with(draft -> draft.force = value);
  }

  /** The same with another {@link #order}. */
  public BuildOptions withOrder(List<String> value) {
    return with(draft -> draft.order = value);
  }

  /** The same with another {@link #progress}. */
  public BuildOptions withProgress(BuildProgress value) {
    return with(draft -> draft.progress = value);
  }

  private BuildOptions with(Consumer<Draft> change) {
    Draft draft = new Draft(this);
    change.accept(draft);
    return draft.finish();
  }

  /** The same values, to be changed. */
  private static final class Draft {
    private int zstdLevel;
    private int spanBits;
    private int dedupeChunkBits;
    private int inlineMaxBytes;
    private int threads;
    private @Nullable Instant timestamp;
    private @Nullable UUID uuid;
    private String volumeName;
    private boolean xattrs;
    private List<String> xattrPrefixes;
    private @Nullable String inodeDigest;
    private boolean force;
    private List<String> order;
    private BuildProgress progress;

    Draft(BuildOptions options) {
      this.zstdLevel = options.zstdLevel;
      this.spanBits = options.spanBits;
      this.dedupeChunkBits = options.dedupeChunkBits;
      this.inlineMaxBytes = options.inlineMaxBytes;
      this.threads = options.threads;
      this.timestamp = options.timestamp;
      this.uuid = options.uuid;
      this.volumeName = options.volumeName;
      this.xattrs = options.xattrs;
      this.xattrPrefixes = options.xattrPrefixes;
      this.inodeDigest = options.inodeDigest;
      this.force = options.force;
      this.order = options.order;
      this.progress = options.progress;
    }

    BuildOptions finish() {
      return new BuildOptions(
          zstdLevel,
          spanBits,
          dedupeChunkBits,
          inlineMaxBytes,
          threads,
          timestamp,
          uuid,
          volumeName,
          xattrs,
          xattrPrefixes,
          inodeDigest,
          force,
          order,
          progress);
    }
  }
}
