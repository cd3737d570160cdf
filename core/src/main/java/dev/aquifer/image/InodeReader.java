package dev.aquifer.image;

import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.util.function.Supplier;

/**
 * Decodes inodes. They lie in slots of 32 bytes and have 32 bytes (compact) or 64 (extended),
 * little endian; then come the extended attributes, the metadata of the layout, the inline tail.
 *
 * <table>
 * <caption>inode</caption>
 * <tr><th>compact</th><th>extended</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0, 2</td><td>0, 2</td><td>i_format</td><td>bit 0 extended; bits 1 to 3 layout; bit 4
 * NLINK_1 (compact, no directory: nlink is 1 and i_nb belongs to the address) or DOT_OMITTED
 * (directory); others 0</td></tr>
 * <tr><td>2, 2</td><td>2, 2</td><td>i_xattr_icount</td><td>n: 12 + 4 (n - 1) bytes of extended
 * attributes, none if 0</td></tr>
 * <tr><td>4, 2</td><td>4, 2</td><td>i_mode</td><td>as st_mode</td></tr>
 * <tr><td>6, 2</td><td>6, 2</td><td>i_nb</td><td>compact without NLINK_1: nlink; else bits 32 to 47
 * of the start block</td></tr>
 * <tr><td>8, 4</td><td>8, 8</td><td>i_size</td><td>bytes of data</td></tr>
 * <tr><td>12, 4</td><td></td><td>i_mtime</td><td>seconds after the superblock's epoch</td></tr>
 * <tr><td>16, 4</td><td>16, 4</td><td>i_u</td><td>start block, device number, or chunk format: bits
 * 0 to 4 chunk bits less block bits, bit 5 indexes, bit 6 48-bit addresses</td></tr>
 * <tr><td>20, 4</td><td>20, 4</td><td>i_ino</td><td>a serial number, not used</td></tr>
 * <tr><td>24, 2</td><td>24, 4</td><td>i_uid</td><td></td></tr>
 * <tr><td>26, 2</td><td>28, 4</td><td>i_gid</td><td></td></tr>
 * <tr><td></td><td>32, 8</td><td>i_mtime</td><td>seconds since 1970, signed</td></tr>
 * <tr><td></td><td>40, 4</td><td>i_mtime_nsec</td><td></td></tr>
 * <tr><td></td><td>44, 4</td><td>i_nlink</td><td></td></tr>
 * </table>
 */
final class InodeReader implements Supplier<String> {
  private static final int FORMAT_EXTENDED = 0x1;
  private static final int FORMAT_SHORT_NB = 0x10;
  private static final int FORMAT_KNOWN = 0x1f;

  private static final int FLAT_PLAIN = 0;
  private static final int COMPRESSED_FULL = 1;
  private static final int FLAT_INLINE = 2;
  private static final int COMPRESSED_COMPACT = 3;
  private static final int CHUNK_BASED = 4;

  private static final int CHUNK_BITS_MASK = 0x1f;
  private static final int CHUNK_KNOWN = 0x7f;

  private static final long ONES_32 = 0xffff_ffffL;
  private static final long ONES_48 = 0xffff_ffff_ffffL;
  private static final int NANOS_PER_SECOND = 1_000_000_000;

  private final String imageName;
  private final Superblock superblock;
  private final long nid;
  private final long position;
  private final byte[] raw;
  private final boolean isExtended;

  private InodeReader(String imageName, Superblock superblock, Metadata metadata, long nid)
      throws IOException {
    this.imageName = imageName;
    this.superblock = superblock;
    this.nid = nid;
    this.position = metadata.positionOf(nid);
    // One read for either form, where the metadata does not end before.
    int length = (int) Math.min(Inode.EXTENDED_BYTES, metadata.available(position));
    this.raw = metadata.readArray(position, Math.max(Inode.COMPACT_BYTES, length), this);
    this.isExtended = (LittleEndian.u16(raw, 0) & FORMAT_EXTENDED) != 0;
    metadata.check(position, isExtended ? Inode.EXTENDED_BYTES : Inode.COMPACT_BYTES, this);
  }

  /**
   * Reads inode {@code nid} and checks it. Ranges that it points to are checked when they are read.
   *
   * @throws UnsupportedFeatureException if it uses what this version does not know
   */
  static Inode read(String imageName, Superblock superblock, Metadata metadata, long nid)
      throws IOException {
    return new InodeReader(imageName, superblock, metadata, nid).decode();
  }

  private Inode decode() throws IOException {
    int format = LittleEndian.u16(raw, 0);
    if ((format & ~FORMAT_KNOWN) != 0) {
      throw unsupported(
          "format 0x%x has unknown bits 0x%x".formatted(format, format & ~FORMAT_KNOWN));
    }
    int mode = LittleEndian.u16(raw, 4);
    FileType type = FileType.ofMode(mode);
    if (type == null) {
      throw corrupt("mode 0%o is of no type of file".formatted(mode));
    }
    int xattrCount = LittleEndian.u16(raw, 2);
    int xattrSize = xattrCount == 0 ? 0 : 12 + 4 * (xattrCount - 1);
    long bodyEnd = position + (isExtended ? Inode.EXTENDED_BYTES : Inode.COMPACT_BYTES) + xattrSize;
    long size = isExtended ? LittleEndian.u64(raw, 8) : LittleEndian.u32(raw, 8);
    if (size < 0) {
      throw corrupt("size %s: expected less than 2^63".formatted(Long.toUnsignedString(size)));
    }
    boolean hasHighHalf =
        isExtended || type != FileType.DIRECTORY && (format & FORMAT_SHORT_NB) != 0;
    long rdev = type.isDevice() ? LittleEndian.u32(raw, 16) : 0;
    return new Inode(
        nid,
        position,
        type,
        mode,
        isExtended ? LittleEndian.u32(raw, 24) : LittleEndian.u16(raw, 24),
        isExtended ? LittleEndian.u32(raw, 28) : LittleEndian.u16(raw, 26),
        nlink(hasHighHalf),
        size,
        isExtended
            ? LittleEndian.u64(raw, 32)
            : superblock.epochSeconds() + LittleEndian.u32(raw, 12),
        isExtended ? nanos() : superblock.fixedNanos(),
        (int) (rdev >> 8 & 0xfff),
        (int) (rdev & 0xff | rdev >> 12 & 0xfff00),
        bodyEnd - xattrSize,
        xattrSize,
        layout(type, format >> 1 & 7, size, hasHighHalf, bodyEnd));
  }

  private long nlink(boolean hasHighHalf) {
    if (isExtended) {
      return LittleEndian.u32(raw, 44);
    }
    return hasHighHalf ? 1 : LittleEndian.u16(raw, 6);
  }

  private int nanos() throws CorruptDataException {
    long nanos = LittleEndian.u32(raw, 40);
    if (nanos >= NANOS_PER_SECOND) {
      throw corrupt("%d nanoseconds: expected less than %d".formatted(nanos, NANOS_PER_SECOND));
    }
    return (int) nanos;
  }

  private DataLayout layout(FileType type, int number, long size, boolean hasHighHalf, long bodyEnd)
      throws IOException {
    if (number > CHUNK_BASED) {
      throw unsupported("data layout %d is unknown".formatted(number));
    }
    if (!type.hasData()) {
      return new DataLayout.NoData();
    }
    long low = LittleEndian.u32(raw, 16);
    long startBlock = hasHighHalf ? (long) LittleEndian.u16(raw, 6) << 32 | low : low;
    return switch (number) {
      case FLAT_PLAIN ->
          new DataLayout.FlatPlain(
              startBlock == (hasHighHalf ? ONES_48 : ONES_32) ? DataLayout.NO_BLOCK : startBlock);
      case FLAT_INLINE -> {
        checkTail(size, bodyEnd);
        yield new DataLayout.FlatInline(startBlock, bodyEnd);
      }
      case COMPRESSED_FULL, COMPRESSED_COMPACT ->
          new DataLayout.Compressed(number == COMPRESSED_COMPACT, alignUp(bodyEnd, 8));
      default -> chunkBased((int) (low & 0xffff), bodyEnd);
    };
  }

  private void checkTail(long size, long tailPosition) throws CorruptDataException {
    int blockSize = superblock.blockSizeBytes();
    long offsetInBlock = tailPosition & blockSize - 1;
    long tail = DataLayout.FlatInline.tailBytes(size, blockSize);
    if (offsetInBlock + tail > blockSize) {
      throw corrupt(
          "its inline tail of %d bytes at byte 0x%x crosses a block of %d bytes"
              .formatted(tail, tailPosition, blockSize));
    }
  }

  private DataLayout chunkBased(int format, long bodyEnd) throws UnsupportedFeatureException {
    if ((format & ~CHUNK_KNOWN) != 0) {
      throw unsupported(
          "chunk format 0x%x has unknown bits 0x%x".formatted(format, format & ~CHUNK_KNOWN));
    }
    boolean hasIndexes = (format & DataLayout.ChunkBased.INDEXES) != 0;
    return new DataLayout.ChunkBased(
        superblock.blockBits() + (format & CHUNK_BITS_MASK),
        hasIndexes,
        (format & DataLayout.ChunkBased.WIDE_ADDRESSES) != 0,
        alignUp(
            bodyEnd,
            hasIndexes
                ? DataLayout.ChunkBased.INDEX_BYTES
                : DataLayout.ChunkBased.BLOCK_MAP_BYTES));
  }

  private static long alignUp(long position, int unit) {
    return position + unit - 1 & -unit;
  }

  private CorruptDataException corrupt(String what) {
    return new CorruptDataException(place() + ": " + what);
  }

  private UnsupportedFeatureException unsupported(String what) {
    return new UnsupportedFeatureException(place() + ": " + what + ": a newer version may read it");
  }

  /** What is read, for messages: itself, as an object for it takes the JVM longer than an inode. */
  @Override
  public String get() {
    return place();
  }

  private String place() {
    return Inode.place(imageName, nid, position);
  }
}
