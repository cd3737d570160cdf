package dev.aquifer.build;

import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.security.DigestException;
import java.security.MessageDigest;

/**
 * Chunks in whole blocks, as they go into the blob: they are looked for in earlier blobs, and
 * hashed if they are in none. The kind of a piece is the size of its file's chunks as a power of
 * two, or {@link #INLINE}.
 */
final class ChunkBatch extends Batch {
  /** Finds chunks in earlier blobs. */
  interface Finder {
    /** Finds none. */
    Finder NOTHING = blocks -> DigestIndex.ABSENT;

    /** The address of a chunk with these whole blocks, or {@link DigestIndex#ABSENT}. */
    long find(MemorySegment blocks) throws IOException;
  }

  /** A whole file that will lie inline. */
  static final int INLINE = 0;

  private final Finder finder;
  private final boolean[] isZero = new boolean[MAX_PIECES];
  private final long[] digests = new long[MAX_PIECES * DigestIndex.DIGEST_LONGS];
  private final long[] found = new long[MAX_PIECES];
  private final MessageDigest sha256 = Sha256.newDigest();
  private final byte[] digest = new byte[Sha256.SIZE_BYTES];

  ChunkBatch(Source source, BlockSize block, MemorySegment buffer, Finder finder) {
    super(source, block, buffer);
    this.finder = finder;
  }

  @Override
  void work() throws IOException {
    for (int i = 0; i < count(); i++) {
      if (kind(i) != INLINE) {
        isZero[i] = isZero(blocks(i));
        found[i] = isZero[i] ? DigestIndex.ABSENT : finder.find(blocks(i));
        if (!isZero[i] && found[i] == DigestIndex.ABSENT) {
          hash(i);
        }
      }
    }
  }

  /** Makes the digest of a chunk that was found in an earlier blob; other chunks have theirs. */
  void hash(int piece) {
    Sha256.update(sha256, blocks(piece));
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

  /** Where a chunk is in an earlier blob, or {@link DigestIndex#ABSENT}. */
  long found(int piece) {
    return found[piece];
  }

  /** The digests of all chunks; that of {@code piece} starts at {@link #digestAt}. */
  long[] digests() {
    return digests;
  }

  int digestAt(int piece) {
    return piece * DigestIndex.DIGEST_LONGS;
  }
}
