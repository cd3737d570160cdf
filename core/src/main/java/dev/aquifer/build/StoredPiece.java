package dev.aquifer.build;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The clusters that the data of a piece lies in, to which later data may refer. Filled by the
 * thread that encodes the piece, placed by the one that writes it, then read by many.
 */
final class StoredPiece {
  private static final int[] NO_NUMBERS = {};

  /** How many numbers there are of a cluster: start, end, place in the piece, form. */
  private static final int STEP = 4;

  /** The number of the batch that the piece is in. */
  private final long batch;

  private int[] numbers = NO_NUMBERS;
  private int count;

  /** By cluster, where it is a reference; null if none is. */
  private Reference @Nullable [] references;

  /** The size of blocks that all data lies in as it is, or 0. */
  private int flatBlockBytes;

  private int flatBytes;
  private long positionBytes = Node.NOWHERE;

  StoredPiece(long batch) {
    this.batch = batch;
  }

  /**
   * Adds a cluster behind the others.
   *
   * @param position where it begins, from the first byte that is stored of the piece
   */
  void add(int start, int length, int position, int storedBytes, boolean isEncoded) {
    if (numbers.length == STEP * count) {
      numbers = Arrays.copyOf(numbers, Math.max(STEP, 2 * numbers.length));
      if (references != null) {
        references = Arrays.copyOf(references, numbers.length / STEP);
      }
    }
    int at = STEP * count++;
    numbers[at] = start;
    numbers[at + 1] = start + length;
    numbers[at + 2] = position;
    numbers[at + 3] = storedBytes << 1 | (isEncoded ? 1 : 0);
  }

  /** Adds a cluster of earlier data behind the others. */
  void add(Reference reference) {
    add(
        reference.start(),
        reference.lengthBytes(),
        0,
        reference.storedBytes(),
        reference.isEncoded());
    if (references == null) {
      references = new Reference[numbers.length / STEP];
    }
    references[count - 1] = reference;
  }

  /** Says that all {@code lengthBytes} lie in blocks one after the other, and in no clusters. */
  void setFlat(int lengthBytes, BlockSize block) {
    numbers = NO_NUMBERS;
    references = null;
    flatBlockBytes = block.bytes();
    count = (int) block.count(lengthBytes);
    flatBytes = lengthBytes;
  }

  /** Says where its first byte is, once it is known. */
  void place(long positionBytes) {
    this.positionBytes = positionBytes;
  }

  long batch() {
    return batch;
  }

  boolean isPlaced() {
    return positionBytes != Node.NOWHERE;
  }

  int count() {
    return count;
  }

  int start(int index) {
    return flatBlockBytes > 0 ? index * flatBlockBytes : numbers[STEP * index];
  }

  int lengthBytes(int index) {
    return flatBlockBytes > 0
        ? Math.min(flatBlockBytes, flatBytes - start(index))
        : numbers[STEP * index + 1] - numbers[STEP * index];
  }

  int storedBytes(int index) {
    return flatBlockBytes > 0 ? flatBlockBytes : numbers[STEP * index + 3] >>> 1;
  }

  boolean isEncoded(int index) {
    return flatBlockBytes == 0 && (numbers[STEP * index + 3] & 1) != 0;
  }

  /** Where a cluster is in the image; known when the piece is placed. */
  long positionBytes(int index) {
    return positionBytes
        + (flatBlockBytes > 0 ? (long) index * flatBlockBytes : numbers[STEP * index + 2]);
  }

  /** The first cluster that begins at {@code start} or behind; {@link #count} if there is none. */
  int firstFrom(int start) {
    int low = 0;
    int high = count;
    while (low < high) {
      int middle = low + high >>> 1;
      if (start(middle) < start) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** A reference to the first bytes of the data of a cluster, which may be one itself. */
  Reference refer(int index, int start, int length) {
    Reference known = references == null ? null : references[index];
    return known == null
        ? new Reference(start, length, this, index)
        : new Reference(start, length, known.piece(), known.index());
  }
}
