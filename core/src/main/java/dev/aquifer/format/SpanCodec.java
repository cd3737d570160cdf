package dev.aquifer.format;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.UnsupportedFeatureException;
import java.lang.foreign.MemorySegment;

/** How the spans of a blob object are encoded. A span that does not shrink is stored plain. */
public enum SpanCodec {
  /** As they are. */
  PLAIN(0),
  /** One Zstandard frame a span. */
  ZSTD(1);

  private final int number;

  SpanCodec(int number) {
    this.number = number;
  }

  /** The number in a blob object's footer. */
  public int number() {
    return number;
  }

  static SpanCodec of(String name, long number) throws UnsupportedFeatureException {
    for (SpanCodec codec : values()) {
      if (codec.number == number) {
        return codec;
      }
    }
    throw new UnsupportedFeatureException(
        "%s: spans in codec %d: expected 0 (plain) or 1 (Zstandard)".formatted(name, number));
  }

  /** The room that {@link #encode} needs for {@code plainLength} bytes. */
  public long boundBytes(long plainLength) {
    return this == ZSTD ? Zstd.compressBound(plainLength) : plainLength;
  }

  /**
   * Encodes a span; the same input gives the same bytes.
   *
   * @param plain the span, native memory
   * @param stored where it goes, at least {@link #boundBytes} bytes of native memory
   * @param level 1 (fast) to 19 (small)
   * @return the stored length in bytes; equal to the plain length if the span is to be stored
   *     plain, {@code stored} is then undefined
   */
  public int encode(MemorySegment plain, MemorySegment stored, int level) {
    int plainLength = Math.toIntExact(plain.byteSize());
    if (this == PLAIN) {
      return plainLength;
    }
    long length =
        Zstd.compressDirectByteBuffer(
            stored.asByteBuffer(),
            0,
            Math.toIntExact(stored.byteSize()),
            plain.asByteBuffer(),
            0,
            plainLength,
            level);
    return (int) Math.min(length, plainLength);
  }

  /**
   * Decodes a span that is not stored plain; proves nothing but its length.
   *
   * @param stored all that is stored of it, native memory
   * @param plain where it goes, exactly as long as the span, native memory
   * @param name what messages call it
   * @throws CorruptDataException if {@code stored} is not a span of this length
   */
  public void decode(MemorySegment stored, MemorySegment plain, String name)
      throws CorruptDataException {
    if (this == PLAIN) {
      throw new CorruptDataException(
          "%s: %d stored bytes of a plain span of %d"
              .formatted(name, stored.byteSize(), plain.byteSize()));
    }
    int plainLength = Math.toIntExact(plain.byteSize());
    String found;
    try {
      long length =
          Zstd.decompressDirectByteBuffer(
              plain.asByteBuffer(),
              0,
              plainLength,
              stored.asByteBuffer(),
              0,
              Math.toIntExact(stored.byteSize()));
      if (length == plainLength) {
        return;
      }
      found = length + " bytes";
    } catch (ZstdException e) {
      found = e.getMessage();
    }
    throw new CorruptDataException(
        "%s: not a Zstandard frame of %d bytes: %s".formatted(name, plainLength, found));
  }
}
