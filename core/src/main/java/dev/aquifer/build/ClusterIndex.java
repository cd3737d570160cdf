package dev.aquifer.build;

import dev.aquifer.io.LittleEndian;
import java.lang.foreign.MemorySegment;

/**
 * The map header and the index of a compressed file, as they lie behind its inode. Fields as in
 * {@code dev.aquifer.image.MapHeader}, {@code FullIndex} and {@code CompactIndex}, which read them.
 *
 * <p>An index is compact where it can be: it needs clusters side by side, and logical clusters of
 * up to 4 KiB. A full one has 8 bytes for each logical cluster.
 */
final class ClusterIndex implements FileIndex {
  /** Packs of a compact index have places for logical clusters of up to 4 KiB. */
  static final int MAX_COMPACT_BITS = 12;

  private static final int RESERVED_BYTES = 8;
  private static final int FULL_ENTRY_BYTES = 8;
  private static final int PARTIAL = 0x8000;

  private static final int SHORT_PACKS = 0x1;
  private static final int BIG = 0x6;
  private static final int INLINE = 0x8;

  private static final int PAIR_BYTES = 8;
  private static final int LONG_PACK_BYTES = 32;
  private static final int LONG_PACK_ENTRIES = 16;
  private static final int VALUE_BITS = 12;

  private final Clusters clusters;
  private final Encoding encoding;
  private final LclusterCursor cursor;
  private final boolean isCompact;

  ClusterIndex(Node node, Clusters clusters, Encoding encoding) {
    this.clusters = clusters;
    this.encoding = encoding;
    this.cursor =
        new LclusterCursor(clusters, node.sizeBytes(), encoding.block(), encoding.isBig());
    this.isCompact = node.layout == Node.Layout.COMPRESSED_COMPACT;
  }

  @Override
  public long sizeBytes(long start) {
    if (clusters.isFragmentAlone()) {
      return HEADER_BYTES;
    }
    if (!isCompact) {
      return HEADER_BYTES + RESERVED_BYTES + FULL_ENTRY_BYTES * cursor.count();
    }
    long before = before(start);
    long inLongPacks = inLongPacks(before);
    long rest = cursor.count() - before - inLongPacks;
    return HEADER_BYTES + before * 4 + inLongPacks * 2 + Math.ceilDiv(rest, 2) * PAIR_BYTES;
  }

  /** How many entries there are in packs of 2 before the first long pack, or in all. */
  private long before(long start) {
    long before = (LONG_PACK_BYTES - (start + HEADER_BYTES) % LONG_PACK_BYTES) / 4 & 7;
    return before < cursor.count() ? before : 0;
  }

  private long inLongPacks(long before) {
    // With too few entries for a long pack all are in packs of 2.
    return cursor.count() - before & -LONG_PACK_ENTRIES;
  }

  @Override
  public void write(MemorySegment dst, long start) {
    if (clusters.isFragmentAlone()) {
      LittleEndian.put64(dst, 0, clusters.fragmentAt() | Long.MIN_VALUE);
      return;
    }
    if (clusters.hasFragment()) {
      LittleEndian.put32(dst, 0, clusters.fragmentAt());
    } else {
      LittleEndian.put16(dst, 2, clusters.inlineBytes());
    }
    LittleEndian.put16(
        dst,
        4,
        (isCompact ? SHORT_PACKS : 0)
            | (encoding.isBig() ? BIG : 0)
            | (clusters.inlineBytes() > 0 ? INLINE : 0)
            | (clusters.hasFragment() ? FRAGMENT : 0));
    LittleEndian.put8(dst, 6, clusters.algorithm().number());
    if (isCompact) {
      writeCompact(dst, start);
    } else {
      writeFull(dst);
    }
  }

  private void writeFull(MemorySegment dst) {
    long at = HEADER_BYTES + RESERVED_BYTES;
    for (long i = 0; i < cursor.count(); i++) {
      cursor.next();
      LittleEndian.put16(dst, at, cursor.type() | (cursor.isPartial() ? PARTIAL : 0));
      if (cursor.isHead()) {
        LittleEndian.put16(dst, at + 2, cursor.offset());
        LittleEndian.put32(dst, at + 4, cursor.block());
      } else {
        LittleEndian.put16(dst, at + 4, cursor.back());
        LittleEndian.put16(dst, at + 6, cursor.ahead());
      }
      at += FULL_ENTRY_BYTES;
    }
  }

  private void writeCompact(MemorySegment dst, long start) {
    long before = before(start);
    long inLongPacks = inLongPacks(before);
    long at = HEADER_BYTES;
    for (long done = 0; done < cursor.count(); ) {
      boolean isLong = done >= before && done < before + inLongPacks;
      int entries = isLong ? LONG_PACK_ENTRIES : 2;
      int present = (int) Math.min(entries, cursor.count() - done);
      at += writePack(dst, at, entries, present);
      done += present;
    }
  }

  /**
   * Writes the next entries; returns the length of the pack. Its base is such that a reader, which
   * adds the blocks of all that comes before a head in the pack, finds the first head's block.
   */
  private int writePack(MemorySegment dst, long at, int entries, int present) {
    int width = entries == 2 ? 16 : 14;
    long base = -1;
    // The blocks of a cluster that begins before the pack, if the pack says how many.
    int counted = 0;
    long position = at;
    long word = 0;
    int filled = 0;
    for (int i = 0; i < entries; i++) {
      long entry = 0;
      if (i < present) {
        cursor.next();
        if (cursor.isHead()) {
          entry = cursor.offset();
          if (base < 0) {
            base = cursor.blockInRow() - (encoding.isBig() ? counted : 1);
          }
        } else {
          int back = cursor.back();
          boolean isCount = (back & LclusterCursor.BLOCK_COUNT) != 0;
          if (isCount && base < 0) {
            counted = back & ~LclusterCursor.BLOCK_COUNT;
          }
          entry = i == entries - 1 && !isCount ? cursor.ahead() : back;
        }
        entry |= (long) cursor.type() << VALUE_BITS;
      }
      word |= entry << filled;
      filled += width;
      if (filled >= Long.SIZE) {
        LittleEndian.put64(dst, position, word);
        position += Long.BYTES;
        filled -= Long.SIZE;
        word = entry >>> width - filled;
      }
    }
    // Half a word is left for it.
    LittleEndian.put64(dst, position, word | Math.max(base, 0) << filled);
    return entries == 2 ? PAIR_BYTES : LONG_PACK_BYTES;
  }
}
