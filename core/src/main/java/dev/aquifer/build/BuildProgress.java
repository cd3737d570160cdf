package dev.aquifer.build;

/** Is told how far work on the data of regular files has come. */
@FunctionalInterface
public interface BuildProgress {
  /** Nobody wants to know. */
  BuildProgress NONE = (doneBytes, totalBytes) -> {};

  /**
   * So much is done. Called by the thread that builds, often, so it shall return soon; what it
   * throws ends the work.
   *
   * @param doneBytes sizes of the regular files that were handed out to be read, and of holes that
   *     are not; never less than before, and {@code totalBytes} at last
   * @param totalBytes the sizes of all regular files; 0 if that is not known
   */
  void done(long doneBytes, long totalBytes);
}
