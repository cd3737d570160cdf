package dev.aquifer.build;

import dev.aquifer.io.Sha256;
import java.lang.foreign.MemorySegment;
import java.security.DigestException;
import java.security.MessageDigest;

/**
 * Chunks that are hashed as they go into the blob: in whole blocks. The kind of a piece is the size
 * of its file's chunks as a power of two, or {@link #INLINE}.
 */
final class ChunkBatch extends Batch {
  /** A whole file that will lie inline. */
  static final int INLINE = 0;

  private final boolean[] isZero = new boolean[MAX_PIECES];
  private final long[] digests = new long[MAX_PIECES * DigestIndex.DIGEST_LONGS];
  private final byte[] digest = new byte[Sha256.SIZE_BYTES];

  ChunkBatch(Source source, BlockSize block, MemorySegment buffer) {
    super(source, block, buffer);
  }

  @Override
  void work() {
    MessageDigest sha256 = Sha256.newDigest();
    for (int i = 0; i < count(); i++) {
      if (kind(i) != INLINE) {
        hash(sha256, i);
      }
    }
  }

  private void hash(MessageDigest sha256, int piece) {
    MemorySegment blocks = blocks(piece);
    isZero[piece] = isZero(blocks);
    if (isZero[piece]) {
      return;
    }
    Sha256.update(sha256, blocks);
    try {
      sha256.digest(digest, 0, digest.length);
    } catch (DigestException e) {
      throw new AssertionError("32 bytes are enough for a SHA-256", e);
    }
    DigestIndex.toLongs(digest, digests, digestAt(piece));
  }

  /** Whether a chunk has nothing but zeros. */
  boolean isZero(int piece) {
    return isZero[piece];
  }

  /** The digests of all chunks; that of {@code piece} starts at {@link #digestAt}. */
  long[] digests() {
    return digests;
  }

  int digestAt(int piece) {
    return piece * DigestIndex.DIGEST_LONGS;
  }
}
