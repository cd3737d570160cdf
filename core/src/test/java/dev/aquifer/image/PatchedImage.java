package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.LittleEndian;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.zip.CRC32C;

/** A copy of an image's bytes that a test changes, with its checksum set right again. */
public final class PatchedImage {
  private final byte[] bytes;
  private final MemorySegment segment;

  public PatchedImage(byte[] bytes) {
    this.bytes = bytes.clone();
    this.segment = MemorySegment.ofArray(this.bytes);
  }

  public PatchedImage u8(long position, int value) {
    LittleEndian.put8(segment, position, value);
    return this;
  }

  public PatchedImage u16(long position, int value) {
    LittleEndian.put16(segment, position, value);
    return this;
  }

  public PatchedImage u32(long position, long value) {
    LittleEndian.put32(segment, position, value);
    return this;
  }

  public PatchedImage u64(long position, long value) {
    LittleEndian.put64(segment, position, value);
    return this;
  }

  public int u8(long position) {
    return LittleEndian.u8(segment, position);
  }

  public int u16(long position) {
    return LittleEndian.u16(segment, position);
  }

  /** A field of the superblock. */
  static long sb(int offset) {
    return 1024 + offset;
  }

  /** The bytes, with the checksum that they then need. */
  public byte[] bytes() {
    int blockBits = bytes.length > 1036 ? bytes[1036] : 0;
    if (blockBits >= 9 && blockBits <= 16 && (bytes[1032] & 1) != 0) {
      int blockSize = 1 << blockBits;
      int end = blockSize > 1024 ? blockSize : 1024 + blockSize;
      if (end <= bytes.length) {
        u32(sb(4), 0);
        CRC32C crc = new CRC32C();
        crc.update(bytes, 1024, end - 1024);
        u32(sb(4), ~crc.getValue());
      }
    }
    return bytes.clone();
  }

  public Image open() throws IOException {
    return open(bytes());
  }

  static Image open(byte[] bytes) throws IOException {
    return Image.open(ByteSource.of("image", bytes));
  }

  static byte[] cut(byte[] bytes, int length) {
    return Arrays.copyOf(bytes, length);
  }
}
