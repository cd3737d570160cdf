package dev.aquifer.build;

import dev.aquifer.io.LittleEndian;
import java.lang.foreign.MemorySegment;

/**
 * The map header of a compressed file and a record for each of its clusters; fields as in {@code
 * dev.aquifer.image.MapHeader} and {@code ExtentRecords}, which read them. A record is as short as
 * the file allows:
 *
 * <table>
 * <caption>records</caption>
 * <tr><th>length</th><th>says</th><th>where</th></tr>
 * <tr><td>4</td><td>stored length</td><td>all clusters but the last have the same power of two of
 * the file's bytes, and lie side by side, none being earlier data's; where the first one is comes before the records</td></tr>
 * <tr><td>8</td><td>and where it is</td><td>the same, but the file ends with a fragment that 32 bits
 * don't reach; all clusters are in the first 4 GiB</td></tr>
 * <tr><td>16</td><td>and where its data begins in the file</td><td>the last cluster does so in the
 * first 4 GiB</td></tr>
 * <tr><td>32</td><td>the same with 64 bits</td><td></td></tr>
 * </table>
 */
final class ExtentIndex implements FileIndex {
  private static final int EXTENTS = 0x1;
  private static final int RECORD_SHIFT = 1;
  private static final int FORMAT_SHIFT = 28;

  /** A flag of a record: what is stored stands for more. */
  private static final int PARTIAL = 1 << 27;

  private static final int LENGTH = 4;
  private static final int WITH_POSITION = 8;
  private static final int WITH_START = 16;
  private static final int WITH_WIDE_START = 32;

  /** Where the first cluster is, before records of 4 bytes. */
  private static final int POSITION_BYTES = 8;

  /** Readers sum up records of 4 bytes: not more than these. */
  private static final int MAX_SUMMED = 1 << 26;

  /** Four bits on disk say by how many powers of two even clusters are larger than a block. */
  private static final int MAX_BITS_MORE = 15;

  private static final long MAX_32 = 0xffff_ffffL;

  private final long fileBytes;
  private final Clusters clusters;
  private final int blockBits;
  private final int format;

  /** Of even clusters: as a power of two, how many bytes of the file each has. */
  private final int evenBits;

  private final int recordBytes;

  ExtentIndex(long fileBytes, Clusters clusters, Encoding encoding) {
    this.fileBytes = fileBytes;
    this.clusters = clusters;
    this.blockBits = encoding.blockBits();
    this.format = clusters.algorithm().number() + 1;
    this.evenBits = Math.max(blockBits, Long.SIZE - Long.numberOfLeadingZeros(length(0) - 1));
    this.recordBytes = recordBytes();
  }

  private long length(int index) {
    return clusters.end(index, fileBytes) - clusters.start(index);
  }

  private int recordBytes() {
    int last = clusters.count() - 1;
    if (!clusters.hasReferences() && isEven()) {
      if (clusters.count() <= MAX_SUMMED
          && (!clusters.hasFragment() || clusters.fragmentAt() <= MAX_32)) {
        return LENGTH;
      }
      if (clusters.positionBytes() + clusters.storedBytes() <= MAX_32) {
        return WITH_POSITION;
      }
    }
    return clusters.start(last) <= MAX_32 ? WITH_START : WITH_WIDE_START;
  }

  private boolean isEven() {
    int last = clusters.count() - 1;
    for (int i = 0; i < last; i++) {
      if (length(i) != 1L << evenBits) {
        return false;
      }
    }
    return evenBits <= blockBits + MAX_BITS_MORE && length(last) <= 1L << evenBits;
  }

  @Override
  public long sizeBytes(long start) {
    return recordsAt(start) - start + (long) clusters.count() * recordBytes;
  }

  /** Where records begin, in bytes from the inode. */
  private long recordsAt(long start) {
    long aligned = start + HEADER_BYTES + recordBytes - 1 & -recordBytes;
    return recordBytes == LENGTH ? aligned + POSITION_BYTES : aligned;
  }

  @Override
  public void write(MemorySegment dst, long start) {
    int size = Integer.numberOfTrailingZeros(recordBytes / LENGTH) << RECORD_SHIFT;
    LittleEndian.put16(dst, 4, EXTENTS | size | (clusters.hasFragment() ? FRAGMENT : 0));
    if (recordBytes >= WITH_START) {
      LittleEndian.put32(dst, 0, clusters.count());
    } else {
      LittleEndian.put8(dst, 7, evenBits - blockBits);
    }
    long at = recordsAt(start) - start;
    long position = Math.max(clusters.positionBytes(), 0);
    if (recordBytes == LENGTH) {
      LittleEndian.put64(dst, at - POSITION_BYTES, position);
    }
    for (int i = 0; i < clusters.count(); i++) {
      boolean isFragment = clusters.hasFragment() && i == clusters.count() - 1;
      if (isFragment) {
        write(dst, at, clusters.fragmentAt(), clusters.fragmentAt() >>> 32, clusters.start(i));
      } else {
        long stored = clusters.storedBytes(i);
        long encoded = clusters.isEncoded(i) ? (long) format << FORMAT_SHIFT : 0;
        long partial = clusters.isPartial(i) ? PARTIAL : 0;
        boolean isOwn = !clusters.isReference(i);
        long address = isOwn ? position : clusters.referredBytes(i);
        write(dst, at, stored | encoded | partial, address, clusters.start(i));
        position += isOwn ? stored : 0;
      }
      at += recordBytes;
    }
  }

  private void write(MemorySegment dst, long at, long length, long position, long start) {
    LittleEndian.put32(dst, at, length & MAX_32);
    if (recordBytes >= WITH_POSITION) {
      LittleEndian.put32(dst, at + 4, position & MAX_32);
    }
    if (recordBytes >= WITH_START) {
      LittleEndian.put32(dst, at + 8, position >>> 32);
      LittleEndian.put32(dst, at + 12, start & MAX_32);
    }
    if (recordBytes >= WITH_WIDE_START) {
      LittleEndian.put32(dst, at + 16, start >>> 32);
    }
  }
}
