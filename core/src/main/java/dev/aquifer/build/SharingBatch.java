package dev.aquifer.build;

import dev.aquifer.io.Sha256;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.DigestException;
import java.security.MessageDigest;

/**
 * Pieces of up to 1 MiB that are cut and hashed in chunks of several sizes. Only the smallest
 * chunks' bytes are hashed; the digest of a larger one is that of its length and of the digests of
 * the 16 that it consists of.
 */
final class SharingBatch extends Batch {
  /** Sizes of chunks; each is 16 of the one before, and a piece is one of the last. */
  static final int[] CHUNK_BYTES = {4 << 10, 64 << 10, 1 << 20};

  private static final int PARTS = 16;
  private static final int MAX_CHUNKS = USUAL_BYTES / CHUNK_BYTES[0];
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The chunks of one size. */
  static final class Chunks {
    private final long[] digests = new long[2 * MAX_CHUNKS];
    private final int[] lengths = new int[MAX_CHUNKS];
    private int count;

    int count() {
      return count;
    }

    int lengthBytes(int chunk) {
      return lengths[chunk];
    }

    /** One half of what stands for its bytes. */
    long first(int chunk) {
      return digests[2 * chunk];
    }

    /** The other half. */
    long second(int chunk) {
      return digests[2 * chunk + 1];
    }

    /** Whether it has nothing but zeros. No digest is 0. */
    boolean isZero(int chunk) {
      return first(chunk) == 0 && second(chunk) == 0;
    }

    private void add(int lengthBytes, long first, long second) {
      digests[2 * count] = first;
      digests[2 * count + 1] = second;
      lengths[count++] = lengthBytes;
    }
  }

  private final Chunks[] chunks = new Chunks[CHUNK_BYTES.length];
  private final byte[] digest = new byte[Sha256.SIZE_BYTES];
  private final ByteBuffer parts = ByteBuffer.allocate(Long.BYTES * (1 + 2 * PARTS));

  SharingBatch(Source source, MemorySegment buffer) {
    super(source, BlockSize.USUAL, buffer);
    for (int size = 0; size < chunks.length; size++) {
      chunks[size] = new Chunks();
    }
  }

  /** The chunks of {@code CHUNK_BYTES[size]}; those of the last size are the pieces. */
  Chunks chunks(int size) {
    return chunks[size];
  }

  @Override
  void work() {
    MessageDigest sha256 = Sha256.newDigest();
    for (Chunks each : chunks) {
      each.count = 0;
    }
    for (int piece = 0; piece < count(); piece++) {
      hash(sha256, bytes(piece));
      for (int size = 1; size < chunks.length; size++) {
        fold(sha256, chunks[size - 1], chunks[size], size, lengthBytes(piece));
      }
    }
  }

  /** Cuts and hashes one piece in the smallest chunks. */
  private void hash(MessageDigest sha256, MemorySegment bytes) {
    for (long at = 0; at < bytes.byteSize(); at += CHUNK_BYTES[0]) {
      int length = (int) Math.min(CHUNK_BYTES[0], bytes.byteSize() - at);
      MemorySegment chunk = bytes.asSlice(at, length);
      if (isZero(chunk)) {
        chunks[0].add(length, 0, 0);
      } else {
        Sha256.update(sha256, chunk);
        addDigest(sha256, chunks[0], length);
      }
    }
  }

  /** Makes a piece's chunks of one size of its smaller ones, which are the last in their list. */
  private void fold(MessageDigest sha256, Chunks smaller, Chunks larger, int size, int pieceBytes) {
    int from = smaller.count - ((pieceBytes - 1) / CHUNK_BYTES[size - 1] + 1);
    for (int at = 0; at < pieceBytes; at += CHUNK_BYTES[size], from += PARTS) {
      int length = Math.min(CHUNK_BYTES[size], pieceBytes - at);
      int to = Math.min(smaller.count, from + PARTS);
      parts.clear().putLong(length);
      boolean isZero = true;
      for (int part = from; part < to; part++) {
        isZero &= smaller.isZero(part);
        parts.putLong(smaller.first(part)).putLong(smaller.second(part));
      }
      if (isZero) {
        larger.add(length, 0, 0);
      } else {
        sha256.update(parts.flip());
        addDigest(sha256, larger, length);
      }
    }
  }

  private void addDigest(MessageDigest sha256, Chunks to, int lengthBytes) {
    try {
      sha256.digest(digest, 0, digest.length);
    } catch (DigestException e) {
      throw new AssertionError("32 bytes are enough for a SHA-256", e);
    }
    MemorySegment words = MemorySegment.ofArray(digest);
    to.add(lengthBytes, words.get(LONG, 0), words.get(LONG, Long.BYTES));
  }
}
