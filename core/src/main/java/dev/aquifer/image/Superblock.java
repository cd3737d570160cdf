package dev.aquifer.image;

import dev.aquifer.codec.Algorithm;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * What the superblock says. It is at byte 1024 of the primary device, little endian:
 *
 * <table>
 * <caption>superblock</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>4</td><td>magic</td><td>0xe0f5e1e2</td></tr>
 * <tr><td>4</td><td>4</td><td>checksum</td><td>with SB_CHKSUM: CRC32C without the final inversion,
 * over the bytes from 1024 to the end of block 0 (one block from 1024 where blocks have at most 1024
 * bytes), with this field zero</td></tr>
 * <tr><td>8</td><td>4</td><td>feature_compat</td><td>see {@link Feature}</td></tr>
 * <tr><td>12</td><td>1</td><td>blkszbits</td><td>9 to 16</td></tr>
 * <tr><td>13</td><td>1</td><td>sb_extslots</td><td>the superblock has 128 + 16 n bytes</td></tr>
 * <tr><td>14</td><td>2</td><td>root nid, or blocks_hi</td><td>blocks_hi with 48BIT and
 * rootnid_8b</td></tr>
 * <tr><td>16</td><td>8</td><td>inos</td><td>number of inodes</td></tr>
 * <tr><td>24</td><td>8</td><td>epoch</td><td>signed seconds that compact inodes count from</td></tr>
 * <tr><td>32</td><td>4</td><td>fixed_nsec</td><td>nanoseconds of compact inodes</td></tr>
 * <tr><td>36</td><td>4</td><td>blocks_lo</td><td>size of the primary device in blocks</td></tr>
 * <tr><td>40</td><td>4</td><td>meta_blkaddr</td><td>block that nids count from, signed</td></tr>
 * <tr><td>44</td><td>4</td><td>xattr_blkaddr</td><td>block that shared attributes count from</td></tr>
 * <tr><td>48</td><td>16</td><td>uuid</td><td></td></tr>
 * <tr><td>64</td><td>16</td><td>volume_name</td><td>ends with the first zero byte</td></tr>
 * <tr><td>80</td><td>4</td><td>feature_incompat</td><td>see {@link Feature}</td></tr>
 * <tr><td>84</td><td>2</td><td>compression</td><td>algorithms with COMPR_CFGS, else the distance of
 * LZ4</td></tr>
 * <tr><td>86</td><td>2</td><td>extra_devices</td><td>number of device slots, with
 * DEVICE_TABLE</td></tr>
 * <tr><td>88</td><td>2</td><td>devt_slotoff</td><td>the device table is at byte 128 n</td></tr>
 * <tr><td>90</td><td>1</td><td>dirblkbits</td><td>0</td></tr>
 * <tr><td>91</td><td>1</td><td>xattr_prefix_count</td><td>number of long prefixes</td></tr>
 * <tr><td>92</td><td>4</td><td>xattr_prefix_start</td><td>they are at byte 4 n</td></tr>
 * <tr><td>96</td><td>8</td><td>packed_nid</td><td>0 for none; bit 63 clear</td></tr>
 * <tr><td>105</td><td>1</td><td>ishare_xattr_prefix_id</td><td>with ISHARE_XATTRS: which of the long
 * prefixes is the name of digests</td></tr>
 * <tr><td>108</td><td>4</td><td>build_time</td><td>with 48BIT: seconds after epoch</td></tr>
 * <tr><td>112</td><td>8</td><td>rootnid_8b</td><td>with 48BIT: root nid, 0 for the short one</td></tr>
 * <tr><td>128</td><td>8</td><td>metabox_nid</td><td>with METABOX; bit 63 clear</td></tr>
 * </table>
 *
 * @param featureCompat the compatible feature bits
 * @param featureIncompat the incompatible feature bits
 * @param blockBits a block has 2^blockBits bytes, 9 to 16
 * @param rootNid the nid of the root directory
 * @param inodes the number of inodes
 * @param epochSeconds what the times of compact inodes count from, in seconds since 1970
 * @param fixedNanos the nanoseconds of compact inodes
 * @param buildTimeSeconds when the image was made, in seconds since 1970
 * @param blocks the size of the primary device in blocks
 * @param metaBlock what nids count from
 * @param xattrBlock what shared extended attributes count from
 * @param uuid the image's UUID
 * @param volumeName the image's label, may be empty
 * @param algorithmBits the compression algorithms in use: bit n is that of number n
 * @param compressionConfigs what streams of those algorithms may need, by number
 * @param extraDevices the number of device slots
 * @param deviceTablePositionBytes where the device table is
 * @param xattrPrefixes the number of long prefixes of names of extended attributes
 * @param xattrPrefixPositionBytes where those are
 * @param digestPrefix which of the long prefixes is the name of digests of data, or -1
 * @param packedNid the nid of the packed inode, or 0
 * @param metaboxNid the nid of the metabox inode, or 0
 */
public record Superblock(
    long featureCompat,
    long featureIncompat,
    int blockBits,
    long rootNid,
    long inodes,
    long epochSeconds,
    int fixedNanos,
    long buildTimeSeconds,
    long blocks,
    long metaBlock,
    long xattrBlock,
    UUID uuid,
    String volumeName,
    int algorithmBits,
    List<CompressionConfig> compressionConfigs,
    int extraDevices,
    long deviceTablePositionBytes,
    int xattrPrefixes,
    long xattrPrefixPositionBytes,
    int digestPrefix,
    long packedNid,
    long metaboxNid) {

  /** Where the superblock begins. */
  public static final int POSITION_BYTES = 1024;

  /** Its size without extensions. */
  public static final int SIZE_BYTES = 128;

  /** Its size with METABOX. */
  public static final int SIZE_WITH_METABOX_BYTES = 144;

  /** It grows by so many bytes. */
  public static final int EXTENSION_BYTES = 16;

  /** Its first four bytes. */
  public static final long MAGIC = 0xe0f5e1e2L;

  private static final int MIN_BLOCK_BITS = 9;
  private static final int MAX_BLOCK_BITS = 16;
  private static final int VOLUME_NAME_BYTES = 16;
  private static final int NANOS_PER_SECOND = 1_000_000_000;

  /** The size of a block in bytes. */
  public int blockSizeBytes() {
    return 1 << blockBits;
  }

  /** Whether the image says that it uses {@code feature}. */
  public boolean has(Feature feature) {
    long word = feature.kind() == Feature.Kind.COMPATIBLE ? featureCompat : featureIncompat;
    return (word & feature.bit()) != 0;
  }

  /** Whether the image says that some of its data may be compressed in this way. */
  public boolean hasAlgorithm(Algorithm algorithm) {
    return (algorithmBits & 1 << algorithm.number()) != 0;
  }

  /** The features that the image says it uses; bits without a name are left out. */
  public Set<Feature> features() {
    EnumSet<Feature> features = EnumSet.allOf(Feature.class);
    features.removeIf(feature -> !has(feature));
    return Collections.unmodifiableSet(features);
  }

  /**
   * Reads and checks the superblock of {@code primary}: magic, block size, features, checksum, the
   * rest.
   *
   * @throws CorruptDataException if it is no EROFS superblock, or damaged
   * @throws UnsupportedFeatureException if it has an incompatible feature bit without a name
   */
  static Superblock read(ByteSource primary) throws IOException {
    if (primary.sizeBytes() < POSITION_BYTES + SIZE_BYTES) {
      throw new CorruptDataException(
          "%s: has %d bytes: an EROFS image has at least %d"
              .formatted(primary.name(), primary.sizeBytes(), POSITION_BYTES + SIZE_BYTES));
    }
    MemorySegment sb = MemorySegment.ofArray(primary.readBytes(POSITION_BYTES, SIZE_BYTES));
    long magic = LittleEndian.u32(sb, 0);
    if (magic != MAGIC) {
      throw corrupt(
          primary, "magic 0x%08x: expected 0x%08x of an EROFS image".formatted(magic, MAGIC));
    }
    int blockBits = LittleEndian.u8(sb, 12);
    if (blockBits < MIN_BLOCK_BITS || blockBits > MAX_BLOCK_BITS) {
      throw corrupt(
          primary,
          "blocks of 2^%d bytes: expected 2^%d to 2^%d"
              .formatted(blockBits, MIN_BLOCK_BITS, MAX_BLOCK_BITS));
    }
    checkFeatures(primary, LittleEndian.u32(sb, 80));
    if ((LittleEndian.u32(sb, 8) & Feature.SB_CHKSUM.bit()) != 0) {
      checkChecksum(primary, LittleEndian.u32(sb, 4), blockBits);
    }
    if (LittleEndian.u8(sb, 90) != 0) {
      throw corrupt(primary, "dirblkbits %d: expected 0".formatted(LittleEndian.u8(sb, 90)));
    }
    Superblock superblock = decode(primary, sb, blockBits);
    superblock.check(primary);
    return superblock;
  }

  private static void checkFeatures(ByteSource primary, long incompat) throws IOException {
    long unknown = incompat & ~Feature.knownBits(Feature.Kind.INCOMPATIBLE);
    if (unknown != 0) {
      throw new UnsupportedFeatureException(
          "%s: superblock at byte %d: unknown incompatible feature bits 0x%x: a newer version may read it"
              .formatted(primary.name(), POSITION_BYTES, unknown));
    }
  }

  private static void checkChecksum(ByteSource primary, long stored, int blockBits)
      throws IOException {
    int blockSize = 1 << blockBits;
    int length = blockSize > POSITION_BYTES ? blockSize - POSITION_BYTES : blockSize;
    if (primary.sizeBytes() < POSITION_BYTES + length) {
      throw corrupt(
          primary,
          "the image ends at byte %d: its checksum covers %d bytes from here"
              .formatted(primary.sizeBytes(), length));
    }
    byte[] bytes = primary.readBytes(POSITION_BYTES, length);
    LittleEndian.put32(MemorySegment.ofArray(bytes), 4, 0);
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    // The class inverts the result, the format does not.
    long computed = ~crc.getValue() & 0xffffffffL;
    if (computed != stored) {
      throw corrupt(primary, "checksum 0x%08x: its bytes give 0x%08x".formatted(stored, computed));
    }
  }

  private static Superblock decode(ByteSource primary, MemorySegment sb, int blockBits)
      throws IOException {
    long incompat = LittleEndian.u32(sb, 80);
    boolean is48Bit = (incompat & Feature.WIDE_ADDRESSES.bit()) != 0;
    boolean hasDevices = (incompat & Feature.DEVICE_TABLE.bit()) != 0;
    long shortField = LittleEndian.u16(sb, 14);
    long wideRootNid = is48Bit ? LittleEndian.u64(sb, 112) : 0;
    long epoch = LittleEndian.u64(sb, 24);
    long fixedNanos = LittleEndian.u32(sb, 32);
    if (fixedNanos >= NANOS_PER_SECOND) {
      throw corrupt(
          primary, "fixed_nsec %d: expected less than %d".formatted(fixedNanos, NANOS_PER_SECOND));
    }
    return new Superblock(
        LittleEndian.u32(sb, 8),
        incompat,
        blockBits,
        wideRootNid != 0 ? wideRootNid : shortField,
        LittleEndian.u64(sb, 16),
        epoch,
        (int) fixedNanos,
        is48Bit ? epoch + LittleEndian.u32(sb, 108) : epoch,
        LittleEndian.u32(sb, 36) | (wideRootNid != 0 ? shortField << 32 : 0),
        (int) LittleEndian.u32(sb, 40),
        LittleEndian.u32(sb, 44),
        uuid(sb),
        volumeName(sb),
        algorithmBits(primary, sb, incompat),
        compressionConfigs(primary, sb, incompat, blockBits),
        hasDevices ? LittleEndian.u16(sb, 86) : 0,
        LittleEndian.u16(sb, 88) * (long) DeviceSlot.SIZE_BYTES,
        (incompat & Feature.XATTR_PREFIXES.bit()) != 0 ? LittleEndian.u8(sb, 91) : 0,
        LittleEndian.u32(sb, 92) * 4,
        (LittleEndian.u32(sb, 8) & Feature.ISHARE_XATTRS.bit()) != 0
            ? LittleEndian.u8(sb, 105)
            : -1,
        LittleEndian.u64(sb, 96),
        metaboxNid(primary, sb, incompat));
  }

  private static int algorithmBits(ByteSource primary, MemorySegment sb, long incompat)
      throws IOException {
    if ((incompat & Feature.COMPR_CFGS.bit()) == 0) {
      return 1 << Algorithm.LZ4.number();
    }
    int bits = LittleEndian.u16(sb, 84);
    int unknown = bits & -1 << Algorithm.values().length;
    if (unknown != 0) {
      throw new UnsupportedFeatureException(
          "%s: superblock at byte %d: unknown compression algorithms 0x%x: a newer version may read it"
              .formatted(primary.name(), POSITION_BYTES, unknown));
    }
    return bits;
  }

  private static List<CompressionConfig> compressionConfigs(
      ByteSource primary, MemorySegment sb, long incompat, int blockBits) throws IOException {
    int field = LittleEndian.u16(sb, 84);
    if ((incompat & Feature.COMPR_CFGS.bit()) != 0) {
      int end = POSITION_BYTES + SIZE_BYTES + EXTENSION_BYTES * LittleEndian.u8(sb, 13);
      return CompressionConfig.read(primary, end, algorithmBits(primary, sb, incompat), blockBits);
    }
    boolean isPadded = (incompat & Feature.LZ4_0PADDING.bit()) != 0;
    return isPadded || field != 0 ? List.of(CompressionConfig.lz4(field)) : List.of();
  }

  private static long metaboxNid(ByteSource primary, MemorySegment sb, long incompat)
      throws IOException {
    int size = SIZE_BYTES + EXTENSION_BYTES * LittleEndian.u8(sb, 13);
    if (POSITION_BYTES + size > primary.sizeBytes()) {
      throw corrupt(
          primary,
          "it has %d bytes, but the image ends at byte %d".formatted(size, primary.sizeBytes()));
    }
    if ((incompat & Feature.METABOX.bit()) == 0) {
      return 0;
    }
    if (size < SIZE_WITH_METABOX_BYTES) {
      throw corrupt(
          primary, "it has %d bytes: METABOX needs %d".formatted(size, SIZE_WITH_METABOX_BYTES));
    }
    long nid =
        LittleEndian.u64(
            MemorySegment.ofArray(primary.readBytes(POSITION_BYTES + SIZE_BYTES, Long.BYTES)), 0);
    if (nid < 0) {
      throw corrupt(primary, "the metabox inode 0x%x is inside the metabox".formatted(nid));
    }
    return nid;
  }

  private void check(ByteSource primary) throws IOException {
    if (packedNid < 0) {
      throw corrupt(primary, "the packed inode 0x%x is inside the metabox".formatted(packedNid));
    }
    if (blocks > primary.sizeBytes() >>> blockBits) {
      throw corrupt(
          primary,
          "the image has %d blocks of %d bytes, but ends at byte %d"
              .formatted(blocks, blockSizeBytes(), primary.sizeBytes()));
    }
  }

  private static UUID uuid(MemorySegment sb) {
    return new UUID(
        Long.reverseBytes(LittleEndian.u64(sb, 48)), Long.reverseBytes(LittleEndian.u64(sb, 56)));
  }

  private static String volumeName(MemorySegment sb) {
    byte[] name = sb.asSlice(64, VOLUME_NAME_BYTES).toArray(ValueLayout.JAVA_BYTE);
    int length = 0;
    while (length < name.length && name[length] != 0) {
      length++;
    }
    return ByteNames.toText(Arrays.copyOf(name, length));
  }

  private static CorruptDataException corrupt(ByteSource primary, String what) {
    return new CorruptDataException(
        "%s: superblock at byte %d: %s".formatted(primary.name(), POSITION_BYTES, what));
  }
}
