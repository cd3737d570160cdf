package dev.aquifer.codec;

import java.lang.foreign.MemorySegment;

/**
 * Decodes streams of one algorithm. Safe for use by many threads at once, and safe from what it
 * decodes: nothing outside of {@code src} is read, nothing outside of {@code dst} is written.
 */
public interface Decompressor {
  /**
   * Fills {@code dst} with what the stream {@code src} decodes to.
   *
   * @param src one whole stream without padding, native memory
   * @param dst what is wanted, at least 1 byte, native memory; undefined after an exception
   * @param isPrefix whether the stream may go on after {@code dst.byteSize()} bytes, the rest of it
   *     unread; else it has to end there
   * @throws BadStreamException if the stream gives fewer bytes, more of them than it may, or none
   */
  void decompress(MemorySegment src, MemorySegment dst, boolean isPrefix) throws BadStreamException;
}
