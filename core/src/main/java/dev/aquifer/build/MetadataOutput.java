package dev.aquifer.build;

import dev.aquifer.io.Sha256;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Takes the bytes of an image's metadata, or of a part of it, from the first to the last, marks
 * them and writes them. Used by one thread.
 */
final class MetadataOutput implements Closeable {
  private static final int BUFFER_BYTES = 1 << 20;

  /** Takes the bytes, each after those before it. */
  interface Sink {
    void write(long positionBytes, MemorySegment bytes) throws IOException;
  }

  private final Sink sink;
  private final Arena arena = Arena.ofConfined();
  private final ContentMark mark = new ContentMark();
  private final boolean keepsStart;
  private @Nullable MemorySegment start;
  private MemorySegment buffer = arena.allocate(BUFFER_BYTES, 64);
  private long flushed;
  private int used;

  private MetadataOutput(Sink sink, boolean keepsStart, long startBytes) {
    this.sink = sink;
    this.keepsStart = keepsStart;
    this.flushed = startBytes;
  }

  /** For the beginning of an image, whose {@link #start} is left to the caller to write. */
  static MetadataOutput ofHead(Sink sink) {
    return new MetadataOutput(sink, true, 0);
  }

  /** For what begins at {@code startBytes}. */
  static MetadataOutput ofPart(Sink sink, long startBytes) {
    return new MetadataOutput(sink, false, startBytes);
  }

  /** The first bytes, a block and the superblock at least, after the finish. */
  MemorySegment start() {
    return Objects.requireNonNull(start);
  }

  long positionBytes() {
    return flushed + used;
  }

  /** The next {@code lengthBytes} bytes, zero until they are written; at most 512 KiB. */
  MemorySegment next(int lengthBytes) throws IOException {
    if (used + lengthBytes > BUFFER_BYTES) {
      flush();
    }
    MemorySegment bytes = buffer.asSlice(used, lengthBytes);
    used += lengthBytes;
    return bytes;
  }

  /** Adds zeros up to {@code positionBytes}. */
  void padTo(long positionBytes) throws IOException {
    if (positionBytes < positionBytes()) {
      throw new AssertionError(
          "byte %d is planned but %d are written".formatted(positionBytes, positionBytes()));
    }
    while (positionBytes() < positionBytes) {
      next((int) Math.min(positionBytes - positionBytes(), BUFFER_BYTES / 2));
    }
  }

  private void flush() throws IOException {
    Waiting.checkInterrupt();
    MemorySegment bytes = buffer.asSlice(0, used);
    mark.add(bytes);
    if (keepsStart && start == null) {
      start = bytes;
      buffer = arena.allocate(BUFFER_BYTES, 64);
    } else {
      sink.write(flushed, bytes);
      bytes.fill((byte) 0);
    }
    flushed += used;
    used = 0;
  }

  /** Writes what is left; returns the mark of everything. */
  Sha256 finish() throws IOException {
    flush();
    return mark.finish();
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
