package dev.aquifer.mount;

import dev.aquifer.io.LittleEndian;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/** The smallest EROFS image with an extra device: an empty root directory. To try a kernel out. */
final class TinyImage {
  static final int BLOCK_BYTES = 4096;
  private static final int SUPERBLOCK = 1024;
  private static final int DEVICE_SLOT = 1152;
  private static final int ROOT_NID = 40;
  private static final int ROOT = ROOT_NID * 32;
  private static final int NAMES = 24;

  private TinyImage() {}

  /** The image: one block. Fields as in the format's superblock, device slot, inode and dirents. */
  static byte[] bytes() {
    byte[] bytes = new byte[BLOCK_BYTES];
    MemorySegment image = MemorySegment.ofArray(bytes);
    LittleEndian.put32(image, SUPERBLOCK, 0xE0F5E1E2L);
    LittleEndian.put8(image, SUPERBLOCK + 12, 12); // blkszbits
    LittleEndian.put16(image, SUPERBLOCK + 14, ROOT_NID);
    LittleEndian.put64(image, SUPERBLOCK + 16, 1); // inos
    LittleEndian.put32(image, SUPERBLOCK + 36, 1); // blocks
    LittleEndian.put32(image, SUPERBLOCK + 80, 0xc); // CHUNKED_FILE, DEVICE_TABLE
    LittleEndian.put16(image, SUPERBLOCK + 86, 1); // extra_devices
    LittleEndian.put16(image, SUPERBLOCK + 88, DEVICE_SLOT / 128);
    LittleEndian.put32(image, DEVICE_SLOT + 64, 1); // blocks
    LittleEndian.put16(image, ROOT, 2 << 1); // compact, FLAT_INLINE
    LittleEndian.put16(image, ROOT + 4, 0040755);
    LittleEndian.put16(image, ROOT + 6, 2); // nlink
    LittleEndian.put32(image, ROOT + 8, NAMES + 3);
    LittleEndian.put32(image, ROOT + 16, 0xffff_ffffL);
    putDirent(image, ROOT + 32, NAMES);
    putDirent(image, ROOT + 32 + 12, NAMES + 1);
    byte[] names = "...".getBytes(StandardCharsets.US_ASCII);
    MemorySegment.copy(names, 0, image, ValueLayout.JAVA_BYTE, ROOT + 32 + NAMES, names.length);
    return bytes;
  }

  private static void putDirent(MemorySegment image, long at, int nameOffset) {
    LittleEndian.put64(image, at, ROOT_NID);
    LittleEndian.put16(image, at + 8, nameOffset);
    LittleEndian.put8(image, at + 10, 2); // directory
  }
}
