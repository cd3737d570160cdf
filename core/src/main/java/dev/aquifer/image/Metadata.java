package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;

/**
 * Bytes that hold inodes and what belongs to them: the primary device, or the data of the metabox
 * inode. Every read of metadata is range-checked here.
 *
 * @param bytes the bytes
 * @param nidBaseBytes the position of nid 0, may be negative
 */
record Metadata(ByteSource bytes, long nidBaseBytes) {
  private static final int SLOT_BITS = Integer.numberOfTrailingZeros(Inode.SLOT_BYTES);

  /** The position of inode {@code nid}, with bit 63 cleared; it may lie outside the bytes. */
  long positionOf(long nid) {
    long number = nid & Long.MAX_VALUE;
    // No image comes near this, and beyond it the shift would overflow.
    if (number > Long.MAX_VALUE >>> SLOT_BITS + 1) {
      return Long.MAX_VALUE;
    }
    return nidBaseBytes + (number << SLOT_BITS);
  }

  /** How many bytes there are from {@code positionBytes} on; 0 outside. */
  long available(long positionBytes) {
    return positionBytes < 0 ? 0 : Math.max(0, bytes.sizeBytes() - positionBytes);
  }

  /**
   * Reads {@code lengthBytes} bytes at {@code positionBytes}.
   *
   * @param what what is read, for the message if it is not there
   */
  MemorySegment read(long positionBytes, int lengthBytes, Supplier<String> what)
      throws IOException {
    return MemorySegment.ofArray(readArray(positionBytes, lengthBytes, what));
  }

  /** As the other: single bytes of an array are had sooner, before the JVM has compiled that. */
  byte[] readArray(long positionBytes, int lengthBytes, Supplier<String> what) throws IOException {
    check(positionBytes, lengthBytes, what);
    byte[] read = new byte[lengthBytes];
    bytes.read(positionBytes, MemorySegment.ofArray(read));
    return read;
  }

  /** Checks that {@code lengthBytes} bytes at {@code positionBytes} are there. */
  void check(long positionBytes, long lengthBytes, Supplier<String> what)
      throws CorruptDataException {
    if (lengthBytes > available(positionBytes)) {
      throw new CorruptDataException(
          "%s: needs %d bytes at byte 0x%x, but %s ends at byte 0x%x"
              .formatted(what.get(), lengthBytes, positionBytes, bytes.name(), bytes.sizeBytes()));
    }
  }
}
