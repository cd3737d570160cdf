package dev.aquifer.image;

import dev.aquifer.codec.Algorithm;
import dev.aquifer.image.Cluster.Form;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The map of a file with an entry for each logical cluster. A run of the file begins in a head, at
 * some byte of its logical cluster, and ends where the next one begins, or with the file:
 *
 * <pre>
 *   logical clusters  |  HEAD   | NONHEAD | NONHEAD |  HEAD   |  PLAIN  |
 *   runs            ..|..[======|=========|====][===|===][====|===]
 * </pre>
 *
 * <p>The last run may be inline, after the bytes of the index that the last entry is in, or a
 * fragment.
 */
final class LclusterMap extends ClusterMap {
  /**
   * A step goes back over up to 2047 logical clusters; a longer way is one that leads round in tiny
   * steps.
   */
  private static final int MAX_STEPS_BACK = 4096;

  private final MapHeader header;
  private final LclusterIndex index;
  private final int bits;
  private final int blockBits;
  private final boolean isCompact;
  private final long lastNumber;

  /** The head of the run that is inline or a fragment, or -1. */
  private final long tailHead;

  LclusterMap(Volume volume, Inode inode, MapHeader header, IndexBytes bytes, boolean isCompact)
      throws IOException {
    super(volume, inode);
    this.header = header;
    this.bits = header.lclusterBits();
    this.blockBits = volume.superblock().blockBits();
    this.isCompact = isCompact;
    this.lastNumber = inode.sizeBytes() - 1 >>> bits;
    if (isCompact) {
      checkBits();
    }
    this.index =
        isCompact
            ? new CompactIndex(header, bytes, lastNumber + 1)
            : FullIndex.after(header, bytes);
    volume
        .metadata(inode.nid())
        .check(
            header.endBytes(),
            index.endOf(lastNumber) - header.endBytes(),
            () -> inode.place(volume.name()) + ": its index of " + (lastNumber + 1) + " entries");
    this.tailHead =
        header.hasInlineTail() || header.hasFragment() ? headOf(inode.sizeBytes() - 1) : -1;
  }

  private void checkBits() throws UnsupportedFeatureException {
    int most =
        header.hasShortPacksOrExtents()
            ? CompactIndex.MAX_SHORT_LCLUSTER_BITS
            : CompactIndex.MAX_PAIR_LCLUSTER_BITS;
    if (bits > most) {
      throw new UnsupportedFeatureException(
          "%s: a compact index of logical clusters of 2^%d bytes: expected at most 2^%d"
              .formatted(inode.place(volume.name()), bits, most));
    }
  }

  /** The head whose run has byte {@code offset} of the file. */
  private long headOf(long offset) throws IOException {
    long number = offset >>> bits;
    Lcluster entry = entry(number);
    if (entry.isHead() && (offset & (1L << bits) - 1) >= entry.value()) {
      return number;
    }
    int back = entry.isHead() ? 1 : entry.value();
    for (int steps = 0; steps < MAX_STEPS_BACK && back > 0 && back <= number; steps++) {
      number -= back;
      entry = entry(number);
      if (entry.isHead()) {
        return number;
      }
      back = entry.value();
    }
    throw corrupt(offset, "entry %d of the index leads back to no head".formatted(number));
  }

  private Lcluster entry(long number) throws IOException {
    Lcluster entry = index.entry(number);
    if (entry.blocks() >= 0 && !header.isBig1() && !header.isBig2()) {
      throw corrupt(
          number << bits,
          "entry %d of the index says a number of stored blocks: there are no big clusters"
              .formatted(number));
    }
    if (entry.isHead() && entry.value() >= 1L << bits) {
      throw corrupt(
          number << bits,
          "entry %d of the index begins at byte %d of 2^%d".formatted(number, entry.value(), bits));
    }
    return entry;
  }

  @Override
  Cluster look(long offset) throws IOException {
    long number = headOf(offset);
    Lcluster head = entry(number);
    long start = (number << bits) + head.value();
    Algorithm algorithm =
        switch (head.type()) {
          case Lcluster.HEAD1 -> header.head1();
          case Lcluster.HEAD2 -> header.head2();
          default -> null;
        };
    Form form =
        algorithm != null ? Form.ENCODED : header.isInterlaced() ? Form.INTERLACED : Form.SHIFTED;
    if (number == tailHead) {
      return tail(number, start, form, algorithm, head.isPartial());
    }
    long length = end(number, start) - start;
    long address = index.block(number) << blockBits;
    long stored = (long) blocks(number, head) << blockBits;
    return new Cluster(start, length, form, algorithm, address, stored, head.isPartial(), false);
  }

  @Override
  long endBytes() {
    return index.endOf(lastNumber) + (header.hasInlineTail() ? header.inlineBytes() : 0);
  }

  private Cluster tail(
      long number, long start, Form form, @Nullable Algorithm algorithm, boolean isPartial)
      throws IOException {
    long length = inode.sizeBytes() - start;
    if (header.hasFragment()) {
      if (algorithm == null) {
        throw corrupt(
            start, "entry %d of the index says both plain and a fragment".formatted(number));
      }
      // Only the entries of a full index have room for the high half.
      long high = isCompact ? 0 : index.block(number) << 32;
      return Cluster.fragment(start, length, high | header.fragmentOffset());
    }
    long position = index.endOf(lastNumber);
    int stored = header.inlineBytes();
    if ((position & (1L << blockBits) - 1) + stored > 1L << blockBits) {
      throw corrupt(
          start,
          "its inline tail of %d bytes at byte 0x%x crosses a block of %d bytes"
              .formatted(stored, position, 1 << blockBits));
    }
    return new Cluster(start, length, form, algorithm, position, stored, isPartial, true);
  }

  /** Where the run that begins in entry {@code number} ends. */
  private long end(long number, long start) throws IOException {
    for (long next = number + 1; next <= lastNumber; next++) {
      if ((next << bits) - start > MAX_DECODED_BYTES) {
        throw tooLong(start, (next << bits) - start);
      }
      Lcluster entry = entry(next);
      if (entry.isHead()) {
        return Math.min((next << bits) + entry.value(), inode.sizeBytes());
      }
      // Linux looks up each logical cluster by its own distance.
      if (entry.value() == 0 || next - entry.value() < number) {
        throw corrupt(
            next << bits,
            "entry %d of the index says that its head is %d back: it follows that of entry %d"
                .formatted(next, entry.value(), number));
      }
    }
    return inode.sizeBytes();
  }

  /** How many blocks are stored of the run that begins in entry {@code number}. */
  private int blocks(long number, Lcluster head) throws IOException {
    boolean isBig = head.type() == Lcluster.HEAD1 ? header.isBig1() : header.isBig2();
    if (!isBig || number == lastNumber) {
      return 1;
    }
    Lcluster next = entry(number + 1);
    if (next.isHead()) {
      return 1;
    }
    if (next.value() != 1) {
      throw corrupt(
          number << bits,
          "entry %d of the index follows a head, and says that the head is %d back"
              .formatted(number + 1, next.value()));
    }
    return Math.max(1, next.blocks());
  }
}
