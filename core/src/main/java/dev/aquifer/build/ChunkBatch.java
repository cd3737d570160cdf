package dev.aquifer.build;

import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.security.DigestException;
import java.security.MessageDigest;
import java.util.Arrays;

/**
 * Chunks in whole blocks, as they go into the blob: they are looked for in earlier blobs, and get a
 * key if they are in none. The kind of a piece is the size of its file's chunks as a power of two,
 * or {@link #INLINE}.
 *
 * <p>The key of a small chunk is its SHA-256. That of a large one is a checksum and its length,
 * which takes no time and proves nothing: of two that have the same, the bytes are compared.
 */
final class ChunkBatch extends Batch {
  /** Finds chunks in earlier blobs. */
  interface Finder {
    /** Finds none. */
    Finder NOTHING = blocks -> DigestIndex.ABSENT;

    /** The address of a chunk with these whole blocks, or {@link DigestIndex#ABSENT}. */
    long find(MemorySegment blocks) throws IOException;
  }

  /** Looks at the chunks of the own blob, while more are appended. */
  interface Known {
    /**
     * The address of a chunk with the same key and the same bytes, or {@link DigestIndex#ABSENT} if
     * there is none, or none that any thread may look at yet.
     *
     * @param keys has the key at {@code keyAt}
     */
    long find(long[] keys, int keyAt, MemorySegment blocks) throws IOException;
  }

  /** A whole file that will lie inline. */
  static final int INLINE = 0;

  /**
   * Chunks of so many bytes have a checksum. To compare smaller ones takes longer than a digest.
   */
  private static final int CHECKSUM_MIN_BYTES = 1 << 16;

  private final Chunker.Sizes sizes;
  private final Finder finder;
  private final Known known;
  private final boolean[] isZero = new boolean[MAX_PIECES];
  private final long[] keys = new long[MAX_PIECES * DigestIndex.DIGEST_LONGS];
  private final long[] found = new long[MAX_PIECES];
  private final MessageDigest sha256 = Sha256.newDigest();
  private final byte[] digest = new byte[Sha256.SIZE_BYTES];

  ChunkBatch(Source source, Chunker.Sizes sizes, MemorySegment buffer, Finder finder, Known known) {
    super(source, sizes.block(), buffer);
    this.sizes = sizes;
    this.finder = finder;
    this.known = known;
  }

  @Override
  void work() throws IOException {
    for (int i = 0; i < count(); i++) {
      if (kind(i) != INLINE) {
        isZero[i] = isZero(blocks(i));
        found[i] = isZero[i] ? DigestIndex.ABSENT : finder.find(blocks(i));
        if (!isZero[i] && found[i] == DigestIndex.ABSENT) {
          makeKey(i);
          if (hasChecksum(i)) {
            found[i] = known.find(keys, keyAt(i), blocks(i));
          }
        }
      }
    }
  }

  /** Makes the key of a chunk that was found in an earlier blob; other chunks have theirs. */
  void makeKey(int piece) {
    MemorySegment blocks = blocks(piece);
    if (hasChecksum(piece)) {
      Arrays.fill(keys, keyAt(piece), keyAt(piece) + DigestIndex.DIGEST_LONGS, 0);
      keys[keyAt(piece)] = ContentMark.checksum(blocks);
      // Behind a shorter one that is the last there is nothing to compare with.
      keys[keyAt(piece) + 1] = blocks.byteSize();
    } else {
      hash(piece);
    }
    // What is equal but needs another place is not equal here.
    keys[keyAt(piece)] += sizes.spacing().rest(positionBytes(piece) >>> sizes.block().bits());
  }

  private void hash(int piece) {
    Sha256.update(sha256, blocks(piece));
    try {
      sha256.digest(digest, 0, digest.length);
    } catch (DigestException e) {
      throw new AssertionError("32 bytes are enough for a SHA-256", e);
    }
    DigestIndex.toLongs(digest, keys, keyAt(piece));
  }

  /** Whether chunks with the key of this one may have other bytes. */
  boolean hasChecksum(int piece) {
    return blocks(piece).byteSize() >= CHECKSUM_MIN_BYTES;
  }

  /** Whether a chunk has nothing but zeros. */
  boolean isZero(int piece) {
    return isZero[piece];
  }

  /**
   * Where an equal chunk is, in an earlier blob or the own one, or {@link DigestIndex#ABSENT} if
   * that is not known yet.
   */
  long found(int piece) {
    return found[piece];
  }

  /** The keys of all chunks; that of {@code piece} starts at {@link #keyAt}. */
  long[] keys() {
    return keys;
  }

  int keyAt(int piece) {
    return piece * DigestIndex.DIGEST_LONGS;
  }
}
