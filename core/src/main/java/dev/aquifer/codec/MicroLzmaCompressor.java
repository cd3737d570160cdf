package dev.aquifer.codec;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.tukaani.xz.ArrayCache;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.LZMAOutputStream;
import org.tukaani.xz.UnsupportedOptionsException;

/**
 * Makes MicroLZMA streams, see {@link MicroLzmaDecompressor}: compresses until there is more than
 * fits, and {@linkplain LzmaCut cuts} the stream.
 */
final class MicroLzmaCompressor implements Compressor {
  /** Of a cut, what must be there to see where the last symbol that fits ends. */
  private static final int BEYOND_BYTES = 64;

  private static final int MIN_DICTIONARY_BYTES = 4096;
  private static final int MIN_PIECE_BYTES = 512;
  private static final int EXTREME_DEPTH = 512;

  private final int level;
  private final int dictionaryBytes;
  private final LzmaCut cut = new LzmaCut();
  private byte[] in = new byte[MIN_DICTIONARY_BYTES];
  private byte[] stream = {};
  private MemorySegment data = MemorySegment.NULL;

  MicroLzmaCompressor(int level, int dictionaryBytes) {
    this.level = level;
    this.dictionaryBytes = dictionaryBytes;
  }

  @Override
  public Fitted compress(int start, int end, MemorySegment dst) {
    int available = Math.min(end - start, MAX_DECODED_BYTES);
    int limit = (int) Math.min(dst.byteSize(), MAX_STREAM_BYTES);
    if (stream.length < limit + BEYOND_BYTES) {
      stream = new byte[limit + BEYOND_BYTES];
    }
    try {
      LZMA2Options options = options(available);
      Sink sink = new Sink(stream, limit + BEYOND_BYTES);
      encode(data.asSlice(start, available), options, sink);
      int streamBytes = sink.size;
      int consumed = available;
      if (streamBytes > limit) {
        consumed = cut.cut(stream, in, available, limit);
        streamBytes = cut.streamBytes();
      }
      if (consumed <= streamBytes) {
        return Fitted.NOTHING;
      }
      stream[0] = (byte) ~properties(options);
      MemorySegment.copy(stream, 0, dst, ValueLayout.JAVA_BYTE, 0, streamBytes);
      return new Fitted(consumed, streamBytes);
    } catch (IOException e) {
      throw new IllegalStateException("MicroLZMA: " + e.getMessage(), e);
    }
  }

  private LZMA2Options options(int available) throws UnsupportedOptionsException {
    boolean isExtreme = level >= Compression.EXTREME;
    int preset = isExtreme ? level - Compression.EXTREME : level;
    LZMA2Options options = new LZMA2Options(preset);
    if (isExtreme) {
      options.setMode(LZMA2Options.MODE_NORMAL);
      options.setMatchFinder(LZMA2Options.MF_BT4);
      boolean isMiddle = preset == 3 || preset == 5;
      options.setNiceLen(isMiddle ? 192 : LZMA2Options.NICE_LEN_MAX);
      options.setDepthLimit(isMiddle ? 0 : EXTREME_DEPTH);
    }
    // What is longer than the input costs time.
    options.setDictSize(Math.clamp(available, MIN_DICTIONARY_BYTES, dictionaryBytes));
    return options;
  }

  private static int properties(LZMA2Options options) {
    return (options.getPb() * 5 + options.getLp()) * 9 + options.getLc();
  }

  /** Feeds the encoder until it has had everything or the sink is full. */
  private void encode(MemorySegment src, LZMA2Options options, Sink sink) throws IOException {
    int available = (int) src.byteSize();
    int piece = Math.max(MIN_PIECE_BYTES, sink.capacity / 8);
    try {
      LZMAOutputStream lzma =
          new LZMAOutputStream(sink, options, false, ArrayCache.getDummyCache());
      for (int at = 0; at < available; ) {
        int count = Math.min(piece, available - at);
        if (in.length < at + count) {
          in = Arrays.copyOf(in, Math.max(at + count, Math.min(2 * in.length, MAX_DECODED_BYTES)));
        }
        MemorySegment.copy(src, ValueLayout.JAVA_BYTE, at, in, at, count);
        lzma.write(in, at, count);
        at += count;
      }
      lzma.finish();
    } catch (FullException e) {
      // There is enough.
    }
  }

  @Override
  public void start(MemorySegment data) {
    this.data = data;
  }

  @Override
  public void close() {
    // There is only heap.
  }

  /** Takes bytes until there is no room for more. */
  private static final class Sink extends OutputStream {
    private final byte[] bytes;
    private final int capacity;
    private int size;

    Sink(byte[] bytes, int capacity) {
      this.bytes = bytes;
      this.capacity = capacity;
    }

    @Override
    public void write(int value) throws FullException {
      if (size == capacity) {
        throw new FullException();
      }
      bytes[size++] = (byte) value;
    }
  }

  /** Ends the encoder's work. */
  private static final class FullException extends IOException {
    private static final long serialVersionUID = 1;
  }
}
