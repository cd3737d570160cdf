package dev.aquifer.io;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Reads and writes unaligned little-endian integers. 32-bit unsigned values live in {@code long}.
 *
 * <p>From arrays by single bytes: what is read often, such as an index, is that fast long before
 * the JVM has compiled it.
 */
public final class LittleEndian {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private LittleEndian() {}

  /** The unsigned byte at {@code offset}. */
  public static int u8(MemorySegment segment, long offset) {
    return segment.get(ValueLayout.JAVA_BYTE, offset) & 0xff;
  }

  /** The unsigned 16-bit value at {@code offset}. */
  public static int u16(MemorySegment segment, long offset) {
    return segment.get(SHORT, offset) & 0xffff;
  }

  /** The unsigned 32-bit value at {@code offset}. */
  public static long u32(MemorySegment segment, long offset) {
    return segment.get(INT, offset) & 0xffffffffL;
  }

  /** The 64-bit value at {@code offset}. */
  public static long u64(MemorySegment segment, long offset) {
    return segment.get(LONG, offset);
  }

  /** The unsigned 16-bit value at {@code offset} of an array. */
  public static int u16(byte[] bytes, int offset) {
    return bytes[offset] & 0xff | (bytes[offset + 1] & 0xff) << 8;
  }

  /** The unsigned 32-bit value at {@code offset} of an array. */
  public static long u32(byte[] bytes, int offset) {
    return u16(bytes, offset) | (long) u16(bytes, offset + 2) << 16;
  }

  /** The 64-bit value at {@code offset} of an array. */
  public static long u64(byte[] bytes, int offset) {
    return u32(bytes, offset) | u32(bytes, offset + 4) << 32;
  }

  /** Writes the low 8 bits of {@code value}. */
  public static void put8(MemorySegment segment, long offset, int value) {
    segment.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
  }

  /** Writes the low 16 bits of {@code value}. */
  public static void put16(MemorySegment segment, long offset, int value) {
    segment.set(SHORT, offset, (short) value);
  }

  /** Writes the low 32 bits of {@code value}. */
  public static void put32(MemorySegment segment, long offset, long value) {
    segment.set(INT, offset, (int) value);
  }

  /** Writes {@code value}. */
  public static void put64(MemorySegment segment, long offset, long value) {
    segment.set(LONG, offset, value);
  }
}
