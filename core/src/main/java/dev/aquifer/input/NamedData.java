package dev.aquifer.input;

import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Data under the name that messages call it. */
record NamedData(String name, ByteSource source) implements ByteSource {
  @Override
  public long sizeBytes() {
    return source.sizeBytes();
  }

  @Override
  public void read(long positionBytes, MemorySegment dst) throws IOException {
    source.read(positionBytes, dst);
  }

  @Override
  public void close() throws IOException {
    source.close();
  }
}
