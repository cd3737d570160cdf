package dev.aquifer.build;

import dev.aquifer.image.DeviceSlot;
import dev.aquifer.image.Feature;
import dev.aquifer.image.Superblock;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Writes the metadata that an {@link ImagePlan} describes, front to back: the head, and by an
 * {@link InodeWriter} the rest. The first bytes come last, since by default the UUID is made of all
 * the others.
 */
final class ImageWriter {
  private static final long MAX_32 = 0xffff_ffffL;
  private static final int MAX_SHORT_NID = 0xffff;

  private final ImagePlan plan;
  private final BlockSize block;
  private final Spool spool;
  private final int[] deviceOfBlob;
  private final String volumeName;
  private final OutputFile file;
  private final MetadataOutput head;

  /** What is written to at present: {@link #head}, or what comes behind the data. */
  private MetadataOutput output;

  /** The mark of what was written before {@link #output}; null for nothing. */
  private @Nullable Sha256 before;

  private ImageWriter(
      ImagePlan plan, Spool spool, int[] deviceOfBlob, String volumeName, OutputFile file) {
    this.plan = plan;
    this.block = plan.frame().block();
    this.spool = spool;
    this.deviceOfBlob = deviceOfBlob;
    this.volumeName = volumeName;
    this.file = file;
    this.head = MetadataOutput.ofHead(file::write);
    this.output = head;
  }

  /**
   * Writes the metadata to {@code file}.
   *
   * @param data the mark of all data in {@code file}; null for none
   * @param deviceOfBlob the device id of each blob number in chunk addresses
   * @param uuid the file system's UUID, or null to derive it from the content
   */
  static void write(
      ImagePlan plan,
      Spool spool,
      @Nullable Sha256 data,
      int[] deviceOfBlob,
      String volumeName,
      @Nullable UUID uuid,
      OutputFile file)
      throws IOException {
    ImageWriter writer = new ImageWriter(plan, spool, deviceOfBlob, volumeName, file);
    try {
      Sha256 metadata = writer.write();
      writer.writeStart(uuid == null ? uuidOf(metadata, data) : uuid);
    } finally {
      writer.output.close();
      writer.head.close();
    }
  }

  /** A UUID of version 8: its other bits are the first of a mark. */
  private static UUID uuidOf(Sha256 metadata, @Nullable Sha256 data) {
    Sha256 all = data == null ? metadata : both(metadata, data);
    MemorySegment digest = MemorySegment.ofArray(all.bytes());
    return new UUID(
        LittleEndian.u64(digest, 0) & ~0xf000L | 0x8000L,
        LittleEndian.u64(digest, 8) >>> 2 | 1L << 63);
  }

  /** A mark that stands for two. */
  static Sha256 both(Sha256 first, Sha256 second) {
    byte[] both = new byte[2 * Sha256.SIZE_BYTES];
    System.arraycopy(first.bytes(), 0, both, 0, Sha256.SIZE_BYTES);
    System.arraycopy(second.bytes(), 0, both, Sha256.SIZE_BYTES, Sha256.SIZE_BYTES);
    return Sha256.hash(both);
  }

  /** Writes what the metabox is to have, before that is placed. */
  static void writeMetabox(ImagePlan plan, Spool spool, int[] deviceOfBlob, PackedData metabox)
      throws IOException {
    MetadataOutput.Sink sink =
        (positionBytes, bytes) -> {
          long unused = metabox.append(bytes);
        };
    try (MetadataOutput output = MetadataOutput.ofPart(sink, 0)) {
      InodeWriter inodes = new InodeWriter(plan, spool, deviceOfBlob, output);
      inodes.writeInodes(true);
      inodes.writeShared();
      output.padTo(plan.metaboxBytes());
      Sha256 unused = output.finish();
    }
  }

  /** Writes all but the start; returns the mark of it with the start, but for the UUID. */
  private Sha256 write() throws IOException {
    writeHead();
    if (plan.frame().isSingle()) {
      output.padTo(plan.frame().dataBlock() << block.bits());
      continueAt(plan.frame().dataEndBytes());
    }
    if (plan.hasMetabox()) {
      inodes().writeFlat();
      continueAt(plan.frame().inodesAt());
      inodes().writeInodes(false);
    } else {
      InodeWriter inodes = inodes();
      inodes.writeInodes(false);
      inodes.writeShared();
      inodes.writeFlat();
    }
    output.padTo(plan.usedBlocks() << block.bits());
    Sha256 mark = finish();
    if (plan.blocks() > plan.usedBlocks()) {
      file.write((plan.blocks() << block.bits()) - 1, MemorySegment.ofArray(new byte[1]));
    }
    return mark;
  }

  /** Writes the first bytes, with what depends on all others. */
  private void writeStart(UUID uuid) throws IOException {
    MemorySegment start = head.start();
    MemorySegment superblock = start.asSlice(Superblock.POSITION_BYTES);
    putBigEndian(superblock, 48, uuid.getMostSignificantBits());
    putBigEndian(superblock, 56, uuid.getLeastSignificantBits());
    LittleEndian.put32(superblock, 4, checksum(superblock));
    file.write(0, start);
  }

  /** CRC-32C without the final inversion, from the superblock to the end of its block. */
  private long checksum(MemorySegment superblock) {
    CRC32C crc = new CRC32C();
    // Of blocks that end before the superblock begins, one block.
    long position = Superblock.POSITION_BYTES;
    long length = block.bytes() > position ? block.bytes() - position : block.bytes();
    crc.update(superblock.asSlice(0, length).asByteBuffer());
    return ~crc.getValue();
  }

  private InodeWriter inodes() {
    return new InodeWriter(plan, spool, deviceOfBlob, output);
  }

  /** Leaves out what is there already, up to {@code positionBytes}. */
  private void continueAt(long positionBytes) throws IOException {
    before = finish();
    if (output != head) {
      output.close();
    }
    output = MetadataOutput.ofPart(file::write, positionBytes);
  }

  private Sha256 finish() throws IOException {
    Sha256 last = output.finish();
    return before == null ? last : both(before, last);
  }

  private void writeHead() throws IOException {
    output.padTo(Superblock.POSITION_BYTES);
    writeSuperblock(output.next(Frame.superblockBytes(plan.encoding())));
    write(fields(plan).configs());
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

  /**
   * Writes the superblock without what {@link #writeStart} adds: UUID and checksum.
   *
   * <table>
   * <caption>superblock, at byte 1024, little endian; what is not listed is 0</caption>
   * <tr><th>offset</th><th>width</th><th>field</th></tr>
   * <tr><td>0</td><td>4</td><td>magic</td></tr>
   * <tr><td>4</td><td>4</td><td>checksum, see {@link #checksum}</td></tr>
   * <tr><td>8</td><td>4</td><td>compatible features</td></tr>
   * <tr><td>12</td><td>1</td><td>block size, as a power of two</td></tr>
   * <tr><td>13</td><td>1</td><td>how many times 16 bytes it has after the first 128</td></tr>
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
   * <tr><td>84</td><td>2</td><td>algorithms, see {@link EncodingFields#algorithms}</td></tr>
   * <tr><td>86</td><td>2</td><td>count of device slots</td></tr>
   * <tr><td>88</td><td>2</td><td>where they are, in units of 128 bytes</td></tr>
   * <tr><td>91</td><td>1</td><td>count of long prefixes</td></tr>
   * <tr><td>92</td><td>4</td><td>where they are, in units of 4 bytes</td></tr>
   * <tr><td>96</td><td>8</td><td>nid of the packed inode</td></tr>
   * <tr><td>105</td><td>1</td><td>which of the long prefixes digests have</td></tr>
   * <tr><td>108</td><td>4</td><td>with 48-bit addresses: time of the image, from the epoch</td></tr>
   * <tr><td>112</td><td>8</td><td>and the nid of the root, if the short field has no room for it or
   * for the count of blocks</td></tr>
   * <tr><td>128</td><td>8</td><td>with a metabox: the nid of its inode</td></tr>
   * </table>
   */
  private void writeSuperblock(MemorySegment dst) {
    int devices = plan.devices().size();
    LittleEndian.put32(dst, 0, Superblock.MAGIC);
    LittleEndian.put32(dst, 8, compatibleFeatures(plan));
    LittleEndian.put8(dst, 12, block.bits());
    LittleEndian.put8(
        dst, 13, (int) (dst.byteSize() - Superblock.SIZE_BYTES) / Superblock.EXTENSION_BYTES);
    LittleEndian.put64(dst, 16, plan.byNid().size());
    LittleEndian.put64(dst, 24, plan.epochSeconds());
    LittleEndian.put32(dst, 32, plan.epochNanos());
    LittleEndian.put32(dst, 36, plan.blocks() & MAX_32);
    LittleEndian.put32(dst, 40, plan.frame().metaBlock());
    LittleEndian.put32(dst, 44, plan.sharedXattrsAt() >>> block.bits());
    byte[] name = volumeName.getBytes(StandardCharsets.UTF_8);
    MemorySegment.copy(name, 0, dst, ValueLayout.JAVA_BYTE, 64, name.length);
    LittleEndian.put32(dst, 80, incompatibleFeatures(plan));
    LittleEndian.put16(dst, 84, fields(plan).algorithms());
    LittleEndian.put16(dst, 86, devices);
    LittleEndian.put16(
        dst, 88, devices > 0 ? (int) (plan.frame().devicesAt() / DeviceSlot.SIZE_BYTES) : 0);
    Node packed = plan.packed();
    LittleEndian.put64(dst, 96, packed == null ? 0 : packed.nid);
    if (plan.encoding().wide()) {
      LittleEndian.put32(dst, 108, plan.buildSeconds() - plan.epochSeconds() & MAX_32);
    }
    writeRoot(dst, plan.tree().root().nid);
    if (plan.metabox() != null) {
      LittleEndian.put64(dst, 128, plan.metabox().nid);
    }
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
      long at = Frame.configsAt(plan.encoding()) + fields(plan).configs().length;
      LittleEndian.put32(dst, 92, at / 4);
    }
    LittleEndian.put8(dst, 105, prefixes.hasDigests() ? prefixes.digestPlace() : 0);
  }

  private static boolean hasHeadPrefixes(ImagePlan plan) {
    return ImagePlan.headPrefixes(plan.tree(), plan.encoding()).length > 0;
  }

  /** The features that a reader need not know. */
  static long compatibleFeatures(ImagePlan plan) {
    boolean hasXattrs =
        !plan.tree().xattrs().isEmpty() || plan.tree().root().xattrs.bodyBytes() > 0;
    return Feature.SB_CHKSUM.bit()
        | Feature.MTIME.bit()
        | (hasXattrs ? Feature.XATTR_FILTER.bit() : 0)
        | (plan.hasMetabox() ? Feature.SHARED_EA_IN_METABOX.bit() : 0)
        | (hasHeadPrefixes(plan) ? Feature.PLAIN_XATTR_PFX.bit() : 0)
        | (plan.tree().xattrs().prefixes().hasDigests() ? Feature.ISHARE_XATTRS.bit() : 0);
  }

  /** The features that a reader must know. */
  static long incompatibleFeatures(ImagePlan plan) {
    return fields(plan).incompatibleFeatures()
        | (plan.tree().xattrs().prefixes().count() > 0 ? Feature.XATTR_PREFIXES.bit() : 0)
        | (plan.hasChunks() ? Feature.CHUNKED_FILE.bit() : 0)
        | (plan.devices().isEmpty() ? 0 : Feature.DEVICE_TABLE.bit());
  }

  private static EncodingFields fields(ImagePlan plan) {
    return new EncodingFields(plan.encoding());
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
}
