package dev.aquifer.codec;

import java.lang.foreign.MemorySegment;

/**
 * Compresses the longest prefix of its input that fits an output of given size, the twin of {@link
 * Decompressor}. Used by one thread at a time.
 *
 * <p>What comes out depends on the bytes of {@code src}, the size of {@code dst}, the {@link
 * Compression}, and the calls since {@link #reset()}; on nothing else.
 */
public interface Compressor extends AutoCloseable {
  /** No stream decodes to more: the kernel takes no longer ones. */
  int MAX_DECODED_BYTES = 12 << 20;

  /** The largest physical cluster of EROFS. */
  int MAX_STREAM_BYTES = 1 << 20;

  /**
   * Makes one stream, whose first byte is not 0: on disk zeros come before it.
   *
   * @param src what is to be compressed, at least 1 byte, native memory
   * @param dst where the stream goes, from its start; at most {@link #MAX_STREAM_BYTES}, native
   *     memory; what comes after the stream is undefined
   * @return how long the stream is and what it stands for; {@link Fitted#NOTHING} if that would not
   *     make it shorter
   */
  Fitted compress(MemorySegment src, MemorySegment dst);

  /**
   * Forgets the calls before. Who wants the same output whatever thread compresses what, does so at
   * the start of each piece that is compressed for itself.
   */
  void reset();

  /** Gives back its memory; no call comes after it. */
  @Override
  void close();
}
