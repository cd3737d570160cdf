package dev.aquifer.build;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The clusters of all pieces of a batch, side by side. Used by one thread. */
final class PieceClusters {
  private int[] starts = new int[256];
  private int[] storedBytes = new int[256];
  private boolean[] isEncoded = new boolean[256];
  private @Nullable Reference[] references = new Reference[256];
  private int count;

  int count() {
    return count;
  }

  /** Forgets all but the first ones. */
  void truncate(int newCount) {
    count = newCount;
  }

  /**
   * Adds a cluster.
   *
   * @param start where its data begins in the piece
   */
  void add(int start, int stored, boolean encoded) {
    add(start, stored, encoded, null);
  }

  /** Adds what is stored already. */
  void add(Reference reference) {
    add(reference.start(), reference.storedBytes(), reference.isEncoded(), reference);
  }

  private void add(int start, int stored, boolean encoded, @Nullable Reference reference) {
    if (count == starts.length) {
      starts = Arrays.copyOf(starts, 2 * count);
      storedBytes = Arrays.copyOf(storedBytes, 2 * count);
      isEncoded = Arrays.copyOf(isEncoded, 2 * count);
      references = Arrays.copyOf(references, 2 * count);
    }
    starts[count] = start;
    storedBytes[count] = stored;
    isEncoded[count] = encoded;
    references[count++] = reference;
  }

  /**
   * Adds some to those of a file.
   *
   * @param positionBytes where the piece that they are of begins in the file
   */
  void addTo(Clusters target, int from, int to, long positionBytes) {
    for (int i = from; i < to; i++) {
      long start = positionBytes + starts[i];
      Reference reference = references[i];
      if (reference == null) {
        target.add(start, storedBytes[i], isEncoded[i]);
      } else {
        target.refer(
            start, storedBytes[i], isEncoded[i], reference.positionBytes(), reference.isPartial());
      }
    }
  }
}
