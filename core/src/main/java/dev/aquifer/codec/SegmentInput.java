package dev.aquifer.codec;

import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Reads {@code bytes}, with {@code first} in place of the first of them. */
final class SegmentInput extends InputStream {
  private final MemorySegment bytes;
  private final int first;
  private long position;

  SegmentInput(MemorySegment bytes, int first) {
    this.bytes = bytes;
    this.first = first;
  }

  @Override
  public int read() {
    if (position >= bytes.byteSize()) {
      return -1;
    }
    return position++ == 0 ? first : bytes.get(ValueLayout.JAVA_BYTE, position - 1) & 0xff;
  }

  @Override
  public int read(byte[] dst, int offset, int length) {
    int count = 0;
    for (int next = 0; count < length && (next = read()) >= 0; count++) {
      dst[offset + count] = (byte) next;
    }
    return count == 0 && length > 0 ? -1 : count;
  }

  boolean isAtEnd() {
    return position >= bytes.byteSize();
  }
}
