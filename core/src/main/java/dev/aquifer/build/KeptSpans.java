package dev.aquifer.build;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/** The spans of blobs that were decoded last, of all together. Safe for use by many threads. */
final class KeptSpans {
  /** Decodes the spans of a blob. */
  interface Decoder {
    /** Fills {@code plain}, native memory, with the span. */
    void decode(int index, MemorySegment plain) throws IOException;
  }

  private record Key(Object blob, int index) {}

  private final long maxBytes;

  /** The one used last is last. Guarded by this. */
  private final SequencedMap<Key, Span> spans = new LinkedHashMap<>(64, 0.75f, true);

  /** Guarded by this. */
  private long bytes;

  /** Keeps up to {@code maxBytes}, and at least one span. */
  KeptSpans(long maxBytes) {
    this.maxBytes = maxBytes;
  }

  /**
   * The plain bytes of a span. Threads that want the same at once wait for the first of them to
   * decode it.
   *
   * @param blob whose it is
   * @param sizeBytes how long it is
   */
  MemorySegment get(Object blob, int index, long sizeBytes, Decoder decoder) throws IOException {
    return entry(new Key(blob, index), sizeBytes).plain(index, decoder);
  }

  private synchronized Span entry(Key key, long sizeBytes) {
    Span known = spans.get(key);
    if (known != null) {
      return known;
    }
    Span span = new Span(sizeBytes);
    spans.put(key, span);
    bytes += sizeBytes;
    while (bytes > maxBytes && spans.size() > 1) {
      bytes -= spans.pollFirstEntry().getValue().sizeBytes;
    }
    return span;
  }

  /** Forgets the spans of {@code blob}. */
  synchronized void drop(Object blob) {
    spans.keySet().removeIf(key -> key.blob == blob);
    bytes = spans.values().stream().mapToLong(span -> span.sizeBytes).sum();
  }

  private static final class Span {
    private final long sizeBytes;

    /** On the heap, where the collector frees it when nobody reads it any more. Guarded by this. */
    private @Nullable MemorySegment plain;

    Span(long sizeBytes) {
      this.sizeBytes = sizeBytes;
    }

    synchronized MemorySegment plain(int index, Decoder decoder) throws IOException {
      MemorySegment known = plain;
      if (known != null) {
        return known;
      }
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment decoded = arena.allocate(sizeBytes, 8);
        decoder.decode(index, decoded);
        known = MemorySegment.ofArray(decoded.toArray(ValueLayout.JAVA_BYTE)).asReadOnly();
      }
      plain = known;
      return known;
    }
  }
}
