package dev.aquifer.build;

import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.DigestException;
import java.security.MessageDigest;
import java.util.concurrent.Callable;

/**
 * Pieces of files that one thread reads and hashes: many small files, or a stretch of a large one.
 * A piece is a chunk, or a whole file that will lie inline. In the buffer each piece starts at a
 * whole block, and the rest of its last block is zero: so it goes into the blob, and so it is
 * hashed.
 *
 * <p>Filled by one thread, run by another, then read by the first.
 */
final class Batch implements Callable<Batch> {
  /** Instead of the size of chunks: a whole file that will lie inline. */
  static final int INLINE = 0;

  private static final int MAX_PIECES = 512;
  private static final int BLOCK_BYTES = 1 << ChunkMap.BLOCK_BITS;

  private final SourceTree source;
  private final MemorySegment buffer;
  private final Node[] nodes = new Node[MAX_PIECES];
  private final long[] positions = new long[MAX_PIECES];
  private final int[] lengths = new int[MAX_PIECES];
  private final int[] starts = new int[MAX_PIECES + 1];
  private final int[] chunkBits = new int[MAX_PIECES];
  private final boolean[] isZero = new boolean[MAX_PIECES];
  private final long[] digests = new long[MAX_PIECES * DigestIndex.DIGEST_LONGS];
  private final byte[] digest = new byte[Sha256.SIZE_BYTES];
  private int count;

  /** A batch with room for the bytes of {@code buffer}, whole blocks of native memory. */
  Batch(SourceTree source, MemorySegment buffer) {
    this.source = source;
    this.buffer = buffer;
  }

  /**
   * Adds a piece, unless there is no room for it.
   *
   * @param bits the chunks of its file have 2^bits bytes; or {@link #INLINE}
   */
  boolean add(Node node, long positionBytes, int lengthBytes, int bits) {
    int end = starts[count] + roundUp(lengthBytes);
    if (count == MAX_PIECES || end > buffer.byteSize()) {
      return false;
    }
    nodes[count] = node;
    positions[count] = positionBytes;
    lengths[count] = lengthBytes;
    chunkBits[count] = bits;
    count++;
    starts[count] = end;
    return true;
  }

  private static int roundUp(int bytes) {
    return bytes + BLOCK_BYTES - 1 & -BLOCK_BYTES;
  }

  void clear() {
    count = 0;
  }

  /** Reads and hashes all pieces. */
  @Override
  public Batch call() throws IOException {
    for (int first = 0; first < count; ) {
      int next = first + 1;
      while (next < count && nodes[next] == nodes[first]) {
        next++;
      }
      readPieces(first, next);
      first = next;
    }
    MessageDigest sha256 = Sha256.newDigest();
    for (int i = 0; i < count; i++) {
      if (!isInline(i)) {
        hash(sha256, i);
      }
    }
    return this;
  }

  /** Reads pieces of one file. */
  private void readPieces(int first, int next) throws IOException {
    try (SourceFile file = source.open(nodes[first].entry)) {
      for (int i = first; i < next; ) {
        // Chunks that follow each other in the file do so in the buffer: one read for all.
        int end = i + 1;
        while (end < next
            && positions[end] == positions[end - 1] + lengths[end - 1]
            && starts[end] == starts[end - 1] + lengths[end - 1]) {
          end++;
        }
        int filled = starts[end - 1] + lengths[end - 1];
        file.read(positions[i], buffer.asSlice(starts[i], filled - starts[i]));
        buffer.asSlice(filled, starts[end] - filled).fill((byte) 0);
        i = end;
      }
      file.checkUnchanged();
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

  /** Whether {@code bytes}, at least one, are all zeros. */
  static boolean isZero(MemorySegment bytes) {
    // Equal to itself moved by one byte, and the first byte is zero.
    return bytes.get(ValueLayout.JAVA_BYTE, 0) == 0
        && MemorySegment.mismatch(bytes, 0, bytes.byteSize() - 1, bytes, 1, bytes.byteSize()) < 0;
  }

  long capacityBytes() {
    return buffer.byteSize();
  }

  int count() {
    return count;
  }

  Node node(int piece) {
    return nodes[piece];
  }

  long positionBytes(int piece) {
    return positions[piece];
  }

  int lengthBytes(int piece) {
    return lengths[piece];
  }

  boolean isInline(int piece) {
    return chunkBits[piece] == INLINE;
  }

  /** The size of the chunks of its file as a power of two. */
  int chunkBits(int piece) {
    return chunkBits[piece];
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

  /** The bytes of a piece. */
  MemorySegment bytes(int piece) {
    return buffer.asSlice(starts[piece], lengths[piece]);
  }

  /** The bytes of a piece and the zeros up to a whole block. */
  MemorySegment blocks(int piece) {
    return buffer.asSlice(starts[piece], starts[piece + 1] - (long) starts[piece]);
  }
}
