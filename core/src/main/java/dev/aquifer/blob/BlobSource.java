package dev.aquifer.blob;

import dev.aquifer.format.BlobObject;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Where the stored spans of a blob can be had: one object at one origin. Every holder of a blob
 * brings its own, so that the blob outlives any of them.
 */
final class BlobSource {
  /**
   * Says where the spans lie in the object; asks the origin at most once if that goes well. It may
   * be passed over where another source knows the same.
   */
  interface Layout {
    BlobObject load(FirstOf.Manner manner) throws IOException;

    /** Spans did not prove: returns whether the next {@link #load} may give another layout. */
    default boolean distrust() {
      return false;
    }
  }

  private static final long QUARANTINE_SECONDS = 60;

  private final Backend backend;
  private final String key;
  private final ObjectInfo expected;
  private final Layout layout;
  private volatile @Nullable BlobObject known;
  private volatile long quarantineEndNanos = System.nanoTime();

  /**
   * Takes a source whose layout may not be known yet.
   *
   * @param expected the object; its version is null if digests prove each span
   */
  BlobSource(Backend backend, String key, ObjectInfo expected, Layout layout) {
    this.backend = backend;
    this.key = key;
    this.expected = expected;
    this.layout = layout;
  }

  Backend backend() {
    return backend;
  }

  String key() {
    return key;
  }

  ObjectInfo expected() {
    return expected;
  }

  /** What messages call it. */
  String name() {
    return backend.name() + "/" + key;
  }

  /** It gave bytes that do not prove: for a while the other sources go before it. */
  void quarantine() {
    quarantineEndNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(QUARANTINE_SECONDS);
  }

  boolean isQuarantined() {
    return quarantineEndNanos - System.nanoTime() > 0;
  }

  /** The layout if it is known without asking. */
  @Nullable BlobObject knownLayout() {
    return known;
  }

  /** Takes over the layout that {@code other} knows of the same object: it may be large. */
  void shareLayoutOf(BlobSource other) {
    if (known == null && other.key.equals(key)) {
      known = other.known;
    }
  }

  /** Spans did not prove: a layout that was not had from this origin itself is loaded anew. */
  void distrustLayout() {
    if (layout.distrust()) {
      known = null;
    }
  }

  /** The layout; may ask the origin. Two threads at once may both ask. */
  BlobObject layout(FirstOf.Manner manner) throws IOException {
    BlobObject loaded = known;
    if (loaded == null) {
      loaded = layout.load(manner);
      known = loaded;
    }
    return loaded;
  }
}
