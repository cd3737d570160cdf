package dev.aquifer.build;

import java.util.ArrayList;
import java.util.List;

/**
 * Counts what is equal if files are cut in one way. Input after input, the last one is added to.
 * Used by one thread.
 */
final class CutCount {
  private static final int COMPARED = SharingReport.MAX_COMPARED;
  private static final int COMPARED_MASK = (1 << COMPARED) - 1;

  private final int chunkBytes;

  /**
   * Marks: the number of the last input that has the chunk, from 1, and behind it a bit for each of
   * the first {@link #COMPARED} inputs that have it.
   */
  private final SeenChunks seen = new SeenChunks();

  private final List<SharingReport.Bytes> finished = new ArrayList<>();
  private final long[][] common = new long[COMPARED][COMPARED];
  private long data;
  private long unique;
  private long added;

  CutCount(int chunkBytes) {
    this.chunkBytes = chunkBytes;
  }

  /** Adds a chunk that is not all zeros, by its digest. */
  void add(long lengthBytes, long first, long second) {
    int input = finished.size();
    int entry = seen.entry(first, second);
    int before = seen.mark(entry);
    data += lengthBytes;
    if (before >>> COMPARED == input + 1) {
      return;
    }
    unique += lengthBytes;
    if (before == 0) {
      added += lengthBytes;
    }
    int inputs = before & COMPARED_MASK;
    if (input < COMPARED) {
      inputs |= 1 << input;
      for (int other = 0; other <= input; other++) {
        if ((inputs & 1 << other) != 0) {
          common[other][input] += lengthBytes;
        }
      }
    }
    seen.mark(entry, input + 1 << COMPARED | inputs);
  }

  /** The input that was added to is complete; the next one begins. */
  void finishInput(long totalBytes) {
    finished.add(
        new SharingReport.Bytes(totalBytes, totalBytes - data, unique, data - unique, added));
    data = 0;
    unique = 0;
    added = 0;
  }

  SharingReport.Cut result() {
    long total = 0;
    long zeros = 0;
    long distinct = 0;
    for (SharingReport.Bytes input : finished) {
      total += input.total();
      zeros += input.zeros();
      distinct += input.added();
    }
    return new SharingReport.Cut(
        chunkBytes,
        finished,
        new SharingReport.Bytes(total, zeros, distinct, total - zeros - distinct, distinct),
        matrix());
  }

  private List<List<Long>> matrix() {
    int count = finished.size();
    List<List<Long>> rows = new ArrayList<>();
    for (int a = 0; a < count && count >= 2 && count <= COMPARED; a++) {
      List<Long> row = new ArrayList<>();
      for (int b = 0; b < count; b++) {
        row.add(common[Math.min(a, b)][Math.max(a, b)]);
      }
      rows.add(row);
    }
    return rows;
  }
}
