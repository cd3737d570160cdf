package dev.aquifer.nio;

import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * A source under another name: messages tell what the user named, and not a path in the cache.
 *
 * @param name the name
 * @param bytes the source, which closes with this
 */
record NamedSource(String name, ByteSource bytes) implements ByteSource {
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
