package dev.aquifer.build;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** An image, and what is needed to build it, in memory, of which it takes a part at most. */
final class MemoryTarget implements ImageTarget {
  private final String name;
  private final long maxBytes;
  private final MemoryFile file;
  private long usedBytes;

  /** Makes an empty image; {@code name} is what messages call it. */
  MemoryTarget(String name, long maxBytes) {
    this.name = name;
    this.maxBytes = maxBytes;
    this.file = new MemoryFile(name + " in memory", this);
  }

  /**
   * Takes a piece of memory.
   *
   * @throws IOException if there is not enough of it
   */
  synchronized byte[] take(int lengthBytes) throws IOException {
    if (usedBytes + lengthBytes > maxBytes) {
      throw tooLarge(null);
    }
    try {
      byte[] piece = new byte[lengthBytes];
      usedBytes += lengthBytes;
      return piece;
    } catch (OutOfMemoryError e) {
      throw tooLarge(e);
    }
  }

  private IOException tooLarge(@Nullable Throwable cause) {
    return new IOException(
        "%s: its image does not fit in memory, where it has taken %d MiB: expected a smaller tree, a larger heap (-Xmx), or to build a file"
            .formatted(name, usedBytes >> 20),
        cause);
  }

  synchronized void giveBack(long lengthBytes) {
    usedBytes -= lengthBytes;
  }

  @Override
  public OutputFile file() {
    return file;
  }

  @Override
  public OutputFile scratch(String use) {
    return new MemoryFile(name + " in memory: " + use, this);
  }

  /** What is in memory lasts as long as somebody has it. */
  @Override
  public void commit() {}

  @Override
  public void close() {}
}
