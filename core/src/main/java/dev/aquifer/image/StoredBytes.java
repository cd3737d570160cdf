package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Reads the stored bytes of clusters one after the other; those that lie behind each other are read
 * at once. For one thread.
 */
final class StoredBytes implements AutoCloseable {
  /** How much is read at once, unless one cluster has more. */
  private static final int READ_BYTES = 256 * 1024;

  private final Volume volume;
  private final Supplier<String> place;
  private @Nullable Scratch scratch;

  /** That of the scratch, which holds [start, end) of the device. */
  private MemorySegment memory = MemorySegment.NULL;

  private int device;
  private long start;
  private long end;

  StoredBytes(Volume volume, Supplier<String> place) {
    this.volume = volume;
    this.place = place;
  }

  /**
   * The stored bytes of {@code extents.get(index)}, which must be encoded, in native memory until
   * the next call.
   */
  MemorySegment get(List<Extent> extents, int index) throws IOException {
    Extent.Encoded extent = (Extent.Encoded) extents.get(index);
    if (device != extent.device()
        || extent.addressBytes() < start
        || extent.addressBytes() + extent.storedBytes() > end) {
      read(extent, endOfRun(extents, index) - extent.addressBytes());
    }
    return memory.asSlice(extent.addressBytes() - start, extent.storedBytes());
  }

  /** Where the bytes end that lie behind each other and are wanted one after the other. */
  private static long endOfRun(List<Extent> extents, int index) {
    Extent.Encoded first = (Extent.Encoded) extents.get(index);
    long end = first.addressBytes() + first.storedBytes();
    for (int i = index + 1; i < extents.size(); i++) {
      if (!(extents.get(i) instanceof Extent.Encoded next)
          || next.device() != first.device()
          || next.addressBytes() != end
          || end + next.storedBytes() - first.addressBytes() > READ_BYTES) {
        break;
      }
      end += next.storedBytes();
    }
    return end;
  }

  private void read(Extent.Encoded extent, long length) throws IOException {
    if (memory.byteSize() < length) {
      close();
      Scratch taken = Scratch.take(length);
      scratch = taken;
      memory = taken.memory();
    }
    // What is there is lost, even if the read fails.
    end = start;
    source(extent.device()).read(extent.addressBytes(), memory.asSlice(0, length));
    device = extent.device();
    start = extent.addressBytes();
    end = start + length;
  }

  private ByteSource source(int number) throws IOException {
    return number == Extent.METABOX
        ? volume.metabox().bytes()
        : volume.devices().source(number, place);
  }

  @Override
  public void close() {
    if (scratch != null) {
      scratch.close();
      scratch = null;
      memory = MemorySegment.NULL;
    }
    end = start;
  }
}
