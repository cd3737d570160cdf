package dev.aquifer.image;

import dev.aquifer.codec.Algorithm;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * What comes before the index of a compressed file: the map header, aligned to 8 bytes after the
 * inode and its extended attributes, little endian:
 *
 * <table>
 * <caption>map header</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>8</td><td>whole</td><td>if bit 63 is set: all of the file is in the packed inode,
 * at this offset less the bit</td></tr>
 * <tr><th colspan="4">else</th></tr>
 * <tr><td>0</td><td>4</td><td>fragmentoff</td><td>with FRAGMENT: offset of the tail in the packed
 * inode</td></tr>
 * <tr><td>2</td><td>2</td><td>idata_size</td><td>with INLINE: stored length of the inline tail</td></tr>
 * <tr><td>0</td><td>4</td><td>extents_lo</td><td>with EXTENTS: the number of extent records</td></tr>
 * <tr><td>4</td><td>2</td><td>advise</td><td>bit 0: 2-byte packs in a compact index, else EXTENTS; bits
 * 1 and 2: big clusters of HEAD1, and of HEAD2 and PLAIN, with EXTENTS the size of a record, 4 bytes
 * shifted left; bit 3 INLINE; bit 4 INTERLACED; bit 5 FRAGMENT</td></tr>
 * <tr><td>6</td><td>1</td><td>algorithms</td><td>low 4 bits for HEAD1, high 4 bits for HEAD2</td></tr>
 * <tr><td>7</td><td>1</td><td>clusterbits</td><td>low 4 bits: bits of a logical cluster beyond those of
 * a block</td></tr>
 * <tr><td>6</td><td>2</td><td>extents_hi</td><td>with EXTENTS of 16 bytes or more</td></tr>
 * </table>
 *
 * @param endBytes where the header ends
 * @param isWholeFragment whether all of the file is in the packed inode
 * @param fragmentOffset where the file, or its tail, is there; the low 32 bits of it for a tail
 * @param inlineBytes the stored length of the inline tail
 * @param advise the flags
 * @param lclusterBits a logical cluster has 2^lclusterBits bytes
 * @param head1 the algorithm of HEAD1
 * @param head2 the algorithm of HEAD2
 * @param extents the number of extent records
 */
record MapHeader(
    long endBytes,
    boolean isWholeFragment,
    long fragmentOffset,
    int inlineBytes,
    int advise,
    int lclusterBits,
    Algorithm head1,
    Algorithm head2,
    long extents) {
  static final int SIZE_BYTES = 8;

  private static final int SHORT_PACKS_OR_EXTENTS = 0x1;
  private static final int BIG_1 = 0x2;
  private static final int BIG_2 = 0x4;
  private static final int INLINE = 0x8;
  private static final int INTERLACED = 0x10;
  private static final int FRAGMENT = 0x20;

  /** From this size of a record on, the algorithms and the cluster bits give way to extents_hi. */
  private static final int RECORD_BYTES_WITH_HI = 16;

  /** The header at {@code at} of {@code raw}. */
  static MapHeader read(
      Volume volume, Inode inode, DataLayout.Compressed layout, byte[] raw, int at)
      throws IOException {
    Superblock superblock = volume.superblock();
    long end = layout.headerPositionBytes() + SIZE_BYTES;
    int blockBits = superblock.blockBits();
    long whole = LittleEndian.u64(raw, at);
    if (whole < 0) {
      long offset = whole & Long.MAX_VALUE;
      return new MapHeader(
          end, true, offset, 0, FRAGMENT, blockBits, Algorithm.LZ4, Algorithm.LZ4, 0);
    }
    int advise = LittleEndian.u16(raw, at + 4);
    boolean hasExtents = !layout.isCompact() && (advise & SHORT_PACKS_OR_EXTENTS) != 0;
    boolean isWide = hasExtents && recordBytes(advise) >= RECORD_BYTES_WITH_HI;
    MapHeader header =
        new MapHeader(
            end,
            false,
            LittleEndian.u32(raw, at),
            LittleEndian.u16(raw, at + 2),
            advise,
            isWide ? blockBits : blockBits + (raw[at + 7] & 15),
            hasExtents ? Algorithm.LZ4 : algorithm(volume, inode, raw[at + 6] & 15),
            hasExtents ? Algorithm.LZ4 : algorithm(volume, inode, (raw[at + 6] & 0xff) >>> 4),
            LittleEndian.u32(raw, at) | (isWide ? (long) LittleEndian.u16(raw, at + 6) << 32 : 0));
    String wrong = header.wrong(superblock, layout, hasExtents);
    if (wrong != null) {
      throw new CorruptDataException(place(volume, inode, end) + ": " + wrong);
    }
    return header;
  }

  private @Nullable String wrong(
      Superblock superblock, DataLayout.Compressed layout, boolean hasExtents) {
    if ((advise & INLINE) != 0 && (advise & FRAGMENT) != 0) {
      return "advise 0x%x: its tail is inline and a fragment".formatted(advise);
    }
    if (hasExtents) {
      return null;
    }
    boolean isBig1 = (advise & BIG_1) != 0;
    boolean isBig2 = (advise & BIG_2) != 0;
    if ((isBig1 || isBig2) && !superblock.has(Feature.COMPR_CFGS)) {
      return "advise 0x%x: big clusters, in an image without BIG_PCLUSTER".formatted(advise);
    }
    if (layout.isCompact() && isBig1 != isBig2) {
      return "advise 0x%x: a compact index has big clusters of all kinds or of none"
          .formatted(advise);
    }
    return null;
  }

  private static Algorithm algorithm(Volume volume, Inode inode, int number)
      throws UnsupportedFeatureException {
    Algorithm algorithm = Algorithm.of(number);
    if (algorithm == null) {
      throw new UnsupportedFeatureException(
          "%s: compression algorithm %d is unknown: a newer version may read it"
              .formatted(inode.place(volume.name()), number));
    }
    return algorithm;
  }

  private static String place(Volume volume, Inode inode, long end) {
    return "%s: map header at byte 0x%x".formatted(inode.place(volume.name()), end - SIZE_BYTES);
  }

  /** Whether a compact index has packs of 2 bytes an entry; else whether there are extents. */
  boolean hasShortPacksOrExtents() {
    return (advise & SHORT_PACKS_OR_EXTENTS) != 0;
  }

  boolean isBig1() {
    return (advise & BIG_1) != 0;
  }

  boolean isBig2() {
    return (advise & BIG_2) != 0;
  }

  boolean hasInlineTail() {
    return (advise & INLINE) != 0;
  }

  boolean isInterlaced() {
    return (advise & INTERLACED) != 0;
  }

  boolean hasFragment() {
    return (advise & FRAGMENT) != 0;
  }

  /** The size of an extent record. */
  int recordBytes() {
    return recordBytes(advise);
  }

  private static int recordBytes(int advise) {
    return 4 << (advise >>> 1 & 3);
  }
}
