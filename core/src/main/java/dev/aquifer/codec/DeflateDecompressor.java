package dev.aquifer.codec;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/** Decodes raw DEFLATE streams. */
final class DeflateDecompressor implements Decompressor {
  @Override
  public void decompress(MemorySegment src, MemorySegment dst, boolean isPrefix)
      throws BadStreamException {
    try (Inflater inflater = new Inflater(true)) {
      inflater.setInput(src.asByteBuffer());
      ByteBuffer out = dst.asByteBuffer();
      // A call that gives nothing has nothing more to give.
      while (out.hasRemaining() && inflater.inflate(out) > 0) {}
      if (out.hasRemaining()) {
        throw new BadStreamException(
            "DEFLATE: ends after %d bytes of %d".formatted(out.position(), out.limit()));
      }
      if (!isPrefix && inflater.inflate(ByteBuffer.allocate(1)) > 0) {
        throw new BadStreamException("DEFLATE: more than %d bytes".formatted(out.limit()));
      }
    } catch (DataFormatException e) {
      throw new BadStreamException("DEFLATE: " + e.getMessage());
    }
  }
}
