package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The data of one inode. A read asks each device for whole runs, straight into the caller's memory.
 */
final class FileData implements ByteSource {
  /** How many entries of a chunk table one look takes in: at most 64 KiB of metadata. */
  private static final int MAX_CHUNKS = 8192;

  /** How many clusters one look takes in. */
  private static final int MAX_CLUSTERS = 512;

  private final Volume volume;
  private final Inode inode;

  /** The map of compressed data, else null. */
  private final @Nullable ClusterMap map;

  /** Where there is compressed data, and threads that help to read it. */
  private final @Nullable ReadAhead readAhead;

  private FileData(Volume volume, Inode inode) throws IOException {
    this.volume = volume;
    this.inode = inode;
    this.map =
        inode.layout() instanceof DataLayout.Compressed compressed && inode.sizeBytes() > 0
            ? ClusterMap.open(volume, inode, compressed)
            : null;
    boolean isLong = inode.sizeBytes() > ReadAhead.RUN_BYTES;
    this.readAhead =
        map != null && isLong && volume.hasHelpers() ? new ReadAhead(this, volume.threads()) : null;
  }

  /**
   * Opens the data of {@code inode}.
   *
   * @throws IOException if this version can't read it, or it can't be where the inode says
   */
  static FileData open(Volume volume, Inode inode) throws IOException {
    FileData data = new FileData(volume, inode);
    if (inode.sizeBytes() > 0) {
      // Looks at all of flat data, at the extent of a chunk table, and at the first cluster.
      data.extents(0, inode.sizeBytes(), 1, 1);
    }
    return data;
  }

  /** See {@link ExtentMap#extents}. */
  private List<Extent> extents(long offset, long length, int maxChunks, int maxClusters)
      throws IOException {
    return map == null
        ? ExtentMap.extents(volume, inode, offset, length, maxChunks)
        : ExtentMap.extents(volume, inode, map, offset, length, maxClusters);
  }

  /** The extents that {@code [offset, offset + length)} begins with, for reading ahead. */
  List<Extent> run(long offset, long length) throws IOException {
    return extents(offset, length, MAX_CHUNKS, MAX_CLUSTERS);
  }

  StoredBytes storedBytes() {
    return new StoredBytes(volume, this::name);
  }

  ClusterReader clusters() {
    return volume.clusters();
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
    if (readAhead == null) {
      read(positionBytes, dst, 0);
      return;
    }
    long helpEnd = readAhead.begin(positionBytes, dst.byteSize());
    // Where each processor has a reader of its own, helpers would only be in the way.
    boolean isCounted = volume.threads().tryAcquire();
    try {
      read(positionBytes, dst, helpEnd);
    } finally {
      if (isCounted) {
        volume.threads().release();
      }
    }
  }

  private void read(long positionBytes, MemorySegment dst, long helpEnd) throws IOException {
    try (StoredBytes stored = storedBytes()) {
      long done = 0;
      while (done < dst.byteSize()) {
        List<Extent> extents = run(positionBytes + done, dst.byteSize() - done);
        Extent last = extents.getLast();
        long end = last.fileOffsetBytes() + last.lengthBytes();
        read(extents, dst.asSlice(done, end - positionBytes - done), stored, helpEnd);
        done = end - positionBytes;
      }
    }
  }

  private void read(List<Extent> extents, MemorySegment dst, StoredBytes stored, long helpEnd)
      throws IOException {
    long start = extents.getFirst().fileOffsetBytes();
    // What another thread is just decoding is taken last.
    @Nullable List<Integer> later = null;
    for (int i = 0; i < extents.size(); i++) {
      Extent extent = extents.get(i);
      if (readAhead != null) {
        readAhead.reach(extent.fileOffsetBytes() + extent.lengthBytes());
        readAhead.assign(helpEnd);
        if (extent instanceof Extent.Encoded encoded && clusters().isInWork(encoded)) {
          later = later == null ? new ArrayList<>() : later;
          later.add(i);
          continue;
        }
      }
      read(extents, i, part(extent, start, dst), stored);
    }
    if (later != null) {
      for (int i : later) {
        read(extents, i, part(extents.get(i), start, dst), stored);
      }
    }
  }

  private static MemorySegment part(Extent extent, long start, MemorySegment dst) {
    return dst.asSlice(extent.fileOffsetBytes() - start, extent.lengthBytes());
  }

  private void read(List<Extent> extents, int index, MemorySegment dst, StoredBytes stored)
      throws IOException {
    Supplier<String> place = this::name;
    switch (extents.get(index)) {
      case Extent.Hole hole -> dst.fill((byte) 0);
      case Extent.Plain plain when map != null && StoredBytes.isShort(plain) ->
          dst.copyFrom(stored.get(extents, index));
      case Extent.Plain plain ->
          volume.devices().source(plain.device(), place).read(plain.addressBytes(), dst);
      case Extent.Encoded encoded -> clusters().read(extents, index, stored, dst, place);
      case Extent.Fragment fragment -> volume.packed(inode).read(fragment.packedOffsetBytes(), dst);
    }
  }

  @Override
  public void close() {}
}
