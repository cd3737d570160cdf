package dev.aquifer.build;

import dev.aquifer.io.LittleEndian;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The extended attributes of an inode, as they lie behind it.
 *
 * <table>
 * <caption>attributes of an inode, little endian</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>4</td><td>name filter</td><td>a set bit: no attribute whose name has this hash</td></tr>
 * <tr><td>4</td><td>1</td><td>shared count</td><td>how many ids follow</td></tr>
 * <tr><td>5</td><td>7</td><td>reserved</td><td>0</td></tr>
 * <tr><td>12</td><td>4 n</td><td>shared ids</td><td>positions in the shared area, in units of 4 bytes</td></tr>
 * <tr><td></td><td></td><td>attributes</td><td>see {@link XattrTable}</td></tr>
 * <tr><td></td><td></td><td>room</td><td>0: each 4 bytes an attribute of nothing, which readers pass
 * over</td></tr>
 * </table>
 */
final class XattrSet {
  /** What inodes without attributes have. */
  static final XattrSet NONE = new XattrSet(List.of());

  /** i_xattr_icount has 16 bits and counts 4 bytes each, after the first 12. */
  static final int MAX_BODY_BYTES = 12 + 4 * 65534;

  private static final int HEADER_BYTES = 12;
  private static final int MAX_SHARED = 255;

  /** A header alone is nothing that Linux reads. */
  private static final int MIN_BODY_BYTES = HEADER_BYTES + 4;

  private final List<XattrTable.Entry> entries;

  /** The body has so many bytes at least. */
  private final int roomBytes;

  XattrSet(List<XattrTable.Entry> entries) {
    this(entries, 0);
  }

  private XattrSet(List<XattrTable.Entry> entries, int roomBytes) {
    this.entries = List.copyOf(entries);
    this.roomBytes = roomBytes;
  }

  /** The same in {@code bytes} bytes at least, up to {@link #MAX_BODY_BYTES}; 0 for as it is. */
  XattrSet withRoom(int bytes) {
    return bytes == 0 ? this : new XattrSet(entries, Math.max(MIN_BODY_BYTES, bytes + 3 & ~3));
  }

  /** Whether the attributes fit behind an inode even if none of them is shared. */
  boolean fits() {
    long sizeBytes = HEADER_BYTES;
    for (XattrTable.Entry entry : entries) {
      sizeBytes += entry.sizeBytes();
    }
    return sizeBytes <= MAX_BODY_BYTES;
  }

  /** The length of what lies behind the inode in bytes; 0 without attributes and room for them. */
  int bodyBytes() {
    return Math.max(roomBytes, usedBytes());
  }

  private int usedBytes() {
    if (entries.isEmpty()) {
      return 0;
    }
    int shared = 0;
    int sizeBytes = HEADER_BYTES;
    for (XattrTable.Entry entry : entries) {
      if (entry.isShared() && shared < MAX_SHARED) {
        shared++;
        sizeBytes += 4;
      } else {
        sizeBytes += entry.sizeBytes();
      }
    }
    return sizeBytes;
  }

  List<XattrTable.Entry> entries() {
    return entries;
  }

  /** How many there are to be seen. */
  int count() {
    int count = 0;
    for (XattrTable.Entry entry : entries) {
      count += entry.isHidden ? 0 : 1;
    }
    return count;
  }

  /** The inode's i_xattr_icount. */
  int icount() {
    int bodyBytes = bodyBytes();
    return bodyBytes == 0 ? 0 : (bodyBytes - HEADER_BYTES) / 4 + 1;
  }

  /**
   * Writes {@link #bodyBytes} bytes at the start of zeroed memory.
   *
   * @param spool where names and values come from
   */
  void write(MemorySegment dst, Spool spool) throws IOException {
    int present = 0;
    int shared = 0;
    for (XattrTable.Entry entry : entries) {
      present |= 1 << entry.filterBit;
      if (entry.isShared() && shared < MAX_SHARED) {
        LittleEndian.put32(dst, HEADER_BYTES + 4L * shared, entry.sharedId);
        shared++;
      }
    }
    LittleEndian.put32(dst, 0, ~present);
    LittleEndian.put8(dst, 4, shared);
    long at = HEADER_BYTES + 4L * shared;
    int seen = 0;
    for (XattrTable.Entry entry : entries) {
      if (entry.isShared() && seen < MAX_SHARED) {
        seen++;
      } else {
        at = entry.write(dst, at, spool);
      }
    }
  }
}
