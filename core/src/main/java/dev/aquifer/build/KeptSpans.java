package dev.aquifer.build;

import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/**
 * The spans that were decoded last, of all blobs together: there may be thousands of blobs. Safe
 * for use by many threads.
 */
final class KeptSpans {
  private record Key(StoredBlob blob, int index) {}

  private final long maxBytes;

  /** The one used last is last. Guarded by this. */
  private final SequencedMap<Key, MemorySegment> spans = new LinkedHashMap<>(64, 0.75f, true);

  /** Guarded by this. */
  private long bytes;

  /** Keeps up to {@code maxBytes}, and at least one span. */
  KeptSpans(long maxBytes) {
    this.maxBytes = maxBytes;
  }

  /** The plain bytes of a span, or null. */
  synchronized @Nullable MemorySegment get(StoredBlob blob, int index) {
    return spans.get(new Key(blob, index));
  }

  /** Keeps a span on the heap, where the collector frees it when nobody reads it any more. */
  synchronized void put(StoredBlob blob, int index, MemorySegment plain) {
    MemorySegment before = spans.put(new Key(blob, index), plain);
    bytes += plain.byteSize() - (before == null ? 0 : before.byteSize());
    while (bytes > maxBytes && spans.size() > 1) {
      bytes -= spans.pollFirstEntry().getValue().byteSize();
    }
  }

  /** Forgets the spans of {@code blob}. */
  synchronized void drop(StoredBlob blob) {
    spans.keySet().removeIf(key -> key.blob == blob);
    bytes = spans.values().stream().mapToLong(MemorySegment::byteSize).sum();
  }
}
