package dev.aquifer.build;

import dev.aquifer.image.DeviceSlot;
import dev.aquifer.image.Inode;
import dev.aquifer.image.Superblock;

/**
 * Where the parts of an image's metadata start. The head is at byte 0; the inodes follow it, or, in
 * one file with the data, come after the data:
 *
 * <pre>
 *   bootstrap:    | head | inodes ... |
 *   single file:  | head | data ... | inodes ... |
 *   with metabox: | head | data ... | blocks of directories | metabox | its inode ... |
 *
 *   head:  byte 0    1024         1152, or 1168 with a metabox
 *          | nothing | superblock | compression configurations | long prefixes | device slots |
 * </pre>
 *
 * <p>Nids count from where the inodes start, so that the root's is small. Where that is farther
 * than the superblock's field for it says, they count from the start of the image. Those of inodes
 * in the metabox have bit 63 and count from the start of its data.
 *
 * @param block the size of blocks
 * @param devicesAt where the device slots are in bytes
 * @param headBytes where the head ends
 * @param dataEndBlock the block after the data; 0 if there is no data before the inodes
 * @param metaBlock the block from which nids count
 * @param inodesAt where the first inode may be in bytes
 */
record Frame(
    BlockSize block,
    long devicesAt,
    long headBytes,
    long dataEndBlock,
    long metaBlock,
    long inodesAt) {
  /** The field has 32 bits, of which the readers of erofs-utils take the last for a sign. */
  private static final long MAX_WIDE_META_BLOCK = Integer.MAX_VALUE;

  private static final long IN_METABOX = Long.MIN_VALUE;

  /** Where compression configurations are in bytes. */
  static long configsAt(Encoding encoding) {
    return (long) Superblock.POSITION_BYTES + superblockBytes(encoding);
  }

  static int superblockBytes(Encoding encoding) {
    return encoding.metabox() == null ? Superblock.SIZE_BYTES : Superblock.SIZE_WITH_METABOX_BYTES;
  }

  /**
   * The frame of a bootstrap.
   *
   * @param prefixBytes the size of the long prefixes of names of attributes
   */
  static Frame bootstrap(int prefixBytes, int devices) {
    long configsEnd = configsAt(Encoding.plain()) + prefixBytes;
    long headBytes = headBytes(configsEnd, devices);
    long inodesAt = headBytes + Inode.SLOT_BYTES - 1 & -Inode.SLOT_BYTES;
    return new Frame(BlockSize.USUAL, devicesAt(configsEnd), headBytes, 0, 0, inodesAt);
  }

  /**
   * The frame of an image with its data.
   *
   * @param prefixBytes the size of the long prefixes of names of attributes in the head
   * @param devices the count of device slots
   * @param dataBlocks how many blocks of data there are
   */
  static Frame single(Encoding encoding, int prefixBytes, int devices, long dataBlocks) {
    BlockSize block = encoding.block();
    long configsEnd =
        configsAt(encoding) + new EncodingFields(encoding).configs().length + prefixBytes;
    long headBytes = headBytes(configsEnd, devices);
    long dataEnd = block.count(headBytes) + dataBlocks;
    return new Frame(block, devicesAt(configsEnd), headBytes, dataEnd, dataEnd, 0)
        .withInodesFrom(dataEnd, encoding.wide());
  }

  /** The same with inodes from {@code startBlock} on. */
  Frame withInodesFrom(long startBlock, boolean isWide) {
    // Nid 0 would give a file the inode number 0, by which some programs know a deleted one.
    long firstAt = (startBlock << block.bits()) + Inode.SLOT_BYTES;
    long base = isWide && startBlock > MAX_WIDE_META_BLOCK ? 0 : startBlock;
    return new Frame(block, devicesAt, headBytes, dataEndBlock, base, firstAt);
  }

  private static long devicesAt(long configsEnd) {
    return configsEnd + DeviceSlot.SIZE_BYTES - 1 & -DeviceSlot.SIZE_BYTES;
  }

  private static long headBytes(long configsEnd, int devices) {
    return devices == 0
        ? configsEnd
        : devicesAt(configsEnd) + (long) devices * DeviceSlot.SIZE_BYTES;
  }

  /** Whether data lies between the head and the inodes. */
  boolean isSingle() {
    return dataEndBlock > 0;
  }

  /** The first block of data in a single file. */
  long dataBlock() {
    return block.count(headBytes);
  }

  /** Where what comes after the data starts in bytes. */
  long dataEndBytes() {
    return dataEndBlock << block.bits();
  }

  /** Whether nids do not count from where the inodes start. */
  boolean isFar() {
    return metaBlock < dataEndBlock;
  }

  /** Where the inode {@code nid} is in bytes, in the metabox if it has bit 63. */
  long position(long nid) {
    long base = isInMetabox(nid) ? 0 : metaBlock << block.bits();
    return base + (nid & ~IN_METABOX) * Inode.SLOT_BYTES;
  }

  static boolean isInMetabox(long nid) {
    return (nid & IN_METABOX) != 0;
  }

  /** The nid of the inode at {@code positionBytes} of the metabox. */
  static long metaboxNid(long positionBytes) {
    return positionBytes / Inode.SLOT_BYTES | IN_METABOX;
  }

  /** The nid of the inode at {@code positionBytes}. */
  long nid(long positionBytes) {
    return (positionBytes - (metaBlock << block.bits())) / Inode.SLOT_BYTES;
  }
}
