package dev.aquifer.build;

import dev.aquifer.image.DataLayout;
import dev.aquifer.image.Inode;
import dev.aquifer.io.LittleEndian;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Writes inodes with all that lies behind them, shared extended attributes, and blocks of
 * directories and links, where an {@link ImagePlan} has them: to the image or to the metabox.
 */
final class InodeWriter {
  private static final long NO_BLOCK = 0xffff_ffff_ffffL;
  private static final long MAX_32 = 0xffff_ffffL;
  private static final int OMITS_DOT = 0x10;
  private static final int INDEXES_AT_ONCE = 4096;
  private static final int MAX_AT_ONCE = 64 << 10;

  private final ImagePlan plan;
  private final BlockSize block;

  private final Spool spool;
  private final int[] deviceOfBlob;
  private final MetadataOutput output;
  private long serial;

  /**
   * A writer.
   *
   * @param deviceOfBlob the device id of each blob number in chunk addresses
   */
  InodeWriter(ImagePlan plan, Spool spool, int[] deviceOfBlob, MetadataOutput output) {
    this.plan = plan;
    this.block = plan.frame().block();
    this.spool = spool;
    this.deviceOfBlob = deviceOfBlob;
    this.output = output;
  }

  /** Writes the inodes that are in the metabox, or those that are not. */
  void writeInodes(boolean areInMetabox) throws IOException {
    for (Node node : plan.byNid()) {
      serial++;
      if (Frame.isInMetabox(node.nid) == areInMetabox) {
        writeNode(node);
      }
    }
  }

  /** Writes the shared attributes. */
  void writeShared() throws IOException {
    output.padTo(plan.sharedXattrsAt());
    for (XattrTable.Entry xattr : plan.tree().xattrs().shared()) {
      xattr.write(output.next(xattr.sizeBytes()), 0, spool);
    }
  }

  /** Writes the blocks of directories and links, but for what is inline. */
  void writeFlat() throws IOException {
    for (Node node : plan.flat()) {
      output.padTo(node.startBlock << block.bits());
      writeBlocks(node);
    }
  }

  private void writeNode(Node node) throws IOException {
    long position = plan.frame().position(node.nid);
    output.padTo(position);
    if (node.isExtended) {
      writeExtended(node, output.next(Inode.EXTENDED_BYTES));
    } else {
      writeCompact(node, output.next(Inode.COMPACT_BYTES));
    }
    int xattrBytes = node.xattrs.bodyBytes();
    if (xattrBytes > 0) {
      node.xattrs.write(output.next(xattrBytes), spool);
    }
    output.padTo(position + ImagePlan.mapOffset(node));
    if (node.chunks != null) {
      writeChunkIndexes(node.chunks);
    } else if (node.clusters != null) {
      writeClusterIndex(node, node.clusters);
    }
    writeInline(node);
  }

  private void writeClusterIndex(Node node, Clusters clusters) throws IOException {
    int length = Math.toIntExact(plan.mapBytes(node));
    FileIndex index = FileIndex.of(node, clusters, plan.encoding());
    if (length <= MAX_AT_ONCE) {
      index.write(output.next(length), ImagePlan.mapOffset(node));
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment all = arena.allocate(length);
      index.write(all, ImagePlan.mapOffset(node));
      for (int done = 0; done < length; ) {
        int step = Math.min(MAX_AT_ONCE, length - done);
        MemorySegment.copy(all, done, output.next(step), 0, step);
        done += step;
      }
    }
  }

  /**
   *
   *
   * <table>
   * <caption>compact inode, little endian</caption>
   * <tr><th>offset</th><th>width</th><th>field</th></tr>
   * <tr><td>0</td><td>2</td><td>format: bit 0 extended, bits 1 to 3 layout, bit 4 of a directory: no
   * entry for itself</td></tr>
   * <tr><td>2</td><td>2</td><td>xattr icount</td></tr>
   * <tr><td>4</td><td>2</td><td>mode</td></tr>
   * <tr><td>6</td><td>2</td><td>nlink</td></tr>
   * <tr><td>8</td><td>4</td><td>size</td></tr>
   * <tr><td>12</td><td>4</td><td>mtime, from the epoch</td></tr>
   * <tr><td>16</td><td>4</td><td>start block, device number or chunk format</td></tr>
   * <tr><td>20</td><td>4</td><td>serial number</td></tr>
   * <tr><td>24</td><td>2</td><td>uid</td></tr>
   * <tr><td>26</td><td>2</td><td>gid</td></tr>
   * </table>
   */
  private void writeCompact(Node node, MemorySegment dst) {
    FileStat stat = node.stat();
    writeCommon(node, dst);
    LittleEndian.put16(dst, 6, node.nlink);
    LittleEndian.put32(dst, 8, node.sizeBytes());
    LittleEndian.put32(dst, 12, plan.mtimeSeconds(node) - plan.epochSeconds());
    LittleEndian.put16(dst, 24, (int) stat.uid());
    LittleEndian.put16(dst, 26, (int) stat.gid());
  }

  /**
   *
   *
   * <table>
   * <caption>extended inode, little endian; the first fields are those of the compact one</caption>
   * <tr><th>offset</th><th>width</th><th>field</th></tr>
   * <tr><td>6</td><td>2</td><td>with 48-bit addresses: bits 32 to 47 of the start block</td></tr>
   * <tr><td>8</td><td>8</td><td>size</td></tr>
   * <tr><td>16</td><td>4</td><td>start block, device number or chunk format</td></tr>
   * <tr><td>20</td><td>4</td><td>serial number</td></tr>
   * <tr><td>24</td><td>4</td><td>uid</td></tr>
   * <tr><td>28</td><td>4</td><td>gid</td></tr>
   * <tr><td>32</td><td>8</td><td>mtime in seconds</td></tr>
   * <tr><td>40</td><td>4</td><td>nanoseconds of the mtime</td></tr>
   * <tr><td>44</td><td>4</td><td>nlink</td></tr>
   * </table>
   */
  private void writeExtended(Node node, MemorySegment dst) {
    FileStat stat = node.stat();
    writeCommon(node, dst);
    if (plan.encoding().wide()) {
      LittleEndian.put16(dst, 6, (int) (union(node) >>> 32));
    }
    LittleEndian.put64(dst, 8, node.sizeBytes());
    LittleEndian.put32(dst, 24, stat.uid());
    LittleEndian.put32(dst, 28, stat.gid());
    LittleEndian.put64(dst, 32, plan.mtimeSeconds(node));
    LittleEndian.put32(dst, 40, plan.mtimeNanos(node));
    LittleEndian.put32(dst, 44, node.nlink);
  }

  private void writeCommon(Node node, MemorySegment dst) {
    boolean omitsDot = plan.encoding().omitsDots() && node instanceof Node.Directory;
    LittleEndian.put16(
        dst, 0, (node.isExtended ? 1 : 0) | node.layout.number << 1 | (omitsDot ? OMITS_DOT : 0));
    LittleEndian.put16(dst, 2, node.xattrs.icount());
    LittleEndian.put16(dst, 4, node.stat().mode());
    LittleEndian.put32(dst, 16, union(node) & MAX_32);
    LittleEndian.put32(dst, 20, serial);
  }

  private long union(Node node) {
    if (node.stat().isDevice()) {
      return node.stat().rdev();
    }
    if (node.chunks != null) {
      return node.chunks.chunkBits() - (long) block.bits()
          | DataLayout.ChunkBased.INDEXES
          | (plan.encoding().wide() ? DataLayout.ChunkBased.WIDE_ADDRESSES : 0);
    }
    if (node.clusters != null) {
      return block.count(node.clusters.storedBytes());
    }
    if (node.startBlock != Node.NOWHERE) {
      return node.startBlock;
    }
    return node.stat().isRegular() && node.sizeBytes() == 0 ? NO_BLOCK : 0;
  }

  /**
   * A chunk index: with 48-bit addresses their upper bits u16, device u16, block u32. A hole has a
   * block of all ones.
   */
  private void writeChunkIndexes(ChunkMap chunks) throws IOException {
    for (int first = 0; first < chunks.count(); first += INDEXES_AT_ONCE) {
      int count = Math.min(chunks.count() - first, INDEXES_AT_ONCE);
      MemorySegment dst = output.next(count * DataLayout.ChunkBased.INDEX_BYTES);
      for (int i = 0; i < count; i++) {
        long at = (long) i * DataLayout.ChunkBased.INDEX_BYTES;
        long address = chunks.address(first + i);
        boolean isHole = address == ChunkMap.HOLE;
        long start = isHole ? NO_BLOCK : ChunkMap.block(address);
        if (plan.encoding().wide()) {
          LittleEndian.put16(dst, at, (int) (start >>> 32));
        }
        LittleEndian.put16(dst, at + 2, isHole ? 0 : deviceOfBlob[ChunkMap.blob(address)]);
        LittleEndian.put32(dst, at + 4, start & MAX_32);
      }
    }
  }

  private void writeInline(Node node) throws IOException {
    int length = plan.inlineBytes(node);
    if (length == 0) {
      return;
    }
    MemorySegment dst = output.next(length);
    if (node instanceof Node.Directory directory) {
      DirectoryBlocks blocks = plan.blocks(directory);
      blocks.write(blocks.count() - 1, dst);
    } else {
      spool.read(inlineAt(node), length, dst, 0);
    }
  }

  private long inlineAt(Node node) {
    if (node.clusters != null) {
      return node.clusters.inlineAt();
    }
    // All of a link is in the spool; of a file only what is inline.
    return node instanceof Node.Link
        ? node.spooledAt + node.sizeBytes() - plan.inlineBytes(node)
        : node.spooledAt;
  }

  private void writeBlocks(Node node) throws IOException {
    if (node instanceof Node.Directory directory) {
      DirectoryBlocks blocks = plan.blocks(directory);
      for (int i = 0; i < plan.flatBlocks(node); i++) {
        blocks.write(i, output.next(block.bytes()));
      }
    } else {
      int length = (int) node.sizeBytes() - plan.inlineBytes(node);
      spool.read(node.spooledAt, length, output.next(length), 0);
    }
  }
}
