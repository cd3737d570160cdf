package dev.aquifer.build;

import dev.aquifer.io.ByteSource;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Small data that must wait until the bootstrap is written: values of extended attributes, link
 * targets, and files that lie inline. A temporary file, so that a million of them need no memory.
 * Used by one thread.
 */
final class Spool implements Closeable {
  private static final int BUFFER_BYTES = 256 << 10;

  private final OutputFile file;
  private final Arena arena = Arena.ofConfined();

  /** Bytes not yet written. */
  private final MemorySegment buffer;

  private @Nullable ByteSource reader;
  private long bufferStart;
  private long sizeBytes;

  private Spool(OutputFile file) {
    this.file = file;
    this.buffer = arena.allocate(BUFFER_BYTES);
  }

  /** Takes a new file, which goes when the spool is closed. */
  static Spool create(OutputFile file) {
    return new Spool(file);
  }

  /** Returns where the bytes were put. */
  long append(byte[] bytes) throws IOException {
    return append(MemorySegment.ofArray(bytes));
  }

  /** Returns where the bytes were put. */
  long append(MemorySegment bytes) throws IOException {
    if (sizeBytes - bufferStart + bytes.byteSize() > BUFFER_BYTES) {
      flush();
    }
    MemorySegment.copy(bytes, 0, buffer, sizeBytes - bufferStart, bytes.byteSize());
    long position = sizeBytes;
    sizeBytes += bytes.byteSize();
    return position;
  }

  private void flush() throws IOException {
    MemorySegment filled = buffer.asSlice(0, sizeBytes - bufferStart);
    file.write(bufferStart, filled);
    bufferStart = sizeBytes;
  }

  /** Ends appending. */
  void finish() throws IOException {
    flush();
  }

  /** Copies {@code lengthBytes} bytes from {@code position} to {@code dst}, after the finish. */
  void read(long position, int lengthBytes, MemorySegment dst, long dstOffset) throws IOException {
    if (reader == null) {
      reader = open();
    }
    reader.read(position, dst.asSlice(dstOffset, lengthBytes));
  }

  /** Opens what was appended, after the finish, for another thread. */
  ByteSource open() throws IOException {
    return new PagedSource(file.open());
  }

  @Override
  public void close() throws IOException {
    if (arena.scope().isAlive()) {
      arena.close();
    }
    if (reader != null) {
      reader.close();
      reader = null;
    }
    file.delete();
  }
}
