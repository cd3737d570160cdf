package dev.aquifer.image;

/**
 * What reading the compressed data of one image may take.
 *
 * @param cacheBytes how much decompressed data is kept, in bytes of heap; one cluster, of at most
 *     12 MiB, is kept in any case
 * @param threads how many threads decompress: readers' own, and while there are fewer readers than
 *     that, others that help them, which are shared by all images of this process
 */
public record ReadOptions(long cacheBytes, int threads) {
  private static final long MAX_DEFAULT_CACHE_BYTES = 16 << 20;
  private static final int HEAP_PER_CACHE = 8;

  /** Checks the values. */
  public ReadOptions {
    if (cacheBytes < 0 || threads < 1) {
      throw new IllegalArgumentException(
          "cache of %d bytes, %d threads: expected at least 0 and 1"
              .formatted(cacheBytes, threads));
    }
  }

  /** 16 MiB, or an eighth of the heap if that is less; a thread for each processor. */
  public static ReadOptions defaults() {
    Runtime runtime = Runtime.getRuntime();
    return new ReadOptions(
        Math.min(MAX_DEFAULT_CACHE_BYTES, runtime.maxMemory() / HEAP_PER_CACHE),
        runtime.availableProcessors());
  }
}
