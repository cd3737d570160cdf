package dev.aquifer.build;

import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/**
 * Small data that must wait until the bootstrap is written: values of extended attributes, link
 * targets, and files that lie inline. A temporary file, so that a million of them need no memory.
 * Used by one thread.
 */
final class Spool implements Closeable {
  private static final int BUFFER_BYTES = 256 << 10;
  private static final int PAGE_BITS = 16;
  private static final int PAGE_BYTES = 1 << PAGE_BITS;

  /** What is read comes from some places that advance side by side, one for each kind of data. */
  private static final int MAX_PAGES = 16;

  private final OutputFile file;
  private final Arena arena = Arena.ofConfined();

  /** Bytes not yet written. */
  private final MemorySegment buffer;

  /** Parts of the file by their number, the one used last at the end. */
  private final SequencedMap<Long, MemorySegment> pages = new LinkedHashMap<>(32, 0.75f, true);

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
    for (int done = 0; done < lengthBytes; ) {
      long number = position + done >>> PAGE_BITS;
      MemorySegment page = page(number);
      long from = position + done - (number << PAGE_BITS);
      int step = (int) Math.min(lengthBytes - done, PAGE_BYTES - from);
      MemorySegment.copy(page, from, dst, dstOffset + done, step);
      done += step;
    }
  }

  private MemorySegment page(long number) throws IOException {
    MemorySegment known = pages.get(number);
    if (known != null) {
      return known;
    }
    MemorySegment page =
        pages.size() < MAX_PAGES ? arena.allocate(PAGE_BYTES) : pages.pollFirstEntry().getValue();
    long start = number << PAGE_BITS;
    file.read(start, page.asSlice(0, Math.min(PAGE_BYTES, sizeBytes - start)));
    pages.put(number, page);
    return page;
  }

  @Override
  public void close() throws IOException {
    if (arena.scope().isAlive()) {
      arena.close();
    }
    file.delete();
  }
}
