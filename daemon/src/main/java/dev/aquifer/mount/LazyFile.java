package dev.aquifer.mount;

import dev.aquifer.blob.CachedBlob;
import java.io.IOException;
import java.nio.file.Path;

/** What the kernel's questions are about: a sparse local file that is filled on demand. */
interface LazyFile {
  /** What messages call it. */
  String name();

  /** The file. */
  Path path();

  /** Its size in bytes, holes included. */
  long sizeBytes();

  /** Whether the range can be read from the file now. Takes no lock and allocates nothing. */
  boolean isPresent(long offsetBytes, long lengthBytes);

  /** Fills what is missing of the range. */
  void ensure(long offsetBytes, long lengthBytes) throws IOException;

  /** Whether all of it is there. */
  boolean isComplete();

  /**
   * Runs {@code action} once when all of it is there; at once if it is.
   *
   * @return forgets the action
   */
  Runnable whenComplete(Runnable action);

  /** Says how far ahead of readers to fetch. */
  void prefetch(Prefetch prefetch);

  /** The data file of a cached blob. */
  static LazyFile of(CachedBlob blob) {
    return new LazyFile() {
      @Override
      public String name() {
        return "blob " + blob.id();
      }

      @Override
      public Path path() {
        return blob.path();
      }

      @Override
      public long sizeBytes() {
        return blob.sizeBytes();
      }

      @Override
      public boolean isPresent(long offsetBytes, long lengthBytes) {
        return blob.isPresent(offsetBytes, lengthBytes);
      }

      @Override
      public void ensure(long offsetBytes, long lengthBytes) throws IOException {
        blob.ensure(offsetBytes, lengthBytes);
      }

      @Override
      public boolean isComplete() {
        return blob.isComplete();
      }

      @Override
      public Runnable whenComplete(Runnable action) {
        return blob.onComplete(action)::close;
      }

      @Override
      public void prefetch(Prefetch prefetch) {
        blob.setReadAheadBytes(prefetch.windowBytes());
        if (prefetch.mode() == Prefetch.Mode.ALL) {
          blob.fetchAll();
        }
      }
    };
  }
}
