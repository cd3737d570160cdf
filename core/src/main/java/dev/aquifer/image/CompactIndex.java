package dev.aquifer.image;

import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import java.io.IOException;

/**
 * The index of layout 3: right after the map header, packs of entries, little endian. A pack of 2
 * entries has 8 bytes, one of 16 entries 32 bytes:
 *
 * <table>
 * <caption>pack</caption>
 * <tr><th>bits</th><th>field</th><th>meaning</th></tr>
 * <tr><td>16 each, or 14</td><td>entries</td><td>in the high 2 bits the type, see {@link Lcluster}; in
 * the others, of a head, where the run begins; else the distance back to the head, or 0x800 and the
 * number of stored blocks; but in the last entry of a pack the distance to the next head</td></tr>
 * <tr><td>32</td><td>base</td><td>the block before, or of, the pack's first head, see {@link
 * #block}</td></tr>
 * </table>
 *
 * <p>Without 2-byte packs, all are of 2 entries. With them, packs of 2 come first, up to a position
 * that is a multiple of 32; then packs of 16, as many as are full; then packs of 2 again.
 */
final class CompactIndex implements LclusterIndex {
  private static final int PAIR_BYTES = 8;
  private static final int LONG_PACK_BYTES = 32;
  private static final int LONG_PACK_ENTRIES = 16;

  /** Entries have at least so many bits for their value, and in long packs no more. */
  private static final int MIN_VALUE_BITS = 12;

  static final int MAX_PAIR_LCLUSTER_BITS = 14;
  static final int MAX_SHORT_LCLUSTER_BITS = MIN_VALUE_BITS;

  private final IndexBytes bytes;
  private final long start;
  private final int valueBits;
  private final boolean isBig;

  /** How many entries are in packs of 2 before the long packs. */
  private final long before;

  /** How many entries are in long packs. */
  private final long inLongPacks;

  CompactIndex(MapHeader header, IndexBytes bytes, long count) {
    this.bytes = bytes;
    this.start = header.endBytes();
    this.valueBits = Math.max(header.lclusterBits(), MIN_VALUE_BITS);
    this.isBig = header.isBig1();
    this.before = (LONG_PACK_BYTES - start % LONG_PACK_BYTES) / 4 & 7;
    this.inLongPacks =
        header.hasShortPacksOrExtents() && before < count ? count - before & -LONG_PACK_ENTRIES : 0;
  }

  /** One pack, and which of its entries is meant. */
  @SuppressWarnings("ArrayRecordComponent")
  private record Pack(byte[] window, int offset, int entries, int valueBits, int entry) {
    private int bits(int index) {
      int width = entries == 2 ? 16 : 14;
      int bit = width * index;
      // An entry of 14 bits never reaches beyond 3 bytes, and 4 more follow the last one.
      long word = LittleEndian.u32(window, offset + (bit >>> 3));
      return (int) (word >>> (bit & 7)) & (1 << width) - 1;
    }

    int type(int index) {
      return bits(index) >>> valueBits & 3;
    }

    int value(int index) {
      return bits(index) & (1 << valueBits) - 1;
    }

    boolean isBlockCount(int index) {
      return type(index) == Lcluster.NONHEAD && (value(index) & Lcluster.BLOCK_COUNT) != 0;
    }

    long base() {
      return LittleEndian.u32(window, offset + (entries == 2 ? PAIR_BYTES : LONG_PACK_BYTES) - 4);
    }
  }

  private boolean isInLongPack(long number) {
    return number >= before && number - before < inLongPacks;
  }

  /** Where the pack of entry {@code number} begins. */
  private long packStart(long number) {
    if (isInLongPack(number)) {
      return start + before * 4 + (number - before) / LONG_PACK_ENTRIES * LONG_PACK_BYTES;
    }
    // Entries in packs of 2 take 4 bytes each, those in long packs 2.
    long skipped = number < before ? 0 : inLongPacks;
    return start + (number - skipped & -2) * 4 + skipped * 2;
  }

  private Pack pack(long number) throws IOException {
    boolean isLong = isInLongPack(number);
    int size = isLong ? LONG_PACK_BYTES : PAIR_BYTES;
    long position = packStart(number);
    return new Pack(
        bytes.at(position, size),
        IndexBytes.offset(position),
        isLong ? LONG_PACK_ENTRIES : 2,
        valueBits,
        (int) (isLong ? number - before & LONG_PACK_ENTRIES - 1 : number & 1));
  }

  @Override
  public Lcluster entry(long number) throws IOException {
    Pack pack = pack(number);
    int at = pack.entry;
    if (pack.type(at) != Lcluster.NONHEAD) {
      return new Lcluster(pack.type(at), pack.value(at), -1, false);
    }
    if (at < pack.entries - 1 || pack.isBlockCount(at)) {
      return Lcluster.nonhead(pack.value(at));
    }
    // The distance back follows from the entry before.
    if (pack.type(at - 1) != Lcluster.NONHEAD) {
      return Lcluster.nonhead(1);
    }
    int distance = pack.isBlockCount(at - 1) ? 1 : pack.value(at - 1);
    return new Lcluster(Lcluster.NONHEAD, distance + 1, -1, false);
  }

  /**
   * The first block of a head: the base and the blocks of all before it in the pack; without big
   * clusters, its own is one more. As Linux does, this goes back from head to head by the distances
   * that are there, so that a changed distance leads both to the same block.
   */
  @Override
  public long block(long number) throws IOException {
    Pack pack = pack(number);
    return pack.base() + (isBig ? bigBlocksBefore(pack, number) : 1 + headsBefore(pack));
  }

  /** A run that begins before the pack and ends in it counts, unless its head is not reached. */
  private static int headsBefore(Pack pack) {
    int heads = 0;
    for (int i = pack.entry - 1; i >= 0; i--) {
      if (pack.type(i) == Lcluster.NONHEAD) {
        i -= pack.value(i);
      }
      if (i >= 0) {
        heads++;
      }
    }
    return heads;
  }

  private long bigBlocksBefore(Pack pack, long number) throws CorruptDataException {
    long blocks = 0;
    for (int i = pack.entry - 1; i >= 0; i--) {
      if (pack.type(i) != Lcluster.NONHEAD) {
        blocks++;
      } else if (pack.isBlockCount(i)) {
        blocks += pack.value(i) & ~Lcluster.BLOCK_COUNT;
        i--;
      } else if (pack.value(i) <= 1) {
        throw bytes.corrupt(
            "entry %d, in the pack of entry %d, says that its head is %d back: expected a number of blocks, or more"
                .formatted(number - pack.entry + i, number, pack.value(i)));
      } else {
        i -= pack.value(i) - 2;
      }
    }
    return blocks;
  }

  @Override
  public long endOf(long number) {
    return packStart(number) + (isInLongPack(number) ? LONG_PACK_BYTES : PAIR_BYTES);
  }
}
