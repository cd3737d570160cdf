package dev.aquifer.build;

/**
 * Goes over the logical clusters of a compressed file, from the first to the last, and says of each
 * what an index says of it. Used by one thread.
 */
final class LclusterCursor {
  /** Types of logical clusters: data begins here as it is; encoded; it began before. */
  static final int PLAIN = 0;

  static final int HEAD1 = 1;
  static final int NONHEAD = 2;

  /** A flag beside a number of stored blocks, where else there is a distance. */
  static final int BLOCK_COUNT = 0x800;

  private final Clusters clusters;
  private final int bits;
  private final boolean isBig;
  private final long last;

  private long number = -1;

  /** The cluster that the data of the current logical cluster ends in. */
  private int at = -1;

  private long block;
  private long nextBlock;

  /**
   * Starts before the first one.
   *
   * @param isBig whether clusters may have several blocks
   */
  LclusterCursor(Clusters clusters, long sizeBytes, BlockSize block, boolean isBig) {
    this.clusters = clusters;
    this.bits = block.bits();
    this.isBig = isBig;
    this.last = sizeBytes - 1 >>> bits;
    this.nextBlock = Math.max(clusters.firstBlock(), 0);
  }

  /** How many logical clusters there are. */
  long count() {
    return last + 1;
  }

  /** Goes to the next one; there must be one. */
  void next() {
    number++;
    if (at + 1 < clusters.count() && clusters.start(at + 1) >>> bits == number) {
      at++;
      block = nextBlock;
      nextBlock += clusters.blocks(at);
    }
  }

  private long headNumber() {
    return clusters.start(at) >>> bits;
  }

  boolean isHead() {
    return headNumber() == number;
  }

  int type() {
    if (!isHead()) {
      return NONHEAD;
    }
    return clusters.isEncoded(at) ? HEAD1 : PLAIN;
  }

  /** Of a head: where in its logical cluster the data begins. */
  int offset() {
    return (int) clusters.start(at) & (1 << bits) - 1;
  }

  /** Of a head: its first block. */
  long block() {
    return clusters.hasFragment() && at == clusters.count() - 1
        ? clusters.fragmentAt() >>> 32
        : block;
  }

  /** Of a head: the first block even if it has none, where the next one would be. */
  long blockInRow() {
    return block;
  }

  /** Of any other: the distance back to the head, or how many blocks that has. */
  int back() {
    int distance = (int) (number - headNumber());
    return isBig && distance == 1 ? BLOCK_COUNT | clusters.blocks(at) : distance;
  }

  /** Of any other: the distance to the next head, or to the end of the file. */
  int ahead() {
    long next = at + 1 < clusters.count() ? clusters.start(at + 1) >>> bits : last + 1;
    return (int) (next - number);
  }
}
