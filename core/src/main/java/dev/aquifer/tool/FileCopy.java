package dev.aquifer.tool;

import dev.aquifer.image.DataLayout;
import dev.aquifer.image.Extent;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Reads the data of a file in large steps, without its holes. */
public final class FileCopy {
  private FileCopy() {}

  /** Takes data. */
  @FunctionalInterface
  public interface Data {
    /** Takes the bytes at {@code positionBytes} of the file; {@code data} is used again. */
    void take(long positionBytes, MemorySegment data) throws IOException;
  }

  /**
   * Gives the data of {@code inode}, a regular file, to {@code out}, from its start; what is not
   * given are holes, which read as zeros.
   *
   * @param buffer what the data passes through, best 1 MiB or more, outside the heap
   */
  public static void copy(Image image, Inode inode, MemorySegment buffer, Data out)
      throws IOException {
    try (ByteSource data = image.open(inode)) {
      // Only these layouts can have holes that cost no look at the data.
      boolean mayHaveHoles =
          inode.layout() instanceof DataLayout.ChunkBased
              || inode.layout() instanceof DataLayout.FlatPlain;
      for (long at = 0; at < inode.sizeBytes(); ) {
        long end = inode.sizeBytes();
        if (mayHaveHoles) {
          Extent extent = image.map(inode, at);
          end = at + extent.lengthBytes();
          if (extent instanceof Extent.Hole) {
            at = end;
            continue;
          }
        }
        while (at < end) {
          MemorySegment step = buffer.asSlice(0, Math.min(buffer.byteSize(), end - at));
          data.read(at, step);
          out.take(at, step);
          at += step.byteSize();
        }
      }
    }
  }
}
