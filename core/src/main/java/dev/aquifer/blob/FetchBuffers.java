package dev.aquifer.blob;

import java.io.Closeable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** The native memory of one fetching thread: grows to what is asked for, ends with the thread. */
final class FetchBuffers implements Closeable {
  private final Buffer stored = new Buffer();
  private final Buffer plain = new Buffer();

  private static final class Buffer {
    // Shared: the HTTP client's threads fill it.
    private @Nullable Arena arena;
    private MemorySegment memory = MemorySegment.NULL;

    MemorySegment get(long sizeBytes) {
      if (memory.byteSize() < sizeBytes) {
        close();
        Arena larger = Arena.ofShared();
        arena = larger;
        memory = larger.allocate(sizeBytes, 4096);
      }
      return memory.asSlice(0, sizeBytes);
    }

    void close() {
      Arena old = arena;
      arena = null;
      memory = MemorySegment.NULL;
      if (old != null) {
        old.close();
      }
    }
  }

  /** Memory for spans as they come; what an earlier call gave must not be used any more. */
  MemorySegment stored(long sizeBytes) {
    return stored.get(sizeBytes);
  }

  /** Memory for a decoded span. */
  MemorySegment plain(long sizeBytes) {
    return plain.get(sizeBytes);
  }

  @Override
  public void close() {
    stored.close();
    plain.close();
  }
}
