package dev.aquifer.image;

import dev.aquifer.codec.Algorithm;
import dev.aquifer.image.Cluster.Form;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;

/**
 * The map of a file with a record for each of its runs, aligned to its size after the map header,
 * little endian. Records of 4 and 8 bytes stand for a logical cluster each; before those of 4 bytes
 * is a start of 8 bytes, from where on all is stored without gaps.
 *
 * <table>
 * <caption>extent record</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>4</td><td>plen</td><td>bits 0 to 20: stored bytes, 0 for a hole; bit 27: they may
 * stand for more; bits 28 to 31: algorithm + 1, 0 for none</td></tr>
 * <tr><td>4</td><td>4</td><td>pstart_lo</td><td>first stored byte</td></tr>
 * <tr><td>8</td><td>4</td><td>pstart_hi</td><td></td></tr>
 * <tr><td>12</td><td>4</td><td>lstart_lo</td><td>first byte of the file</td></tr>
 * <tr><td>16</td><td>4</td><td>lstart_hi</td><td></td></tr>
 * <tr><td>20</td><td>12</td><td>reserved</td><td></td></tr>
 * </table>
 *
 * <p>With FRAGMENT, plen and pstart_lo of the last record are its offset in the packed inode.
 */
final class ExtentRecords extends ClusterMap {
  private static final int STORED_MASK = 0x1fffff;
  private static final int PARTIAL = 1 << 27;
  private static final int FORMAT_SHIFT = 28;
  private static final int START_BYTES = 8;

  /** The sizes of records that have one field more each. */
  private static final int WITH_PSTART = 8;

  private static final int WITH_LSTART = 16;
  private static final int WITH_LSTART_HI = 32;

  /** Where the sum of 4-byte records before each 1024th of them is remembered. */
  private static final int SUM_BITS = 10;

  /** So many 4-byte records, for 256 GiB in blocks of 4 KiB, can be summed up in a second. */
  private static final int MAX_SUMMED = 1 << 26;

  private final MapHeader header;
  private final IndexBytes bytes;
  private final int recordBytes;
  private final long start;
  private final long count;
  private final int blockBits;
  private final long[] sums;

  /** How many of the sums are known; guarded by {@code sums}. */
  private int knownSums = 1;

  ExtentRecords(Volume volume, Inode inode, MapHeader header, IndexBytes bytes, Metadata metadata)
      throws IOException {
    super(volume, inode);
    this.header = header;
    this.bytes = bytes;
    this.recordBytes = header.recordBytes();
    this.blockBits = volume.superblock().blockBits();
    long aligned = header.endBytes() + recordBytes - 1 & -recordBytes;
    this.start = recordBytes < WITH_PSTART ? aligned + START_BYTES : aligned;
    this.count =
        recordBytes < WITH_LSTART
            ? (inode.sizeBytes() - 1 >>> header.lclusterBits()) + 1
            : header.extents();
    if (count > metadata.available(start) / recordBytes) {
      throw new CorruptDataException(
          "%s: %d extent records of %d bytes at byte 0x%x: the image ends before"
              .formatted(inode.place(volume.name()), count, recordBytes, start));
    }
    if (recordBytes < WITH_PSTART && count > MAX_SUMMED) {
      throw new UnsupportedFeatureException(
          "%s: %d extent records of 4 bytes: expected at most %d"
              .formatted(inode.place(volume.name()), count, MAX_SUMMED));
    }
    this.sums = new long[recordBytes < WITH_PSTART ? (int) (count - 1 >>> SUM_BITS) + 1 : 0];
  }

  @Override
  Cluster look(long offset) throws IOException {
    if (recordBytes >= WITH_LSTART) {
      return search(offset);
    }
    long number = offset >>> header.lclusterBits();
    long from = number << header.lclusterBits();
    long length = Math.min(1L << header.lclusterBits(), inode.sizeBytes() - from);
    long plen = u32(number, 0);
    long address = recordBytes >= WITH_PSTART ? u32(number, 4) : addressOf(number);
    return cluster(from, length, plen, address, number == count - 1);
  }

  @Override
  long endBytes() {
    return start + count * recordBytes;
  }

  private long u32(long number, int field) throws IOException {
    long position = start + number * recordBytes;
    return LittleEndian.u32(bytes.at(position, recordBytes), IndexBytes.offset(position) + field);
  }

  /** Where a 4-byte record's bytes begin: after those of all before it. */
  private long addressOf(long number) throws IOException {
    synchronized (sums) {
      if (knownSums == 1) {
        byte[] window = bytes.at(start - START_BYTES, START_BYTES);
        sums[0] = LittleEndian.u64(window, IndexBytes.offset(start - START_BYTES));
      }
      int wanted = (int) (number >>> SUM_BITS);
      for (; knownSums <= wanted; knownSums++) {
        long from = knownSums - 1L << SUM_BITS;
        sums[knownSums] = sum(sums[knownSums - 1], from, from + (1L << SUM_BITS));
      }
      return sum(sums[wanted], (long) wanted << SUM_BITS, number);
    }
  }

  private long sum(long before, long from, long to) throws IOException {
    long sum = before;
    for (long i = from; i < to; i++) {
      sum += u32(i, 0) & STORED_MASK;
    }
    return sum;
  }

  private Cluster search(long offset) throws IOException {
    long low = 0;
    long high = count;
    // The last record that begins at or before the offset is the one before low.
    while (low < high) {
      long middle = low + (high - low) / 2;
      if (lstart(middle) <= offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    long from = low == 0 ? 0 : lstart(low - 1);
    long to = low == count ? inode.sizeBytes() : lstart(low);
    if (from < 0 || to > inode.sizeBytes() || from > offset || to <= offset) {
      throw corrupt(
          offset,
          "is in extent record %d, from %d to %d of %d"
              .formatted(low - 1, from, to, inode.sizeBytes()));
    }
    if (low == 0) {
      return Cluster.hole(from, to - from);
    }
    long address = u32(low - 1, 4) | u32(low - 1, 8) << 32;
    return cluster(from, to - from, u32(low - 1, 0), address, low == count);
  }

  private long lstart(long number) throws IOException {
    return u32(number, 12) | (recordBytes >= WITH_LSTART_HI ? u32(number, 16) << 32 : 0);
  }

  private Cluster cluster(long from, long length, long plen, long address, boolean isLast)
      throws IOException {
    if (isLast && header.hasFragment()) {
      return Cluster.fragment(
          from, length, recordBytes >= WITH_PSTART ? plen | address << 32 : plen);
    }
    long stored = plen & STORED_MASK;
    if (stored == 0) {
      return Cluster.hole(from, length);
    }
    int format = (int) (plen >>> FORMAT_SHIFT);
    boolean isPartial = (plen & PARTIAL) != 0;
    if (format != 0) {
      Algorithm algorithm = Algorithm.of(format - 1);
      if (algorithm == null) {
        throw new UnsupportedFeatureException(
            "%s: byte %d of its data: compression algorithm %d is unknown: a newer version may read it"
                .formatted(inode.place(volume.name()), from, format - 1));
      }
      return new Cluster(from, length, Form.ENCODED, algorithm, address, stored, isPartial, false);
    }
    boolean isAligned = ((address | stored) & (1L << blockBits) - 1) == 0;
    Form form = header.isInterlaced() && isAligned ? Form.INTERLACED : Form.SHIFTED;
    return new Cluster(from, length, form, null, address, stored, isPartial, false);
  }
}
