package dev.aquifer.io;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * A source under another name: messages tell what the user named, and not where its bytes are kept.
 * As safe for use by many threads as the source is.
 *
 * @param name the name
 * @param bytes the source, which closes with this
 */
public record NamedSource(String name, ByteSource bytes) implements ByteSource {
  @Override
  public long sizeBytes() {
    return bytes.sizeBytes();
  }

  @Override
  public void read(long positionBytes, MemorySegment dst) throws IOException {
    bytes.read(positionBytes, dst);
  }

  @Override
  public void close() throws IOException {
    bytes.close();
  }
}
