package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Supplier;

/**
 * The data of one inode. A read asks each device for whole runs, straight into the caller's memory.
 */
final class FileData implements ByteSource {
  /** How many entries of a chunk table one look takes in: at most 64 KiB of metadata. */
  private static final int MAX_CHUNKS = 8192;

  private final Volume volume;
  private final Inode inode;

  private FileData(Volume volume, Inode inode) {
    this.volume = volume;
    this.inode = inode;
  }

  /**
   * Opens the data of {@code inode}.
   *
   * @throws IOException if this version can't read it, or it can't be where the inode says
   */
  static FileData open(Volume volume, Inode inode) throws IOException {
    if (inode.sizeBytes() > 0) {
      // Looks at all of flat data and at the extent of a chunk table.
      ExtentMap.extents(volume, inode, 0, inode.sizeBytes(), 1);
    }
    return new FileData(volume, inode);
  }

  @Override
  public String name() {
    return inode.place(volume.name());
  }

  @Override
  public long sizeBytes() {
    return inode.sizeBytes();
  }

  @Override
  public void read(long positionBytes, MemorySegment dst) throws IOException {
    checkRange(positionBytes, dst.byteSize());
    Supplier<String> place = this::name;
    long done = 0;
    while (done < dst.byteSize()) {
      List<Extent> extents =
          ExtentMap.extents(volume, inode, positionBytes + done, dst.byteSize() - done, MAX_CHUNKS);
      for (Extent extent : extents) {
        MemorySegment part = dst.asSlice(done, extent.lengthBytes());
        switch (extent) {
          case Extent.Hole hole -> part.fill((byte) 0);
          case Extent.Plain plain ->
              volume.devices().source(plain.device(), place).read(plain.addressBytes(), part);
        }
        done += extent.lengthBytes();
      }
    }
  }

  @Override
  public void close() {}
}
