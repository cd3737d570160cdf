package dev.aquifer.input;

import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;

/** The bytes of a {@link ByteSource} in turn; closing it closes nothing. For one thread. */
final class SourceStream extends InputStream {
  private static final int BUFFER_BYTES = 256 << 10;

  private final ByteSource source;
  private final byte[] buffer = new byte[BUFFER_BYTES];
  private int used;
  private int filled;
  private long position;

  SourceStream(ByteSource source) {
    this.source = source;
  }

  @Override
  public int read() throws IOException {
    return fill() ? buffer[used++] & 0xff : -1;
  }

  @Override
  public int read(byte[] dst, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    if (!fill()) {
      return -1;
    }
    int count = Math.min(length, filled - used);
    System.arraycopy(buffer, used, dst, offset, count);
    used += count;
    return count;
  }

  @Override
  public int available() {
    return (int) Math.min(Integer.MAX_VALUE, source.sizeBytes() - position + filled - used);
  }

  private boolean fill() throws IOException {
    if (used < filled) {
      return true;
    }
    int count = (int) Math.min(BUFFER_BYTES, source.sizeBytes() - position);
    if (count == 0) {
      return false;
    }
    source.read(position, MemorySegment.ofArray(buffer).asSlice(0, count));
    position += count;
    used = 0;
    filled = count;
    return true;
  }
}
