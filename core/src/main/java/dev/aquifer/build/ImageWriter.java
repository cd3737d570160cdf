package dev.aquifer.build;

import dev.aquifer.image.DataLayout;
import dev.aquifer.image.DeviceSlot;
import dev.aquifer.image.Feature;
import dev.aquifer.image.Inode;
import dev.aquifer.image.Superblock;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Writes the metadata that an {@link ImagePlan} describes, front to back. */
final class ImageWriter {
  private static final long NO_BLOCK = 0xffff_ffff_ffffL;
  private static final long MAX_32 = 0xffff_ffffL;
  private static final int MAX_SHORT_NID = 0xffff;
  private static final int OMITS_DOT = 0x10;
  private static final int INDEXES_AT_ONCE = 4096;
  private static final int MAX_AT_ONCE = 64 << 10;

  private final ImagePlan plan;
  private final BlockSize block;

  /** Null in a rehearsal: nothing is written, and the spool's bytes are left out. */
  private final @Nullable Spool spool;

  private final int[] deviceOfBlob;
  private final String volumeName;
  private final UUID uuid;
  private final @Nullable OutputFile file;

  private MetadataOutput output;
  private long serial;

  private ImageWriter(
      ImagePlan plan,
      @Nullable Spool spool,
      int[] deviceOfBlob,
      String volumeName,
      UUID uuid,
      @Nullable OutputFile file) {
    this.plan = plan;
    this.block = plan.frame().block();
    this.spool = spool;
    this.deviceOfBlob = deviceOfBlob;
    this.volumeName = volumeName;
    this.uuid = uuid;
    this.file = file;
    this.output = new MetadataOutput(file, block, 0);
  }

  /**
   * Writes the metadata to {@code file}.
   *
   * @param data the digest of all data that is not metadata: at least of what is in {@code spool}
   * @param deviceOfBlob the device id of each blob number in chunk addresses
   * @param uuid the file system's UUID, or null to derive it from the content
   * @return the digest of what was written
   */
  static Sha256 write(
      ImagePlan plan,
      Spool spool,
      Sha256 data,
      int[] deviceOfBlob,
      String volumeName,
      @Nullable UUID uuid,
      OutputFile file)
      throws IOException {
    UUID chosen = uuid;
    if (chosen == null) {
      Sha256 metadata =
          new ImageWriter(plan, null, deviceOfBlob, volumeName, new UUID(0, 0), null).write();
      chosen = uuidOf(metadata, data);
    }
    return new ImageWriter(plan, spool, deviceOfBlob, volumeName, chosen, file).write();
  }

  /** A UUID of version 8: its other bits are the first of a digest. */
  private static UUID uuidOf(Sha256 metadata, Sha256 data) {
    MemorySegment digest = MemorySegment.ofArray(both(metadata, data).bytes());
    return new UUID(
        LittleEndian.u64(digest, 0) & ~0xf000L | 0x8000L,
        LittleEndian.u64(digest, 8) >>> 2 | 1L << 63);
  }

  /** A digest that stands for two. */
  static Sha256 both(Sha256 first, Sha256 second) {
    byte[] both = new byte[2 * Sha256.SIZE_BYTES];
    System.arraycopy(first.bytes(), 0, both, 0, Sha256.SIZE_BYTES);
    System.arraycopy(second.bytes(), 0, both, Sha256.SIZE_BYTES, Sha256.SIZE_BYTES);
    return Sha256.hash(both);
  }

  private Sha256 write() throws IOException {
    try {
      writeHead();
      if (!plan.frame().isSingle()) {
        writeInodes();
        return output.finish();
      }
      output.padTo(plan.frame().dataBlock() << block.bits());
      Sha256 head = output.finish();
      output.close();
      output = new MetadataOutput(file, block, plan.frame().dataEndBytes());
      writeInodes();
      return both(head, output.finish());
    } finally {
      output.close();
    }
  }

  private void writeHead() throws IOException {
    output.padTo(Superblock.POSITION_BYTES);
    writeSuperblock(output.next(Superblock.SIZE_BYTES));
    write(plan.encoding().configs());
    write(ImagePlan.headPrefixes(plan.tree(), plan.encoding()));
    if (!plan.devices().isEmpty()) {
      output.padTo(plan.frame().devicesAt());
      writeDevices();
    }
  }

  private void write(byte[] bytes) throws IOException {
    MemorySegment dst = output.next(bytes.length);
    MemorySegment.copy(bytes, 0, dst, ValueLayout.JAVA_BYTE, 0, bytes.length);
  }

  private void writeInodes() throws IOException {
    for (Node node : plan.byNid()) {
      writeNode(node);
    }
    output.padTo(plan.sharedXattrsAt());
    for (XattrTable.Entry xattr : plan.tree().xattrs().shared()) {
      xattr.write(output.next(xattr.sizeBytes()), 0, spool);
    }
    for (Node node : plan.flat()) {
      output.padTo(node.startBlock << block.bits());
      writeBlocks(node);
    }
    output.padTo(plan.blocks() << block.bits());
  }

  /**
   *
   *
   * <table>
   * <caption>superblock, at byte 1024, little endian; what is not listed is 0</caption>
   * <tr><th>offset</th><th>width</th><th>field</th></tr>
   * <tr><td>0</td><td>4</td><td>magic</td></tr>
   * <tr><td>4</td><td>4</td><td>checksum, see {@link BootstrapOutput}</td></tr>
   * <tr><td>8</td><td>4</td><td>compatible features</td></tr>
   * <tr><td>12</td><td>1</td><td>block size, as a power of two</td></tr>
   * <tr><td>14</td><td>2</td><td>nid of the root, or bits 32 to 47 of the count of blocks</td></tr>
   * <tr><td>16</td><td>8</td><td>count of inodes</td></tr>
   * <tr><td>24</td><td>8</td><td>what the times of compact inodes count from, in seconds</td></tr>
   * <tr><td>32</td><td>4</td><td>their nanoseconds</td></tr>
   * <tr><td>36</td><td>4</td><td>count of blocks</td></tr>
   * <tr><td>40</td><td>4</td><td>block from which nids count</td></tr>
   * <tr><td>44</td><td>4</td><td>block from which ids of shared attributes count</td></tr>
   * <tr><td>48</td><td>16</td><td>UUID</td></tr>
   * <tr><td>64</td><td>16</td><td>volume name</td></tr>
   * <tr><td>80</td><td>4</td><td>incompatible features</td></tr>
   * <tr><td>84</td><td>2</td><td>algorithms, see {@link Encoding#algorithms}</td></tr>
   * <tr><td>86</td><td>2</td><td>count of device slots</td></tr>
   * <tr><td>88</td><td>2</td><td>where they are, in units of 128 bytes</td></tr>
   * <tr><td>91</td><td>1</td><td>count of long prefixes</td></tr>
   * <tr><td>92</td><td>4</td><td>where they are, in units of 4 bytes</td></tr>
   * <tr><td>96</td><td>8</td><td>nid of the packed inode</td></tr>
   * <tr><td>105</td><td>1</td><td>which of the long prefixes digests have</td></tr>
   * <tr><td>108</td><td>4</td><td>with 48-bit addresses: time of the image, from the epoch</td></tr>
   * <tr><td>112</td><td>8</td><td>and the nid of the root, if the short field has no room for it or
   * for the count of blocks</td></tr>
   * </table>
   */
  private void writeSuperblock(MemorySegment dst) {
    int devices = plan.devices().size();
    LittleEndian.put32(dst, 0, Superblock.MAGIC);
    LittleEndian.put32(dst, 8, compatibleFeatures(plan));
    LittleEndian.put8(dst, 12, block.bits());
    LittleEndian.put64(dst, 16, plan.byNid().size());
    LittleEndian.put64(dst, 24, plan.epochSeconds());
    LittleEndian.put32(dst, 32, plan.epochNanos());
    LittleEndian.put32(dst, 36, plan.blocks() & MAX_32);
    LittleEndian.put32(dst, 40, plan.frame().metaBlock());
    LittleEndian.put32(dst, 44, plan.sharedXattrsAt() >>> block.bits());
    putBigEndian(dst, 48, uuid.getMostSignificantBits());
    putBigEndian(dst, 56, uuid.getLeastSignificantBits());
    byte[] name = volumeName.getBytes(StandardCharsets.UTF_8);
    MemorySegment.copy(name, 0, dst, ValueLayout.JAVA_BYTE, 64, name.length);
    LittleEndian.put32(dst, 80, incompatibleFeatures(plan));
    LittleEndian.put16(dst, 84, plan.encoding().algorithms());
    LittleEndian.put16(dst, 86, devices);
    LittleEndian.put16(
        dst, 88, devices > 0 ? (int) (plan.frame().devicesAt() / DeviceSlot.SIZE_BYTES) : 0);
    Node packed = plan.packed();
    LittleEndian.put64(dst, 96, packed == null ? 0 : packed.nid);
    if (plan.encoding().wide()) {
      LittleEndian.put32(dst, 108, plan.buildSeconds() - plan.epochSeconds() & MAX_32);
    }
    writeRoot(dst, plan.tree().root().nid);
    writePrefixFields(dst);
  }

  private void writeRoot(MemorySegment dst, long nid) {
    boolean isShort = nid >= 0 && nid <= MAX_SHORT_NID && plan.blocks() <= MAX_32;
    if (plan.encoding().wide() && !isShort) {
      LittleEndian.put16(dst, 14, (int) (plan.blocks() >>> 32));
      LittleEndian.put64(dst, 112, nid);
    } else {
      LittleEndian.put16(dst, 14, Math.toIntExact(nid));
    }
  }

  private void writePrefixFields(MemorySegment dst) {
    LongPrefixes prefixes = plan.tree().xattrs().prefixes();
    LittleEndian.put8(dst, 91, prefixes.count());
    if (hasHeadPrefixes(plan)) {
      long at = Frame.configsAt() + plan.encoding().configs().length;
      LittleEndian.put32(dst, 92, at / 4);
    }
    LittleEndian.put8(dst, 105, prefixes.hasDigests() ? prefixes.digestPlace() : 0);
  }

  private static boolean hasHeadPrefixes(ImagePlan plan) {
    return ImagePlan.headPrefixes(plan.tree(), plan.encoding()).length > 0;
  }

  /** The features that a reader need not know. */
  static long compatibleFeatures(ImagePlan plan) {
    boolean hasXattrs = !plan.tree().xattrs().isEmpty();
    return Feature.SB_CHKSUM.bit()
        | Feature.MTIME.bit()
        | (hasXattrs ? Feature.XATTR_FILTER.bit() : 0)
        | (hasHeadPrefixes(plan) ? Feature.PLAIN_XATTR_PFX.bit() : 0)
        | (plan.tree().xattrs().prefixes().hasDigests() ? Feature.ISHARE_XATTRS.bit() : 0);
  }

  /** The features that a reader must know. */
  static long incompatibleFeatures(ImagePlan plan) {
    return plan.encoding().incompatibleFeatures()
        | (plan.tree().xattrs().prefixes().count() > 0 ? Feature.XATTR_PREFIXES.bit() : 0)
        | (plan.hasChunks() ? Feature.CHUNKED_FILE.bit() : 0)
        | (plan.devices().isEmpty() ? 0 : Feature.DEVICE_TABLE.bit());
  }

  private static void putBigEndian(MemorySegment dst, long offset, long value) {
    LittleEndian.put64(dst, offset, Long.reverseBytes(value));
  }

  /**
   * Each device gets a place in one flat address space behind the image itself. Nothing here uses
   * it, but it makes a kernel that was given no devices look beyond the image's end, where it
   * fails, or finds the devices if all are in one file; and not take metadata for data.
   */
  private void writeDevices() throws IOException {
    long uniaddr = plan.blocks();
    for (Device device : plan.devices()) {
      MemorySegment slot = output.next(DeviceSlot.SIZE_BYTES);
      byte[] tag = device.tag().getBytes(StandardCharsets.UTF_8);
      MemorySegment.copy(tag, 0, slot, ValueLayout.JAVA_BYTE, 0, tag.length);
      LittleEndian.put32(slot, 64, device.blocks() & MAX_32);
      LittleEndian.put32(slot, 68, uniaddr & MAX_32);
      // Zero without 48-bit addresses: no more blocks are addressed then.
      LittleEndian.put16(slot, 72, (int) (device.blocks() >>> 32));
      LittleEndian.put16(slot, 74, (int) (uniaddr >>> 32));
      uniaddr += device.blocks();
    }
  }

  private void writeNode(Node node) throws IOException {
    long position = plan.frame().position(node.nid);
    output.padTo(position);
    serial++;
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
    } else if (spool != null) {
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

  /** The blocks of a directory or link, but for what is inline. */
  private void writeBlocks(Node node) throws IOException {
    if (node instanceof Node.Directory directory) {
      DirectoryBlocks blocks = plan.blocks(directory);
      for (int i = 0; i < plan.flatBlocks(node); i++) {
        blocks.write(i, output.next(block.bytes()));
      }
    } else {
      int length = (int) node.sizeBytes() - plan.inlineBytes(node);
      MemorySegment dst = output.next(length);
      if (spool != null) {
        spool.read(node.spooledAt, length, dst, 0);
      }
    }
  }
}
