package dev.aquifer.build;

import dev.aquifer.io.Sha256;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.Arrays;

/**
 * The slices of the pieces of a batch, each with a digest. Filled by one thread, then read by
 * another.
 */
final class Slices {
  private final SliceCutter cutter;
  private final MessageDigest digest = Sha256.newDigest();
  private final int[] firsts = new int[Batch.MAX_PIECES + 1];
  private int[] ends = new int[1 << 10];
  private long[] digests = new long[DigestIndex.DIGEST_LONGS << 10];
  private int pieces;
  private int count;

  Slices(SliceCutter cutter) {
    this.cutter = cutter;
  }

  void clear() {
    pieces = 0;
    count = 0;
  }

  /** Cuts the next piece; empty for one that shall have no slices. */
  void add(MemorySegment piece) {
    for (int start = 0; start < piece.byteSize(); start = ends[count - 1]) {
      if (count == ends.length) {
        ends = Arrays.copyOf(ends, 2 * count);
        digests = Arrays.copyOf(digests, 2 * DigestIndex.DIGEST_LONGS * count);
      }
      ends[count] = cutter.end(piece, start);
      Sha256.update(digest, piece.asSlice(start, ends[count] - start));
      DigestIndex.toLongs(digest.digest(), digests, digestAt(count));
      count++;
    }
    firsts[++pieces] = count;
  }

  /** The first slice of a piece; its last one comes before the first of the next piece. */
  int first(int piece) {
    return firsts[piece];
  }

  /** Where a slice ends in its piece, and the next one begins. */
  int end(int slice) {
    return ends[slice];
  }

  /** The digests of all slices; that of {@code slice} starts at {@link #digestAt}. */
  long[] digests() {
    return digests;
  }

  static int digestAt(int slice) {
    return slice * DigestIndex.DIGEST_LONGS;
  }
}
