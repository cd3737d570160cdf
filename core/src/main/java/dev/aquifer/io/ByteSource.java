package dev.aquifer.io;

import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * Immutable bytes with random access: a local file, a remote object, a cached blob, a device of an
 * image, a file inside an image.
 *
 * <p>Positional, without a cursor. Safe for use by many threads at once. Reads of a closed source
 * throw {@link IOException}.
 */
public interface ByteSource extends Closeable {
  /** What messages call this source: a path, a URL, a digest. */
  String name();

  /** The size in bytes; never changes. */
  long sizeBytes();

  /**
   * Fills {@code dst} with the bytes at {@code [positionBytes, positionBytes + dst.byteSize())}.
   *
   * @throws CorruptDataException if the range ends beyond {@link #sizeBytes()} or the bytes fail
   *     their proof
   * @throws IOException if the bytes can't be had now; what is in {@code dst} is then undefined
   */
  void read(long positionBytes, MemorySegment dst) throws IOException;

  /** Returns {@code lengthBytes} bytes at {@code positionBytes} in a new array. */
  default byte[] readBytes(long positionBytes, int lengthBytes) throws IOException {
    byte[] bytes = new byte[lengthBytes];
    if (lengthBytes > 0) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment buffer = arena.allocate(lengthBytes);
        read(positionBytes, buffer);
        MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, 0, bytes, 0, lengthBytes);
      }
    }
    return bytes;
  }

  /**
   * Returns a view of {@code [offsetBytes, offsetBytes + lengthBytes)}. The view does not own this
   * source: closing it does nothing.
   *
   * @throws CorruptDataException if the range does not lie inside this source
   */
  default ByteSource slice(long offsetBytes, long lengthBytes) throws CorruptDataException {
    checkRange(offsetBytes, lengthBytes);
    ByteSource whole = this;
    return new ByteSource() {
      @Override
      public String name() {
        return whole.name();
      }

      @Override
      public long sizeBytes() {
        return lengthBytes;
      }

      @Override
      public void read(long positionBytes, MemorySegment dst) throws IOException {
        checkRange(positionBytes, dst.byteSize());
        whole.read(offsetBytes + positionBytes, dst);
      }

      @Override
      public void close() {}
    };
  }

  /**
   * Checks that {@code [positionBytes, positionBytes + lengthBytes)} lies inside this source.
   *
   * @throws CorruptDataException if it does not; the message names source, range and size
   */
  default void checkRange(long positionBytes, long lengthBytes) throws CorruptDataException {
    long size = sizeBytes();
    if (positionBytes < 0 || lengthBytes < 0 || positionBytes > size - lengthBytes) {
      throw new CorruptDataException(
          "%s: bytes %d to %s are wanted, but it ends at byte %d"
              .formatted(
                  name(),
                  positionBytes,
                  lengthBytes < 0 ? "?" : Long.toUnsignedString(positionBytes + lengthBytes),
                  size));
    }
  }

  /** Bytes in memory; {@code bytes} must not be changed afterwards. */
  static ByteSource of(String name, byte[] bytes) {
    return of(name, MemorySegment.ofArray(bytes));
  }

  /** Bytes in memory; {@code bytes} must stay alive and must not be changed afterwards. */
  static ByteSource of(String name, MemorySegment bytes) {
    Objects.requireNonNull(name);
    return new ByteSource() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public long sizeBytes() {
        return bytes.byteSize();
      }

      @Override
      public void read(long positionBytes, MemorySegment dst) throws IOException {
        checkRange(positionBytes, dst.byteSize());
        MemorySegment.copy(bytes, positionBytes, dst, 0, dst.byteSize());
      }

      @Override
      public void close() {}
    };
  }
}
