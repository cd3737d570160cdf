package dev.aquifer.build;

/** Counts for a {@link BuildProgress}, file after file. Used by one thread. */
final class DoneBytes {
  private final BuildProgress progress;
  private final long totalBytes;
  private long files;

  /** Nothing is done; 0 for a total that is not known. */
  DoneBytes(BuildProgress progress, long totalBytes) {
    this.progress = progress;
    this.totalBytes = totalBytes;
  }

  /** Nothing of {@code tree} is done. */
  static DoneBytes of(BuildProgress progress, Tree tree) {
    long total = 0;
    for (Node node : tree.nodes()) {
      total += node.stat().isRegular() ? node.sizeBytes() : 0;
    }
    return new DoneBytes(progress, total);
  }

  /** The present file is done up to this position. */
  void within(long positionBytes) {
    progress.done(files + positionBytes, totalBytes);
  }

  /** The present file, of this size, is done; the next one follows. */
  void end(long sizeBytes) {
    files += sizeBytes;
    progress.done(files, totalBytes);
  }
}
