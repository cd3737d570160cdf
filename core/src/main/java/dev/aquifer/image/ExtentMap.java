package dev.aquifer.image;

import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Finds where a part of one file's data is, as extents in file order without gaps. Each extent is
 * checked to lie in its device, and neighbours that continue each other are made one.
 *
 * <p>The entries of a chunk table, little endian:
 *
 * <table>
 * <caption>chunk table</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>4</td><td>block map</td><td>start block of device 0; all ones is a hole</td></tr>
 * <tr><th colspan="4">or, with indexes</th></tr>
 * <tr><td>0</td><td>2</td><td>startblk_hi</td><td>with 48-bit addresses</td></tr>
 * <tr><td>2</td><td>2</td><td>device_id</td><td>only the bits that the largest device number
 * needs</td></tr>
 * <tr><td>4</td><td>4</td><td>startblk_lo</td><td>all address bits one: a hole</td></tr>
 * </table>
 */
final class ExtentMap implements Supplier<String> {
  private static final long ONES_32 = 0xffff_ffffL;
  private static final long ONES_48 = 0xffff_ffff_ffffL;

  private final Volume volume;
  private final Inode inode;
  private final int blockBits;

  /** More are not looked for. */
  private final int maxExtents;

  private final List<Extent> extents = new ArrayList<>();

  private ExtentMap(Volume volume, Inode inode, int maxExtents) {
    this.volume = volume;
    this.inode = inode;
    this.maxExtents = maxExtents;
    this.blockBits = volume.superblock().blockBits();
  }

  /**
   * The extents that {@code [offset, offset + length)} of the data of {@code inode} begins with.
   * They are at least one; the last may end before {@code offset + length}, none ends after.
   *
   * @param length at least 1, and the range lies in the file
   * @param maxChunks how many entries of a chunk table, or clusters, to look at, at most
   */
  static List<Extent> extents(Volume volume, Inode inode, long offset, long length, int maxChunks)
      throws IOException {
    return new ExtentMap(volume, inode, Integer.MAX_VALUE).find(offset, length, maxChunks);
  }

  /** As above, for compressed data with the given map. */
  static List<Extent> extents(
      Volume volume, Inode inode, ClusterMap map, long offset, long length, int maxClusters)
      throws IOException {
    ExtentMap extents = new ExtentMap(volume, inode, Integer.MAX_VALUE);
    extents.addClusters(map, offset, length, maxClusters);
    return extents.extents;
  }

  /** The first of {@link #extents}; what lies behind it is not looked at. */
  static Extent first(Volume volume, Inode inode, long offset, long length, int maxChunks)
      throws IOException {
    return new ExtentMap(volume, inode, 1).find(offset, length, maxChunks).getFirst();
  }

  private List<Extent> find(long offset, long length, int maxChunks) throws IOException {
    switch (inode.layout()) {
      case DataLayout.NoData none ->
          throw new CorruptDataException(place() + ": a " + inode.type() + " has no data");
      case DataLayout.FlatPlain plain -> addPlain(plain, offset, length);
      case DataLayout.FlatInline inline -> addInline(inline, offset, length);
      case DataLayout.ChunkBased chunks -> addChunks(chunks, offset, length, maxChunks);
      case DataLayout.Compressed compressed ->
          addClusters(volume.clusterMap(inode, compressed), offset, length, maxChunks);
    }
    return extents;
  }

  private void addPlain(DataLayout.FlatPlain plain, long offset, long length) throws IOException {
    if (plain.startBlock() == DataLayout.NO_BLOCK) {
      append(new Extent.Hole(offset, length));
    } else {
      addBlocks(0, plain.startBlock(), offset, offset, length);
    }
  }

  private void addInline(DataLayout.FlatInline inline, long offset, long length)
      throws IOException {
    long tailBytes = DataLayout.FlatInline.tailBytes(inode.sizeBytes(), 1 << blockBits);
    long tailOffset = inode.sizeBytes() - tailBytes;
    if (offset < tailOffset) {
      addBlocks(0, inline.startBlock(), offset, offset, Math.min(length, tailOffset - offset));
    }
    long from = Math.max(offset, tailOffset);
    long tailLength = offset + length - from;
    if (tailLength > 0) {
      addMetadata(inline.tailPositionBytes() + (from - tailOffset), from, tailLength);
    }
  }

  /** Adds bytes of the metadata that the inode is in; for the metabox, where its data is. */
  private void addMetadata(long position, long fileOffset, long length) throws IOException {
    volume.metadata(inode.nid()).check(position, length, () -> place() + ": inline tail");
    Inode metabox = volume.metaboxInode();
    if (!inode.isInMetabox() || metabox == null) {
      append(new Extent.Plain(fileOffset, length, 0, position));
      return;
    }
    long shift = fileOffset - position;
    // One level deep: the metabox inode itself is in the primary device.
    for (Extent part : extents(volume, metabox, position, length, 1)) {
      long offset = part.fileOffsetBytes() + shift;
      append(
          switch (part) {
            case Extent.Hole hole -> new Extent.Hole(offset, hole.lengthBytes());
            case Extent.Plain plain ->
                new Extent.Plain(offset, plain.lengthBytes(), plain.device(), plain.addressBytes());
            case Extent.Encoded encoded ->
                new Extent.Encoded(
                    offset,
                    encoded.lengthBytes(),
                    encoded.device(),
                    encoded.addressBytes(),
                    encoded.storedBytes(),
                    encoded.algorithm(),
                    encoded.skipBytes(),
                    encoded.decodedBytes(),
                    encoded.isPartial());
            case Extent.Fragment fragment ->
                new Extent.Fragment(offset, fragment.lengthBytes(), fragment.packedOffsetBytes());
          });
    }
  }

  private void addClusters(ClusterMap map, long offset, long length, int maxClusters)
      throws IOException {
    long done = 0;
    for (int i = 0; i < maxClusters && done < length && extents.size() <= maxExtents; i++) {
      Cluster cluster = map.find(offset + done);
      long step = Math.min(length - done, cluster.endBytes() - (offset + done));
      addCluster(cluster, offset + done, step);
      done += step;
    }
  }

  private void addCluster(Cluster cluster, long offset, long length) throws IOException {
    long skip = offset - cluster.startBytes();
    switch (cluster.form()) {
      case HOLE -> append(new Extent.Hole(offset, length));
      case SHIFTED -> addStored(cluster, skip, offset, length);
      case INTERLACED -> addInterlaced(cluster, offset, length);
      case ENCODED -> addEncoded(cluster, (int) skip, offset, length);
      case FRAGMENT -> {
        long size = volume.packed(inode).sizeBytes();
        if (cluster.addressBytes() < 0 || cluster.addressBytes() > size - cluster.lengthBytes()) {
          throw new CorruptDataException(
              "%s: %d bytes of its data are at byte %s of the packed inode, which has %d"
                  .formatted(
                      place(),
                      cluster.lengthBytes(),
                      Long.toUnsignedString(cluster.addressBytes()),
                      size));
        }
        append(new Extent.Fragment(offset, length, cluster.addressBytes() + skip));
      }
    }
  }

  /** Adds bytes of a cluster that are as they are, {@code skip} bytes after its stored start. */
  private void addStored(Cluster cluster, long skip, long offset, long length) throws IOException {
    if (cluster.isInline()) {
      addMetadata(cluster.addressBytes() + skip, offset, length);
    } else {
      append(
          volume
              .devices()
              .locate(0, cluster.addressBytes(), cluster.storedBytes(), offset, this)
              .at(skip, offset, length));
    }
  }

  /**
   * Adds bytes of a cluster that is rotated: what comes before the first multiple of the block size
   * in the file is at the end of the stored bytes, the rest at their start.
   */
  private void addInterlaced(Cluster cluster, long offset, long length) throws IOException {
    long blockSize = 1L << blockBits;
    long inBlock = cluster.startBytes() & blockSize - 1;
    long atEnd = blockSize - inBlock;
    // Not the smaller of two ends: one of them may be beyond 2^63.
    long turn = cluster.startBytes() + Math.min(atEnd, cluster.lengthBytes());
    // An inline one may be shorter than a block.
    long endPart = Math.max(cluster.storedBytes(), blockSize) - blockSize + inBlock;
    if (endPart + (turn - cluster.startBytes()) > cluster.storedBytes()) {
      throw new CorruptDataException(
          "%s: bytes %d to %d of its data are rotated in %d stored bytes, which are too few"
              .formatted(place(), cluster.startBytes(), cluster.endBytes(), cluster.storedBytes()));
    }
    long before = Math.min(length, turn - offset);
    if (before > 0) {
      addStored(cluster, endPart + offset - cluster.startBytes(), offset, before);
    }
    long from = Math.max(offset, turn);
    if (from < offset + length) {
      addStored(cluster, from - turn, from, offset + length - from);
    }
  }

  private void addEncoded(Cluster cluster, int skip, long offset, long length) throws IOException {
    int device;
    long address = cluster.addressBytes();
    if (cluster.isInline()) {
      volume
          .metadata(inode.nid())
          .check(address, cluster.storedBytes(), () -> place() + ": inline tail");
      device = inode.isInMetabox() ? Extent.METABOX : 0;
    } else {
      Devices.Place found =
          volume.devices().locate(0, address, cluster.storedBytes(), offset, this);
      device = found.device();
      address = found.addressBytes();
    }
    append(
        new Extent.Encoded(
            offset,
            length,
            device,
            address,
            (int) cluster.storedBytes(),
            Objects.requireNonNull(cluster.algorithm()),
            skip,
            (int) cluster.lengthBytes(),
            cluster.isPartial()));
  }

  private void addChunks(DataLayout.ChunkBased chunks, long offset, long length, int maxChunks)
      throws IOException {
    int unit =
        chunks.hasIndexes()
            ? DataLayout.ChunkBased.INDEX_BYTES
            : DataLayout.ChunkBased.BLOCK_MAP_BYTES;
    long count = (inode.sizeBytes() - 1 >>> chunks.chunkBits()) + 1;
    Metadata metadata = volume.metadata(inode.nid());
    metadata.check(
        chunks.tablePositionBytes(),
        count * unit,
        () -> place() + ": table of " + count + " chunks");
    long first = offset >>> chunks.chunkBits();
    long last = offset + length - 1 >>> chunks.chunkBits();
    int seen = (int) Math.min(last - first + 1, maxChunks);
    MemorySegment table =
        metadata.read(chunks.tablePositionBytes() + first * unit, seen * unit, this);
    long done = 0;
    // An extent is known to end where the next one has begun.
    for (int i = 0; i < seen && extents.size() <= maxExtents; i++) {
      long skip = offset + done & (1L << chunks.chunkBits()) - 1;
      long step = Math.min(length - done, (1L << chunks.chunkBits()) - skip);
      addChunk(chunks, table, (long) i * unit, skip, offset + done, step);
      done += step;
    }
  }

  private void addChunk(
      DataLayout.ChunkBased chunks,
      MemorySegment table,
      long entry,
      long skip,
      long fileOffset,
      long length)
      throws IOException {
    int device = 0;
    long ones = ONES_32;
    long block;
    if (chunks.hasIndexes()) {
      device = volume.devices().deviceOf(LittleEndian.u16(table, entry + 2));
      block = LittleEndian.u32(table, entry + 4);
      if (chunks.has48BitAddresses()) {
        ones = ONES_48;
        block |= (long) LittleEndian.u16(table, entry) << 32;
      }
    } else {
      block = LittleEndian.u32(table, entry);
    }
    if (block == ones) {
      append(new Extent.Hole(fileOffset, length));
    } else {
      addBlocks(device, block, skip, fileOffset, length);
    }
  }

  /** Adds {@code length} bytes that begin {@code skip} bytes after the start of a block. */
  private void addBlocks(int device, long startBlock, long skip, long fileOffset, long length)
      throws IOException {
    if (startBlock > Long.MAX_VALUE >>> blockBits
        || skip > Long.MAX_VALUE - (startBlock << blockBits)) {
      throw new CorruptDataException(
          "%s: byte %d of its data is %d bytes after block %d, where no device reaches"
              .formatted(place(), fileOffset, skip, startBlock));
    }
    long address = (startBlock << blockBits) + skip;
    append(
        volume
            .devices()
            .locate(device, address, length, fileOffset, this)
            .at(0, fileOffset, length));
  }

  private void append(Extent next) {
    Extent joined = extents.isEmpty() ? null : join(extents.getLast(), next);
    if (joined == null) {
      extents.add(next);
    } else {
      extents.set(extents.size() - 1, joined);
    }
  }

  private static @Nullable Extent join(Extent left, Extent right) {
    long length = left.lengthBytes() + right.lengthBytes();
    if (left instanceof Extent.Hole && right instanceof Extent.Hole) {
      return new Extent.Hole(left.fileOffsetBytes(), length);
    }
    if (left instanceof Extent.Plain before
        && right instanceof Extent.Plain after
        && before.device() == after.device()
        && before.addressBytes() + before.lengthBytes() == after.addressBytes()) {
      return new Extent.Plain(
          before.fileOffsetBytes(), length, before.device(), before.addressBytes());
    }
    return null;
  }

  /**
   * What is read, for messages: itself, as an object for it takes the JVM longer than an extent.
   */
  @Override
  public String get() {
    return place();
  }

  private String place() {
    return inode.place(volume.name());
  }
}
