package dev.aquifer.build;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What an {@link ImageBuilder} is told, each checked. The same tree and options give the same
 * bytes, whatever {@code threads} is.
 */
record BuildOptions(
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
    boolean sourceOrder,
    @Nullable PlainCopy plainCopy,
    FlatDisk.@Nullable Wanted flatDisk,
    BuildProgress progress) {
  private static final int MAX_THREADS = 256;

  /** More than these wait for the one thread that writes. */
  private static final int USEFUL_THREADS = 16;

  BuildOptions {
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
  static BuildOptions defaults() {
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
        false,
        null,
        null,
        BuildProgress.NONE);
  }

  /**
   * Checks that the plain archive does not go to {@code path}.
   *
   * @param what what is at {@code path}, such as {@code the image}
   * @throws IllegalArgumentException as {@link Commit#checkApart}
   */
  void checkApart(String what, Path path) throws IOException {
    if (plainCopy != null) {
      Commit.checkApart(what, path, "the plain archive", plainCopy.path());
    }
  }

  BuildOptions with(Consumer<Draft> change) {
    Draft draft = new Draft(this);
    change.accept(draft);
    return draft.finish();
  }

  /** The same values, to be changed. */
  static final class Draft {
    int zstdLevel;
    int spanBits;
    int dedupeChunkBits;
    int inlineMaxBytes;
    int threads;
    @Nullable Instant timestamp;
    @Nullable UUID uuid;
    String volumeName;
    boolean xattrs;
    List<String> xattrPrefixes;
    @Nullable String inodeDigest;
    boolean force;
    List<String> order;
    boolean sourceOrder;
    @Nullable PlainCopy plainCopy;
    FlatDisk.@Nullable Wanted flatDisk;
    BuildProgress progress;

    private Draft(BuildOptions options) {
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
      this.sourceOrder = options.sourceOrder;
      this.plainCopy = options.plainCopy;
      this.flatDisk = options.flatDisk;
      this.progress = options.progress;
    }

    private BuildOptions finish() {
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
          sourceOrder,
          plainCopy,
          flatDisk,
          progress);
    }
  }
}
