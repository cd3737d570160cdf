package dev.aquifer.tool;

import dev.aquifer.image.DataLayout;
import dev.aquifer.image.DeviceSlot;
import dev.aquifer.image.Extent;
import dev.aquifer.image.Feature;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.image.MetadataRange;
import dev.aquifer.image.Superblock;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Finds what lies on something else: inodes with what follows them, and runs of data. Data may lie
 * on data, as files share chunks; but not on the data of a flat file, unless the image has equal
 * parts once: then a compressed file may have some blocks of it.
 */
final class Overlaps {
  private static final int DEVICE_SLOT_BYTES = DeviceSlot.SIZE_BYTES;
  private static final int MAP_HEADER_BYTES = 8;

  /** A range takes up to 100 bytes, its path more: these may fill half of the heap. */
  private static final long HEAP_PER_RANGE_BYTES = 256;

  private final Image image;
  private final List<Range> primary = new ArrayList<>();
  private final List<Range> metabox = new ArrayList<>();
  private final Set<MetadataRange> shared = new HashSet<>();
  private final long maxRanges;

  /** How many ranges were one too many. */
  private long leftOut;

  private enum Use {
    METADATA,
    OWN_DATA,
    SHARED_DATA
  }

  /** Bytes from {@code start} to before {@code end}, of what is at {@code path}. */
  @SuppressWarnings("ArrayRecordComponent")
  private record Range(
      long start, long end, Use use, byte @Nullable [] path, long nid, String label) {
    String words() {
      String what = use == Use.METADATA ? "metadata" : "data";
      String place = " at bytes 0x%x to 0x%x".formatted(start, end);
      return path == null
          ? label + place
          : "%s of %s (nid %s)%s"
              .formatted(what, PathText.shown(path), Long.toUnsignedString(nid), place);
    }
  }

  Overlaps(Image image) {
    this(image, Runtime.getRuntime().maxMemory() / HEAP_PER_RANGE_BYTES);
  }

  /** As above, for at most {@code maxRanges} ranges. */
  Overlaps(Image image, long maxRanges) {
    this.image = image;
    this.maxRanges = maxRanges;
    Superblock superblock = image.superblock();
    int length =
        superblock.metaboxNid() == 0 ? Superblock.SIZE_BYTES : Superblock.SIZE_WITH_METABOX_BYTES;
    add(primary, Superblock.POSITION_BYTES, length, "superblock");
    add(
        primary,
        superblock.deviceTablePositionBytes(),
        (long) superblock.extraDevices() * DEVICE_SLOT_BYTES,
        "device table");
    image.xattrPrefixes().ifPresent(range -> add(range, "prefixes of extended attributes"));
  }

  private void add(MetadataRange range, String label) {
    List<Range> ranges = range.isInMetabox() ? metabox : primary;
    add(ranges, range.positionBytes(), range.lengthBytes(), label);
  }

  /** Adds metadata that belongs to no path. */
  private void add(List<Range> ranges, long start, long length, String label) {
    add(ranges, start, length, Use.METADATA, null, 0, label);
  }

  private void add(
      List<Range> ranges, long start, long length, Use use, byte @Nullable [] path, long nid) {
    add(ranges, start, length, use, path, nid, "");
  }

  private void add(
      List<Range> ranges,
      long start,
      long length,
      Use use,
      byte @Nullable [] path,
      long nid,
      String label) {
    if (primary.size() + metabox.size() >= maxRanges) {
      leftOut++;
    } else if (length > 0) {
      ranges.add(new Range(start, start + length, use, path, nid, label));
    }
  }

  /** Adds an inode: itself, its attributes, the tables of its layout, its inline tail. */
  void addInode(byte[] path, Inode inode) {
    long bodyEnd = inode.xattrPositionBytes() + inode.xattrSizeBytes();
    List<Range> ranges = inode.isInMetabox() ? metabox : primary;
    long start = inode.positionBytes();
    add(ranges, start, bodyEnd - start, Use.METADATA, path, inode.nid());
    switch (inode.layout()) {
      case DataLayout.FlatInline inline ->
          add(
              ranges,
              inline.tailPositionBytes(),
              tailBytes(inode),
              Use.METADATA,
              path,
              inode.nid());
      case DataLayout.ChunkBased chunks -> {
        long count =
            inode.sizeBytes() == 0 ? 0 : (inode.sizeBytes() - 1 >>> chunks.chunkBits()) + 1;
        // An image too small for such a table is refused when the data is mapped.
        long bytes = Math.min(count, Long.MAX_VALUE >>> 4) * (chunks.hasIndexes() ? 8 : 4);
        add(ranges, chunks.tablePositionBytes(), bytes, Use.METADATA, path, inode.nid());
      }
      case DataLayout.Compressed compressed ->
          add(
              ranges,
              compressed.headerPositionBytes(),
              MAP_HEADER_BYTES,
              Use.METADATA,
              path,
              inode.nid());
      case DataLayout.FlatPlain _, DataLayout.NoData _ -> {}
    }
  }

  /** Adds shared attributes of an inode, which others may have brought. */
  void addShared(List<MetadataRange> attributes) {
    for (MetadataRange attribute : attributes) {
      if (shared.add(attribute)) {
        add(attribute, "shared extended attribute");
      }
    }
  }

  /** Adds the index of compressed data, from behind its map header to {@code endBytes}. */
  void addIndex(byte[] path, Inode inode, long endBytes) {
    if (inode.layout() instanceof DataLayout.Compressed compressed) {
      long start = compressed.headerPositionBytes() + MAP_HEADER_BYTES;
      List<Range> ranges = inode.isInMetabox() ? metabox : primary;
      add(ranges, start, endBytes - start, Use.METADATA, path, inode.nid());
    }
  }

  private long tailBytes(Inode inode) {
    int blockSize = image.superblock().blockSizeBytes();
    return inode.sizeBytes() == 0 ? 0 : (inode.sizeBytes() - 1 & blockSize - 1) + 1;
  }

  /** Adds a run of data, if it is in the primary device: there are no metadata on others. */
  void addData(byte[] path, Inode inode, Extent extent) {
    if (inode.layout() instanceof DataLayout.FlatInline
        && extent.fileOffsetBytes() >= inode.sizeBytes() - tailBytes(inode)) {
      // The tail is a part of the inode.
      return;
    }
    switch (extent) {
      case Extent.Plain plain when plain.device() == 0 ->
          addData(path, inode, plain.addressBytes(), plain.lengthBytes());
      case Extent.Encoded encoded when encoded.device() == 0 ->
          addData(path, inode, encoded.addressBytes(), encoded.storedBytes());
      default -> {}
    }
  }

  private void addData(byte[] path, Inode inode, long address, long length) {
    boolean hasEqualOnce = image.superblock().has(Feature.FRAGMENTS);
    boolean isShared =
        switch (inode.layout()) {
          case DataLayout.ChunkBased _ -> true;
          case DataLayout.Compressed _ -> hasEqualOnce;
          case DataLayout.FlatPlain _, DataLayout.FlatInline _ ->
              hasEqualOnce && inode.type() == FileType.REGULAR;
          case DataLayout.NoData _ -> false;
        };
    add(primary, address, length, isShared ? Use.SHARED_DATA : Use.OWN_DATA, path, inode.nid());
  }

  /** Reports at most {@code limit} overlaps. */
  void find(int limit, Consumer<Finding> findings) {
    int found = find(primary, limit, findings);
    find(metabox, limit - found, findings);
    if (leftOut > 0) {
      findings.accept(
          new Finding(
              Finding.Kind.UNSUPPORTED,
              null,
              null,
              "%s: %d runs of metadata and data were not checked for overlaps: that takes a heap of %d MiB"
                  .formatted(
                      image.name(),
                      leftOut,
                      (maxRanges + leftOut) * HEAP_PER_RANGE_BYTES / (1 << 20) + 1)));
    }
  }

  private int find(List<Range> ranges, int limit, Consumer<Finding> findings) {
    ranges.sort(Comparator.comparingLong(Range::start).thenComparingLong(Range::end));
    int found = 0;
    Map<Use, Range> furthest = new EnumMap<>(Use.class);
    for (Range range : ranges) {
      for (Range before : furthest.values()) {
        if (found < limit && range.start < before.end && isWrong(before, range)) {
          found++;
          findings.accept(
              new Finding(
                  Finding.Kind.OVERLAP,
                  range.path == null ? null : PathText.percent(range.path),
                  range.path == null ? null : range.nid,
                  "%s: %s lies on %s".formatted(image.name(), range.words(), before.words())));
        }
      }
      furthest.merge(range.use, range, (old, next) -> next.end > old.end ? next : old);
    }
    return found;
  }

  private static boolean isWrong(Range a, Range b) {
    if (a.nid == b.nid && a.path != null && b.path != null) {
      // A directory that is met twice: told by the walk.
      return false;
    }
    boolean isMetadata = a.use == Use.METADATA || b.use == Use.METADATA;
    boolean isOwn = a.use == Use.OWN_DATA || b.use == Use.OWN_DATA;
    return isMetadata || isOwn;
  }
}
