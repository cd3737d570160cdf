package dev.aquifer.build;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** The spans of a blob, of which some may have to be decoded first. */
interface PlainSpans {
  /** The plain bytes of a span. */
  MemorySegment plain(int index) throws IOException;

  /**
   * Whether {@code bytes} are at {@code positionBytes}, where there are as many.
   *
   * @param spanBits spans have 2^spanBits bytes, but for the last
   */
  default boolean hold(long positionBytes, MemorySegment bytes, int spanBits) throws IOException {
    for (long done = 0; done < bytes.byteSize(); ) {
      MemorySegment plain = plain((int) (positionBytes + done >>> spanBits));
      long offset = positionBytes + done & (1L << spanBits) - 1;
      long step = Math.min(bytes.byteSize() - done, plain.byteSize() - offset);
      if (MemorySegment.mismatch(plain, offset, offset + step, bytes, done, done + step) >= 0) {
        return false;
      }
      done += step;
    }
    return true;
  }
}
