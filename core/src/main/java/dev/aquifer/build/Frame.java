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
 *
 *   head:  byte 0    1024         1152
 *          | nothing | superblock | compression configurations | long prefixes | device slots |
 * </pre>
 *
 * <p>Nids count from where the inodes start, so that the root's is small. Where that is farther
 * than the superblock's field for it says, they count from the start of the image.
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

  private static final long CONFIGS_AT = Superblock.POSITION_BYTES + Superblock.SIZE_BYTES;

  /** Where compression configurations are in bytes. */
  static long configsAt() {
    return CONFIGS_AT;
  }

  /**
   * The frame of a bootstrap.
   *
   * @param prefixBytes the size of the long prefixes of names of attributes
   */
  static Frame bootstrap(int prefixBytes, int devices) {
    long headBytes = headBytes(prefixBytes, devices);
    long inodesAt = headBytes + Inode.SLOT_BYTES - 1 & -Inode.SLOT_BYTES;
    return new Frame(BlockSize.USUAL, devicesAt(prefixBytes), headBytes, 0, 0, inodesAt);
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
    int configBytes = encoding.configs().length + prefixBytes;
    long headBytes = headBytes(configBytes, devices);
    long dataEnd = block.count(headBytes) + dataBlocks;
    // Nid 0 would give a file the inode number 0, by which some programs know a deleted one.
    long inodesAt = (dataEnd << block.bits()) + Inode.SLOT_BYTES;
    long metaBlock = encoding.wide() && dataEnd > MAX_WIDE_META_BLOCK ? 0 : dataEnd;
    return new Frame(block, devicesAt(configBytes), headBytes, dataEnd, metaBlock, inodesAt);
  }

  private static long devicesAt(int configBytes) {
    long end = CONFIGS_AT + configBytes;
    return end + DeviceSlot.SIZE_BYTES - 1 & -DeviceSlot.SIZE_BYTES;
  }

  private static long headBytes(int configBytes, int devices) {
    return devices == 0
        ? CONFIGS_AT + configBytes
        : devicesAt(configBytes) + (long) devices * DeviceSlot.SIZE_BYTES;
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

  /** Where the inode {@code nid} is in bytes. */
  long position(long nid) {
    return (metaBlock << block.bits()) + nid * Inode.SLOT_BYTES;
  }

  /** The nid of the inode at {@code positionBytes}. */
  long nid(long positionBytes) {
    return (positionBytes - (metaBlock << block.bits())) / Inode.SLOT_BYTES;
  }
}
