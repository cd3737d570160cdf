package dev.aquifer.codec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.Deflater;

/**
 * Makes raw DEFLATE streams: compresses a little more than fits, and {@linkplain DeflateCut cuts}
 * the stream.
 */
final class DeflateCompressor implements Compressor {
  /** What the first cluster is taken to be compressed to. */
  private static final double FIRST_RATIO = 3;

  /** A guess is made larger by one in so many, as cutting is cheap and beginning again is not. */
  private static final int MORE = 16;

  private static final int TRIES = 4;

  /** Of the output, what may be left over. */
  private static final int SLACK = 128;

  private final Deflater deflater;
  private final DeflateCut cut = new DeflateCut();
  private MemorySegment data = MemorySegment.NULL;
  private byte[] stream = {};

  /** The input for each byte of output, in the cluster before. */
  private double ratio = FIRST_RATIO;

  DeflateCompressor(int level) {
    deflater = new Deflater(level, true);
  }

  @Override
  public Fitted compress(int start, int end, MemorySegment dst) {
    int available = Math.min(end - start, MAX_DECODED_BYTES);
    int limit = (int) Math.min(dst.byteSize(), MAX_STREAM_BYTES);
    if (limit == 0) {
      return Fitted.NOTHING;
    }
    ByteBuffer in = data.asSlice(start, available).asByteBuffer();
    int length = 0;
    int size = 0;
    int consumed = 0;
    int streamBytes = 0;
    double guess = ratio;
    for (int tries = 0; tries < TRIES; tries++) {
      length = longer(guess * limit, length, available);
      size = deflate(in.slice(0, length));
      if (size > limit) {
        consumed = cut.cut(stream, size, limit);
        streamBytes = cut.streamBytes();
        if (consumed > length / 2) {
          break;
        }
        // Its codes were made for much that is not there now.
        guess = (double) consumed / limit;
        length = 0;
      } else {
        consumed = length;
        streamBytes = size;
        if (length == available || limit - size <= limit / SLACK) {
          break;
        }
        guess = (double) length / size;
      }
    }
    if (consumed <= streamBytes) {
      return Fitted.NOTHING;
    }
    if (consumed < available) {
      ratio = (double) consumed / streamBytes;
    }
    DeflateCut.avoidZero(stream);
    MemorySegment.copy(stream, 0, dst, ValueLayout.JAVA_BYTE, 0, streamBytes);
    return new Fitted(consumed, streamBytes);
  }

  /** What is to be tried, longer than {@code before}. */
  private static int longer(double guess, int before, int available) {
    double least = before + before / (double) MORE + 1;
    double more = guess + guess / MORE + MORE;
    return (int) Math.min(available, Math.max(least, more));
  }

  /** Fills {@link #stream}; returns how much of it there is. */
  private int deflate(ByteBuffer in) {
    deflater.reset();
    deflater.setInput(in);
    deflater.finish();
    int size = 0;
    while (!deflater.finished()) {
      if (size == stream.length) {
        stream = Arrays.copyOf(stream, Math.max(2 * size, 1 << 14));
      }
      size += deflater.deflate(stream, size, stream.length - size);
    }
    return size;
  }

  @Override
  public void start(MemorySegment data) {
    this.data = data;
    ratio = FIRST_RATIO;
  }

  @Override
  public void close() {
    deflater.close();
  }
}
