package dev.aquifer.codec;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;

/**
 * Decodes Zstandard frames. The beginning of a frame that is looked at here, to bound the memory
 * that a part of it needs:
 *
 * <table>
 * <caption>beginning of a frame</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>4</td><td>magic</td><td></td></tr>
 * <tr><td>4</td><td>1</td><td>descriptor</td><td>bit 5: there is no window, but a content
 * size</td></tr>
 * <tr><td>5</td><td>1</td><td>window</td><td>2^(10 + high 5 bits), and as many eighths more as the
 * low 3 bits say</td></tr>
 * </table>
 */
final class ZstdDecompressor implements Decompressor {
  private static final int SINGLE_SEGMENT = 0x20;
  private static final int MIN_WINDOW_BITS = 10;

  /** EROFS allows 1 MiB; a frame without a window may be as long as a cluster's data. */
  private static final long MAX_WINDOW_BYTES = 16 << 20;

  /** A context keeps the window of the last prefix that it decoded. */
  private static final long MAX_KEPT_WINDOW_BYTES = 1 << 20;

  /** A context costs more to make than a small frame to decode. */
  private static final int MAX_KEPT = 8;

  /** Contexts that nobody uses now; guarded by itself. */
  private final ArrayDeque<ZstdDecompressCtx> kept = new ArrayDeque<>();

  @Override
  public void decompress(MemorySegment src, MemorySegment dst, boolean isPrefix)
      throws BadStreamException {
    long window = isPrefix ? checkWindow(src) : 0;
    ZstdDecompressCtx context = take();
    try {
      if (isPrefix) {
        decompressPrefix(context, src, dst);
      } else {
        int length =
            context.decompressDirectByteBuffer(
                dst.asByteBuffer(),
                0,
                Math.toIntExact(dst.byteSize()),
                src.asByteBuffer(),
                0,
                Math.toIntExact(src.byteSize()));
        if (length != dst.byteSize()) {
          throw tooShort(length, dst);
        }
      }
    } catch (ZstdException e) {
      throw new BadStreamException("Zstandard: " + e.getMessage());
    } finally {
      giveBack(context, window <= MAX_KEPT_WINDOW_BYTES);
    }
  }

  private ZstdDecompressCtx take() {
    synchronized (kept) {
      ZstdDecompressCtx context = kept.poll();
      return context != null ? context : new ZstdDecompressCtx();
    }
  }

  private void giveBack(ZstdDecompressCtx context, boolean isSmall) {
    synchronized (kept) {
      if (isSmall && kept.size() < MAX_KEPT) {
        kept.push(context);
        return;
      }
    }
    context.close();
  }

  private static void decompressPrefix(
      ZstdDecompressCtx context, MemorySegment src, MemorySegment dst) throws BadStreamException {
    // Whoever had it before may have left a frame unfinished.
    context.reset();
    ByteBuffer in = src.asByteBuffer();
    ByteBuffer out = dst.asByteBuffer();
    int before;
    do {
      before = in.position() + out.position();
    } while (!context.decompressDirectByteBufferStream(out, in)
        && out.hasRemaining()
        && in.position() + out.position() > before);
    if (out.hasRemaining()) {
      throw tooShort(out.position(), dst);
    }
  }

  private static long checkWindow(MemorySegment src) throws BadStreamException {
    if (src.byteSize() < 6) {
      throw new BadStreamException("Zstandard: a frame of %d bytes".formatted(src.byteSize()));
    }
    long window;
    if ((src.get(ValueLayout.JAVA_BYTE, 4) & SINGLE_SEGMENT) != 0) {
      window = Zstd.getFrameContentSize(src.asByteBuffer());
    } else {
      int descriptor = src.get(ValueLayout.JAVA_BYTE, 5) & 0xff;
      long base = 1L << MIN_WINDOW_BITS + (descriptor >>> 3);
      window = base + base / 8 * (descriptor & 7);
    }
    if (window < 0 || window > MAX_WINDOW_BYTES) {
      throw new BadStreamException(
          "Zstandard: a window of %d bytes: expected at most %d"
              .formatted(window, MAX_WINDOW_BYTES));
    }
    return window;
  }

  private static BadStreamException tooShort(long length, MemorySegment dst) {
    return new BadStreamException(
        "Zstandard: ends after %d bytes of %d".formatted(length, dst.byteSize()));
  }
}
