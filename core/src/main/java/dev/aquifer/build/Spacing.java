package dev.aquifer.build;

/**
 * Room that is left free in an image of one file: before data, behind all, and behind the root's
 * attributes. Where data lies is decided by {@link Encoder} and {@link Chunker}, which ask here.
 *
 * @param dataBlocks block b of a file lies at a block that leaves the same rest as b when divided
 *     by this, in the image or in the device for data; so files begin at multiples of it, and data
 *     behind holes is aligned as it is in the file. 0, as 1, for anywhere; at most 1 GiB. Clusters
 *     have no such place in a file: of a compressed one the first that it does not share with
 *     earlier data lies at a multiple
 * @param sizeBlocks the image, without its device, has a multiple of so many blocks; 0, as 1, for
 *     as many as it needs
 * @param rootXattrBytes the extended attributes of the root have so many bytes at least, with their
 *     header of 12, and {@link #MAX_ROOT_XATTR_BYTES} at most; 0 for what they need. What they do
 *     not need is for those that mkfs.erofs adds to the image later, where it stands
 */
public record Spacing(int dataBlocks, int sizeBlocks, int rootXattrBytes) {
  /** The most that the format has room for. */
  public static final int MAX_ROOT_XATTR_BYTES = XattrSet.MAX_BODY_BYTES;

  /** None. */
  public static final Spacing NONE = new Spacing(0, 0, 0);

  /** As large as the largest pages that processors commonly have. */
  private static final int MAX_DATA_BYTES = 1 << 30;

  /** Checks what does not depend on the size of blocks. */
  public Spacing {
    if (sizeBlocks < 0) {
      throw new IllegalArgumentException(
          "an image of a multiple of %d blocks: expected at least 1, or 0 for as many as it needs"
              .formatted(sizeBlocks));
    }
    if (rootXattrBytes < 0 || rootXattrBytes > MAX_ROOT_XATTR_BYTES) {
      throw new IllegalArgumentException(
          "%d bytes for attributes of the root: expected 0 to %d"
              .formatted(rootXattrBytes, MAX_ROOT_XATTR_BYTES));
    }
  }

  Spacing withDataBlocks(int value) {
    return new Spacing(value, sizeBlocks, rootXattrBytes);
  }

  Spacing withSizeBlocks(int value) {
    return new Spacing(dataBlocks, value, rootXattrBytes);
  }

  Spacing withRootXattrBytes(int value) {
    return new Spacing(dataBlocks, sizeBlocks, value);
  }

  /** Checks whether files with such blocks and fragments can have it. */
  void check(BlockSize block, Encoding.Fragments fragments) {
    int most = MAX_DATA_BYTES >>> block.bits();
    if (dataBlocks < 0 || dataBlocks > most) {
      throw new IllegalArgumentException(
          "data at multiples of %d blocks of %d bytes: expected 1 to %d, or 0 for anywhere"
              .formatted(dataBlocks, block.bytes(), most));
    }
    if (alignsData() && fragments == Encoding.Fragments.ALL) {
      throw new IllegalArgumentException(
          "all-fragments and dsunit: expected one of them, since data that is compressed together has no places of its own");
    }
  }

  boolean alignsData() {
    return dataBlocks > 1;
  }

  /** What block {@code fileBlock} of a file leaves: data lies where the same is left. */
  long rest(long fileBlock) {
    return alignsData() ? fileBlock % dataBlocks : 0;
  }

  /** The first block from {@code block} on for data that a file has at its {@code fileBlock}. */
  long next(long block, long fileBlock) {
    return alignsData() ? block + Math.floorMod(fileBlock - block, dataBlocks) : block;
  }

  /** How many blocks an image has that needs {@code blocks}. */
  long size(long blocks) {
    return sizeBlocks > 1 ? blocks + Math.floorMod(-blocks, sizeBlocks) : blocks;
  }
}
