package dev.aquifer.image;

import dev.aquifer.io.LittleEndian;
import java.io.IOException;

/**
 * The index of layout 1. After the map header and 8 reserved bytes, an entry for each logical
 * cluster, little endian:
 *
 * <table>
 * <caption>entry of a full index</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>2</td><td>advise</td><td>bits 0 and 1: type, see {@link Lcluster}; bit 15: the
 * stored bytes may stand for more</td></tr>
 * <tr><td>2</td><td>2</td><td>clusterofs</td><td>of a head: where the run begins</td></tr>
 * <tr><td>4</td><td>4</td><td>blkaddr</td><td>of a head: the first stored block</td></tr>
 * <tr><th colspan="4">else</th></tr>
 * <tr><td>4</td><td>2</td><td>delta[0]</td><td>distance back to the head; with 0x800, and then only in
 * the first entry after the head, the number of stored blocks</td></tr>
 * <tr><td>6</td><td>2</td><td>delta[1]</td><td>distance to the next head; not used here</td></tr>
 * </table>
 */
record FullIndex(IndexBytes bytes, long startBytes) implements LclusterIndex {
  private static final int ENTRY_BYTES = 8;
  private static final int RESERVED_BYTES = 8;
  private static final int PARTIAL = 0x8000;

  static FullIndex after(MapHeader header, IndexBytes bytes) {
    return new FullIndex(bytes, header.endBytes() + RESERVED_BYTES);
  }

  @Override
  public Lcluster entry(long number) throws IOException {
    byte[] window = bytes.at(position(number), ENTRY_BYTES);
    int at = IndexBytes.offset(position(number));
    int advise = LittleEndian.u16(window, at);
    int type = advise & 3;
    return type == Lcluster.NONHEAD
        ? Lcluster.nonhead(LittleEndian.u16(window, at + 4))
        : new Lcluster(type, LittleEndian.u16(window, at + 2), -1, (advise & PARTIAL) != 0);
  }

  @Override
  public long block(long number) throws IOException {
    byte[] window = bytes.at(position(number), ENTRY_BYTES);
    return LittleEndian.u32(window, IndexBytes.offset(position(number)) + 4);
  }

  @Override
  public long endOf(long number) {
    return position(number) + ENTRY_BYTES;
  }

  private long position(long number) {
    return startBytes + number * ENTRY_BYTES;
  }
}
