package dev.aquifer.build;

import dev.aquifer.io.Sha256;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;

/**
 * Small data that must wait until the bootstrap is written: link targets and files that lie inline.
 * A temporary file, so that a million of them need no memory. Used by one thread.
 */
final class Spool implements Closeable {
  private static final int BUFFER_BYTES = 256 << 10;

  private final OutputFile file;
  private final Arena arena = Arena.ofConfined();
  private final MessageDigest digest = Sha256.newDigest();

  /** Before {@link #finish} bytes not yet written; afterwards a window of the file. */
  private final MemorySegment buffer;

  private long bufferStart;
  private long sizeBytes;
  private long windowEnd;

  private Spool(OutputFile file) {
    this.file = file;
    this.buffer = arena.allocate(BUFFER_BYTES);
  }

  /** Creates the file; it goes when the spool is closed. */
  static Spool create(Path path) throws IOException {
    return new Spool(OutputFile.create(path));
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
    Sha256.update(digest, filled);
    file.write(bufferStart, filled);
    bufferStart = sizeBytes;
  }

  /** Ends appending; returns the digest of all that was appended. */
  Sha256 finish() throws IOException {
    flush();
    bufferStart = 0;
    windowEnd = 0;
    return Sha256.finish(digest);
  }

  /** Copies {@code lengthBytes} bytes from {@code position} to {@code dst}, after the finish. */
  void read(long position, int lengthBytes, MemorySegment dst, long dstOffset) throws IOException {
    if (position < bufferStart || position + lengthBytes > windowEnd) {
      bufferStart = position;
      windowEnd = Math.min(sizeBytes, position + BUFFER_BYTES);
      file.read(bufferStart, buffer.asSlice(0, windowEnd - bufferStart));
    }
    MemorySegment.copy(
        buffer,
        ValueLayout.JAVA_BYTE,
        position - bufferStart,
        dst,
        ValueLayout.JAVA_BYTE,
        dstOffset,
        lengthBytes);
  }

  @Override
  public void close() throws IOException {
    if (arena.scope().isAlive()) {
      arena.close();
    }
    file.close();
    Files.deleteIfExists(file.path());
  }
}
