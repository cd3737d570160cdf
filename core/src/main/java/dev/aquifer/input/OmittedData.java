package dev.aquifer.input;

import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** What an archive of headers has in place of the data of its files: nothing that can be read. */
record OmittedData(String name) implements ByteSource {
  @Override
  public long sizeBytes() {
    return 0;
  }

  @Override
  public void read(long positionBytes, MemorySegment dst) throws IOException {
    throw new IOException(
        name + ": has headers alone, and no data of files: expected to need none of it");
  }

  @Override
  public void close() {}
}
