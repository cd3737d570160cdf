package dev.aquifer.codec;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.Semaphore;
import org.tukaani.xz.ArrayCache;
import org.tukaani.xz.LZMAInputStream;

/**
 * Decodes MicroLZMA: an LZMA stream whose first byte, always 0, is replaced by the bitwise not of
 * the properties, {@code (pb * 5 + lp) * 9 + lc}. It has no end marker; the length is known from
 * elsewhere.
 */
final class MicroLzmaDecompressor implements Decompressor {
  private static final int MAX_PROPERTIES = 4 * 45 + 4 * 9 + 8;
  private static final int MAX_LITERAL_BITS = 4;
  private static final int MIN_DICTIONARY_BYTES = 4096;

  /** The largest that EROFS allows. */
  private static final int MAX_DICTIONARY_BYTES = 8 << 20;

  private static final int COPY_BYTES = 8192;

  /** A stream in work may need 8 MiB of heap for its dictionary. */
  private static final int HEAP_PER_STREAM_BYTES = 32 << 20;

  private final Semaphore inWork =
      new Semaphore(Math.clamp(Runtime.getRuntime().maxMemory() / HEAP_PER_STREAM_BYTES, 1, 64));

  @Override
  public void decompress(MemorySegment src, MemorySegment dst, boolean isPrefix)
      throws BadStreamException {
    if (src.byteSize() == 0) {
      throw new BadStreamException("MicroLZMA: no bytes");
    }
    int properties = ~src.get(ValueLayout.JAVA_BYTE, 0) & 0xff;
    if (properties > MAX_PROPERTIES || properties % 9 + properties / 9 % 5 > MAX_LITERAL_BITS) {
      throw new BadStreamException("MicroLZMA: properties 0x%02x".formatted(properties));
    }
    inWork.acquireUninterruptibly();
    try {
      decode(new SegmentInput(src, 0), (byte) properties, dst, isPrefix);
    } finally {
      inWork.release();
    }
  }

  private static void decode(SegmentInput in, byte properties, MemorySegment dst, boolean isPrefix)
      throws BadStreamException {
    long done = 0;
    // No match reaches back further than the output does.
    int dictionary = Math.clamp(dst.byteSize(), MIN_DICTIONARY_BYTES, MAX_DICTIONARY_BYTES);
    byte[] buffer = new byte[(int) Math.min(COPY_BYTES, dst.byteSize())];
    // With a length, the stream must end where the output does: whoever wants a part gives none.
    long length = isPrefix ? -1 : dst.byteSize();
    try (LZMAInputStream lzma =
        new LZMAInputStream(in, length, properties, dictionary, null, ArrayCache.getDummyCache())) {
      while (done < dst.byteSize()) {
        int count = lzma.read(buffer, 0, (int) Math.min(buffer.length, dst.byteSize() - done));
        if (count < 0) {
          break;
        }
        MemorySegment.copy(buffer, 0, dst, ValueLayout.JAVA_BYTE, done, count);
        done += count;
      }
    } catch (EOFException e) {
      throw tooShort(done, dst);
    } catch (IOException | RuntimeException e) {
      throw new BadStreamException("MicroLZMA: " + e);
    }
    if (done < dst.byteSize()) {
      throw tooShort(done, dst);
    }
    if (!isPrefix && !in.isAtEnd()) {
      throw new BadStreamException("MicroLZMA: more than %d bytes".formatted(dst.byteSize()));
    }
  }

  private static BadStreamException tooShort(long done, MemorySegment dst) {
    return new BadStreamException(
        "MicroLZMA: ends before byte %d of %d".formatted(done, dst.byteSize()));
  }
}
