package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Reads the stored bytes of clusters one after the other; those that lie behind each other are read
 * at once, and with them short runs of bytes stored as they are. For one thread.
 */
final class StoredBytes implements AutoCloseable {
  /** How much is read at once, unless one cluster has more. */
  private static final int READ_BYTES = 256 * 1024;

  /** Longer runs of bytes that are as they are are read to where they are wanted. */
  private static final int MAX_PLAIN_BYTES = 32 * 1024;

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

  /** Whether {@code extent} is stored as it is, and worth being read with its neighbours. */
  static boolean isShort(Extent.Plain extent) {
    return extent.lengthBytes() <= MAX_PLAIN_BYTES;
  }

  /**
   * The stored bytes of {@code extents.get(index)}, which must be encoded, or plain and short, in
   * native memory until the next call.
   */
  MemorySegment get(List<Extent> extents, int index) throws IOException {
    Stored stored = Stored.of(extents.get(index));
    if (stored == null) {
      throw new IllegalArgumentException(extents.get(index) + " has no short stored bytes");
    }
    if (device != stored.device
        || stored.addressBytes < start
        || stored.addressBytes + stored.lengthBytes > end) {
      read(stored, endOfRun(stored, extents, index) - stored.addressBytes);
    }
    return memory.asSlice(stored.addressBytes - start, stored.lengthBytes);
  }

  /** Stored bytes that pass through here. */
  private record Stored(int device, long addressBytes, long lengthBytes) {
    static @Nullable Stored of(Extent extent) {
      if (extent instanceof Extent.Encoded encoded) {
        return new Stored(encoded.device(), encoded.addressBytes(), encoded.storedBytes());
      }
      return extent instanceof Extent.Plain plain && isShort(plain)
          ? new Stored(plain.device(), plain.addressBytes(), plain.lengthBytes())
          : null;
    }
  }

  /** Where the bytes end that lie behind each other and are wanted one after the other. */
  private static long endOfRun(Stored first, List<Extent> extents, int index) {
    long end = first.addressBytes + first.lengthBytes;
    for (int i = index + 1; i < extents.size(); i++) {
      Stored next = Stored.of(extents.get(i));
      if (next == null
          || next.device != first.device
          || next.addressBytes != end
          || end + next.lengthBytes - first.addressBytes > READ_BYTES) {
        break;
      }
      end += next.lengthBytes;
    }
    return end;
  }

  private void read(Stored extent, long length) throws IOException {
    if (memory.byteSize() < length) {
      close();
      Scratch taken = Scratch.take(length);
      scratch = taken;
      memory = taken.memory();
    }
    // What is there is lost, even if the read fails.
    end = start;
    source(extent.device).read(extent.addressBytes, memory.asSlice(0, length));
    device = extent.device;
    start = extent.addressBytes;
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
