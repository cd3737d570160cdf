package dev.aquifer.build;

/**
 * Goes over the logical clusters of a compressed file, from the first to the last, and says of each
 * what an index says of it. If data that began before ends with the file, inside the last one, that
 * is a head, too, of nothing, which begins at the file's end: the kernel takes all of the last one
 * for data else, and refuses plain data of more than its blocks. Used by one thread.
 */
final class LclusterCursor {
  /** Types of logical clusters: data begins here as it is; encoded; it began before. */
  static final int PLAIN = 0;

  static final int HEAD1 = 1;
  static final int NONHEAD = 2;

  /** A flag beside a number of stored blocks, where else there is a distance. */
  static final int BLOCK_COUNT = 0x800;

  private static final int MAX_DISTANCE = BLOCK_COUNT - 1;

  private final Clusters clusters;
  private final int bits;
  private final boolean isBig;
  private final long sizeBytes;
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
    this.sizeBytes = sizeBytes;
    this.last = sizeBytes - 1 >>> bits;
    this.nextBlock = Math.max(clusters.positionBytes(), 0) >>> bits;
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
      if (clusters.isReference(at)) {
        block = clusters.referredBytes(at) >>> bits;
      } else {
        block = nextBlock;
        nextBlock += clusters.storedBytes(at) >>> bits;
      }
    }
  }

  private long headNumber() {
    return clusters.start(at) >>> bits;
  }

  private int withinLast() {
    return (int) sizeBytes & (1 << bits) - 1;
  }

  /** Whether the last logical cluster, in which no data begins, is a head of nothing. */
  private boolean endsWithin() {
    return withinLast() != 0 && clusters.start(clusters.count() - 1) >>> bits < last;
  }

  private boolean isEnd() {
    return number == last && endsWithin();
  }

  boolean isHead() {
    return headNumber() == number || isEnd();
  }

  int type() {
    if (!isHead()) {
      return NONHEAD;
    }
    return isEnd() || !clusters.isEncoded(at) ? PLAIN : HEAD1;
  }

  /** Whether it is a head, and what is stored stands for more. */
  boolean isPartial() {
    return isHead() && !isEnd() && clusters.isPartial(at);
  }

  /** Of a head: where in its logical cluster the data begins. */
  int offset() {
    return isEnd() ? withinLast() : (int) clusters.start(at) & (1 << bits) - 1;
  }

  /** Of a head: its first block. */
  long block() {
    if (isEnd()) {
      return 0;
    }
    return clusters.hasFragment() && at == clusters.count() - 1
        ? clusters.fragmentAt() >>> 32
        : block;
  }

  /** Of a head: the first block even if it has none, where the next one would be. */
  long blockInRow() {
    return isEnd() ? nextBlock : block;
  }

  /**
   * Of any other: the distance back to the head, or how many blocks that has. If the head is too
   * far, as that of a fragment may be, a step towards it: readers go on from there.
   */
  int back() {
    long distance = number - headNumber();
    return isBig && distance == 1
        ? BLOCK_COUNT | clusters.storedBytes(at) >>> bits
        : (int) Math.min(distance, MAX_DISTANCE);
  }

  /** Of any other: the distance to the next head, or to the end of the file, or a step there. */
  int ahead() {
    long end = endsWithin() ? last : last + 1;
    long next = at + 1 < clusters.count() ? clusters.start(at + 1) >>> bits : end;
    return (int) Math.min(next - number, MAX_DISTANCE);
  }
}
