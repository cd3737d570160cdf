package dev.aquifer.codec;

import java.lang.foreign.MemorySegment;

/**
 * Compresses as much of its input as fits an output of given size, the twin of {@link
 * Decompressor}. Used by one thread at a time.
 *
 * <p>What comes out depends on the bytes that are to be compressed, the size of {@code dst}, the
 * {@link Compression}, and the calls since {@link #start}; on nothing else.
 */
public interface Compressor extends AutoCloseable {
  /** No stream decodes to more: the kernel takes no longer ones. */
  int MAX_DECODED_BYTES = 12 << 20;

  /** The largest physical cluster of EROFS. */
  int MAX_STREAM_BYTES = 1 << 20;

  /**
   * Begins with a piece that is compressed for itself, and forgets the calls before: so the output
   * is the same whatever thread compresses what.
   *
   * @param data native memory that stays as it is up to the next start; less than 2 GiB
   */
  void start(MemorySegment data);

  /**
   * Makes one stream of the bytes of the piece from {@code start} on. Its first byte is not 0: on
   * disk zeros come before it.
   *
   * @param start where what is to be compressed begins in the piece
   * @param end where it ends, after {@code start}
   * @param dst where the stream goes, from its start; at most {@link #MAX_STREAM_BYTES}, native
   *     memory; what comes after the stream is undefined
   * @return how long the stream is and what it stands for; {@link Fitted#NOTHING} if that would not
   *     make it shorter
   */
  Fitted compress(int start, int end, MemorySegment dst);

  /** Gives back its memory; no call comes after it. */
  @Override
  void close();
}
