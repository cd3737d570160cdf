package dev.aquifer.build;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The physical clusters of a compressed file in the order of its data: where in the file each one's
 * data begins, and how many blocks it has. They lie side by side in the image, but for those that
 * are earlier data's, and the last one, which may be inline behind the inode, or not there: its
 * data is a fragment.
 *
 * <p>No two begin in the same logical cluster, which is as large as a block.
 */
final class Clusters {
  static final long NOWHERE = -1;

  private static final int START_SHIFT = 16;
  private static final int BLOCKS_MASK = 0x3fff;
  private static final int ENCODED = 0x8000;

  /** Start in the file, whether it is encoded, and blocks, in the upper 48, 1 and lower 14 bits. */
  private long[] entries;

  private int count;

  /** By cluster, {@link #reference} of one that is earlier data's, else 0; null if none is. */
  private long @Nullable [] references;

  /** Where the first one is that is not earlier data's. */
  private long firstBlock = NOWHERE;

  private int blocks;

  /** Stored length of the last one if it is inline, else 0. */
  private int inlineBytes;

  /** Where the inline one is in the spool. */
  private long inlineAt = NOWHERE;

  /** Where the end of the file is in the data of the packed inode. */
  private long fragmentAt = NOWHERE;

  Clusters(int expected) {
    this.entries = new long[Math.max(1, expected)];
  }

  /**
   * Adds one at the end.
   *
   * @param start where its data begins in the file
   * @param blocks its length; 0 for one that is inline, and for a fragment
   */
  void add(long start, int blocks, boolean isEncoded) {
    if (count == entries.length) {
      entries = Arrays.copyOf(entries, 2 * count);
    }
    entries[count++] = start << START_SHIFT | (isEncoded ? ENCODED : 0) | blocks;
    this.blocks += blocks;
  }

  /**
   * Adds one of earlier data at the end.
   *
   * @param block where it is
   * @param isPartial whether it decodes to more
   */
  void refer(long start, int blocks, boolean isEncoded, long block, boolean isPartial) {
    add(start, blocks, isEncoded);
    if (references == null || references.length < count) {
      references =
          references == null ? new long[entries.length] : Arrays.copyOf(references, entries.length);
    }
    references[count - 1] = reference(block, isPartial);
  }

  private static long reference(long block, boolean isPartial) {
    return block << 2 | (isPartial ? 2 : 0) | 1;
  }

  /** Says where the first one is that is not earlier data's, once it is known. */
  void place(long block) {
    if (firstBlock == NOWHERE) {
      firstBlock = block;
    }
  }

  void inline(long spooledAt, int lengthBytes) {
    inlineAt = spooledAt;
    inlineBytes = lengthBytes;
  }

  void fragment(long packedAt) {
    fragmentAt = packedAt;
  }

  int count() {
    return count;
  }

  long start(int index) {
    return entries[index] >>> START_SHIFT;
  }

  int blocks(int index) {
    return (int) entries[index] & BLOCKS_MASK;
  }

  boolean isEncoded(int index) {
    return (entries[index] & ENCODED) != 0;
  }

  boolean hasReferences() {
    return references != null;
  }

  boolean isReference(int index) {
    return references != null && index < references.length && references[index] != 0;
  }

  /** Where one is that is earlier data's. */
  long referredBlock(int index) {
    return references == null ? NOWHERE : references[index] >>> 2;
  }

  /** Whether it decodes to more than what the file has of it. */
  boolean isPartial(int index) {
    return isReference(index) && references != null && (references[index] & 2) != 0;
  }

  long firstBlock() {
    return firstBlock;
  }

  /** The blocks of all together. */
  int blocks() {
    return blocks;
  }

  int inlineBytes() {
    return inlineBytes;
  }

  long inlineAt() {
    return inlineAt;
  }

  boolean hasFragment() {
    return fragmentAt != NOWHERE;
  }

  long fragmentAt() {
    return fragmentAt;
  }

  /** Whether the fragment is all of the file. */
  boolean isFragmentAlone() {
    return hasFragment() && count == 1;
  }

  /** Whether the blocks have the file's data as it is, one block after the other. */
  boolean isPlain(BlockSize block) {
    for (int i = 0; i < count; i++) {
      if (isReference(i)
          || isEncoded(i)
          || blocks(i) != 1
          || start(i) != (long) i << block.bits()) {
        return false;
      }
    }
    return true;
  }
}
