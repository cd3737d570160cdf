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
      boolean isMapped =
          inode.layout() instanceof DataLayout.ChunkBased
              || inode.layout() instanceof DataLayout.FlatPlain;
      // Compressed data has so many runs that only where a step begins is looked at.
      boolean isLooked =
          inode.layout() instanceof DataLayout.Compressed && inode.sizeBytes() > buffer.byteSize();
      for (long at = 0; at < inode.sizeBytes(); ) {
        long end = inode.sizeBytes();
        if (isMapped || isLooked) {
          Extent extent = image.map(inode, at);
          long extentEnd = at + extent.lengthBytes();
          if (extent instanceof Extent.Hole) {
            at = extentEnd;
            continue;
          }
          end = isMapped ? extentEnd : Math.min(end, at + buffer.byteSize());
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
