package dev.aquifer.image;

/**
 * What an index says of one logical cluster.
 *
 * @param type one of the types below
 * @param value in a head, where in the logical cluster the run begins; else how many logical
 *     clusters back its head is
 * @param blocks in the first logical cluster after its head: how many blocks are stored; else -1
 * @param isPartial in a head, whether the stored bytes may stand for more than the run
 */
record Lcluster(int type, int value, int blocks, boolean isPartial) {
  /** A run begins here, which is not compressed. */
  static final int PLAIN = 0;

  /** A run begins here. */
  static final int HEAD1 = 1;

  /** A run goes on here. */
  static final int NONHEAD = 2;

  /** A run begins here, compressed in the second way. */
  static final int HEAD2 = 3;

  /** Set in a distance that is a number of blocks instead. */
  static final int BLOCK_COUNT = 0x800;

  /** One of a run that goes on. */
  static Lcluster nonhead(int distance) {
    return (distance & BLOCK_COUNT) != 0
        ? new Lcluster(NONHEAD, 1, distance & ~BLOCK_COUNT, false)
        : new Lcluster(NONHEAD, distance, -1, false);
  }

  boolean isHead() {
    return type != NONHEAD;
  }
}
