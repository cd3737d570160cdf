package dev.aquifer.image;

/**
 * Where the data of one inode is, as its layout number says.
 *
 * <p>Block numbers count blocks of the image; positions are bytes in the metadata the inode itself
 * is in: the primary device, or the data of the metabox inode if {@link Inode#isInMetabox()}.
 */
public sealed interface DataLayout {
  /** The start block of data that is nowhere and reads as zeros. */
  long NO_BLOCK = -1;

  /** Fifos, sockets and devices have no data. */
  record NoData() implements DataLayout {}

  /**
   * Layout 0, FLAT_PLAIN: all data in consecutive blocks.
   *
   * @param startBlock first block, or {@link #NO_BLOCK}
   */
  record FlatPlain(long startBlock) implements DataLayout {}

  /**
   * Layout 2, FLAT_INLINE: all blocks but the last are consecutive; the last 1 to block size bytes
   * follow the inode and its extended attributes, inside one block.
   *
   * @param startBlock first block; means nothing where the tail is all there is
   * @param tailPositionBytes where the inline tail begins
   */
  record FlatInline(long startBlock, long tailPositionBytes) implements DataLayout {
    /** The length of the inline tail of {@code sizeBytes} bytes of data. */
    static long tailBytes(long sizeBytes, int blockSizeBytes) {
      return sizeBytes == 0 ? 0 : (sizeBytes - 1 & blockSizeBytes - 1) + 1;
    }
  }

  /**
   * Layout 4, CHUNK_BASED: the file is cut into chunks of one size, and a table says where each is.
   *
   * @param chunkBits a chunk has 2^chunkBits bytes; the last one may be shorter
   * @param hasIndexes whether the table holds 8-byte indexes (device and block) or else 4-byte
   *     blocks
   * @param has48BitAddresses whether the blocks of indexes have 48 bits or else 32
   * @param tablePositionBytes where the table begins
   */
  record ChunkBased(
      int chunkBits, boolean hasIndexes, boolean has48BitAddresses, long tablePositionBytes)
      implements DataLayout {
    /** The bit of the chunk format that says that there are indexes. */
    public static final int INDEXES = 0x20;

    /** The bit of the chunk format that says that addresses have 48 bits. */
    public static final int WIDE_ADDRESSES = 0x40;

    /** The size of an index. */
    public static final int INDEX_BYTES = 8;

    /** The size of an entry without indexes. */
    static final int BLOCK_MAP_BYTES = 4;
  }

  /**
   * Layouts 1 and 3, compressed: an index says where each run of the data is.
   *
   * @param isCompact whether the layout is 3, COMPRESSED_COMPACT, or else 1, COMPRESSED_FULL
   * @param headerPositionBytes where the map header begins
   */
  record Compressed(boolean isCompact, long headerPositionBytes) implements DataLayout {}
}
