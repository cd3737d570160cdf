package dev.aquifer.build;

import dev.aquifer.codec.Algorithm;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The physical clusters of a compressed file in the order of its data: where in the file each one's
 * data begins, and how many bytes of the image it has. They lie side by side in the image, but for
 * those that are earlier data's, and the last one, which may be inline behind the inode, or not
 * there: its data is a fragment.
 *
 * <p>Of those that have whole blocks, no two begin in the same logical cluster, which is as large
 * as a block.
 */
final class Clusters {
  static final long NOWHERE = -1;

  private long[] starts;

  /** Stored bytes, times 2, and 1 if they are encoded. */
  private int[] lengths;

  private final Algorithm algorithm;
  private int count;

  /** By cluster, {@link #reference} of one that is earlier data's, else 0; null if none is. */
  private long @Nullable [] references;

  /** Where the first one is that is not earlier data's, in bytes. */
  private long positionBytes = NOWHERE;

  private long storedBytes;

  /** Stored length of the last one if it is inline, else 0. */
  private int inlineBytes;

  /** Where the inline one is in the spool. */
  private long inlineAt = NOWHERE;

  /** Where the end of the file is in the data of the packed inode. */
  private long fragmentAt = NOWHERE;

  /** None yet, of as many as are expected; encoded ones by {@code algorithm}. */
  Clusters(int expected, Algorithm algorithm) {
    this.algorithm = algorithm;
    this.starts = new long[Math.max(1, expected)];
    this.lengths = new int[starts.length];
  }

  /** Those of data that is a fragment as a whole. */
  static Clusters fragmentAlone(long packedAt, Algorithm algorithm) {
    Clusters clusters = new Clusters(1, algorithm);
    clusters.add(0, 0, true);
    clusters.fragment(packedAt);
    return clusters;
  }

  /**
   * Adds one at the end.
   *
   * @param start where its data begins in the file
   * @param storedBytes its length; 0 for one that is inline, and for a fragment
   */
  void add(long start, int storedBytes, boolean isEncoded) {
    if (count == starts.length) {
      starts = Arrays.copyOf(starts, 2 * count);
      lengths = Arrays.copyOf(lengths, 2 * count);
    }
    starts[count] = start;
    lengths[count++] = storedBytes << 1 | (isEncoded ? 1 : 0);
    this.storedBytes += storedBytes;
  }

  /**
   * Adds one of earlier data at the end.
   *
   * @param positionBytes where it is
   * @param isPartial whether it decodes to more
   */
  void refer(
      long start, int storedBytes, boolean isEncoded, long positionBytes, boolean isPartial) {
    add(start, storedBytes, isEncoded);
    if (references == null || references.length < count) {
      references =
          references == null ? new long[starts.length] : Arrays.copyOf(references, starts.length);
    }
    references[count - 1] = reference(positionBytes, isPartial);
  }

  private static long reference(long positionBytes, boolean isPartial) {
    return positionBytes << 2 | (isPartial ? 2 : 0) | 1;
  }

  /** Says where the first one is that is not earlier data's, once it is known. */
  void place(long positionBytes) {
    if (this.positionBytes == NOWHERE) {
      this.positionBytes = positionBytes;
    }
  }

  void inline(long spooledAt, int lengthBytes) {
    inlineAt = spooledAt;
    inlineBytes = lengthBytes;
  }

  void fragment(long packedAt) {
    fragmentAt = packedAt;
  }

  Algorithm algorithm() {
    return algorithm;
  }

  int count() {
    return count;
  }

  long start(int index) {
    return starts[index];
  }

  /** Where the data of one ends in its file, which has {@code sizeBytes}. */
  long end(int index, long sizeBytes) {
    return index + 1 < count ? starts[index + 1] : sizeBytes;
  }

  int storedBytes(int index) {
    return lengths[index] >>> 1;
  }

  boolean isEncoded(int index) {
    return (lengths[index] & 1) != 0;
  }

  boolean hasReferences() {
    return references != null;
  }

  boolean isReference(int index) {
    return references != null && index < references.length && references[index] != 0;
  }

  /** Where one is that is earlier data's, in bytes. */
  long referredBytes(int index) {
    return references == null ? NOWHERE : references[index] >>> 2;
  }

  /** Whether it decodes to more than what the file has of it. */
  boolean isPartial(int index) {
    return isReference(index) && references != null && (references[index] & 2) != 0;
  }

  /** Where the first own one is in the image; {@link #NOWHERE} if none has bytes there. */
  long positionBytes() {
    return positionBytes;
  }

  /** The bytes of all together. */
  long storedBytes() {
    return storedBytes;
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

  /** Whether blocks have the file's data as it is, one block after the other. */
  boolean isPlain(BlockSize block) {
    if (positionBytes == NOWHERE || block.tail(positionBytes) != 0) {
      return false;
    }
    for (int i = 0; i < count; i++) {
      if (isReference(i)
          || isEncoded(i)
          || lengths[i] == 0
          || i > 0 && starts[i] != starts[i - 1] + storedBytes(i - 1)) {
        return false;
      }
    }
    return true;
  }
}
