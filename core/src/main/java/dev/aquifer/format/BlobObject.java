package dev.aquifer.format;

import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.Sha256;
import dev.aquifer.io.UnsupportedFeatureException;
import java.lang.foreign.MemorySegment;
import java.util.zip.CRC32C;

/**
 * Where the spans of a blob lie in the object that stores them, and how they are encoded.
 *
 * <p>A blob object is the stored spans back to back from byte 0, then the tail: the canonical
 * {@link SpanTable}, one u32 a span with its stored length, and a footer of 64 bytes. A span whose
 * stored length equals its plain length is stored plain, any other in the object's codec. So an
 * object without compression starts with the plain blob.
 *
 * <table>
 * <caption>footer, little endian</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>8</td><td>magic</td><td>the ASCII bytes {@code AQBLOB} and two zero bytes</td></tr>
 * <tr><td>8</td><td>4</td><td>version</td><td>1</td></tr>
 * <tr><td>12</td><td>4</td><td>codec</td><td>0 plain, 1 Zstandard frames</td></tr>
 * <tr><td>16</td><td>8</td><td>tailOffset</td><td>where the tail starts in the object</td></tr>
 * <tr><td>24</td><td>36</td><td>reserved</td><td>0</td></tr>
 * <tr><td>60</td><td>4</td><td>checksum</td><td>CRC-32C of the tail up to here</td></tr>
 * </table>
 *
 * <p>Immutable and safe for use by many threads.
 */
public final class BlobObject {
  /** The length of the footer in bytes. */
  public static final int FOOTER_BYTES = 64;

  private static final long MAGIC = 0x0000424f4c425141L; // "AQBLOB\0\0"
  private static final int VERSION = 1;

  private final SpanTable table;
  private final SpanCodec codec;
  private final long[] offsets;

  private BlobObject(SpanTable table, SpanCodec codec, long[] offsets) {
    this.table = table;
    this.codec = codec;
    this.offsets = offsets;
  }

  /** A blob that is stored as it is, in one file or object without table and footer. */
  public static BlobObject raw(SpanTable table) {
    long[] offsets = new long[table.count() + 1];
    for (int i = 0; i < table.count(); i++) {
      offsets[i + 1] = offsets[i] + table.lengthBytes(i);
    }
    return new BlobObject(table, SpanCodec.PLAIN, offsets);
  }

  /**
   * Reads where an object's tail starts from its footer.
   *
   * @param name what messages call the object
   * @param footer the last {@link #FOOTER_BYTES} bytes of the object
   */
  public static long tailOffset(String name, MemorySegment footer, long objectSizeBytes)
      throws CorruptDataException, UnsupportedFeatureException {
    if (footer.byteSize() != FOOTER_BYTES || LittleEndian.u64(footer, 0) != MAGIC) {
      throw new CorruptDataException(name + ": no AQBLOB footer at its end: truncated, or no blob");
    }
    if (LittleEndian.u32(footer, 8) != VERSION) {
      throw new UnsupportedFeatureException(
          "%s: blob object of version %d: expected %d"
              .formatted(name, LittleEndian.u32(footer, 8), VERSION));
    }
    long offset = LittleEndian.u64(footer, 16);
    if (offset < 0 || offset > objectSizeBytes - FOOTER_BYTES - SpanTable.HEADER_BYTES) {
      throw new CorruptDataException(
          "%s: its footer says that the span table is at byte %s of %d"
              .formatted(name, Long.toUnsignedString(offset), objectSizeBytes));
    }
    return offset;
  }

  /**
   * Reads and proves the tail of an object.
   *
   * @param name what messages call the object
   * @param tail all bytes from {@code tailOffset} to the end of the object
   * @param expectedId the id of the blob that the object must hold
   * @throws CorruptDataException if anything does not fit, or the blob is another
   * @throws UnsupportedFeatureException if its version or codec is unknown
   */
  public static BlobObject parse(
      String name, MemorySegment tail, long tailOffset, Sha256 expectedId)
      throws CorruptDataException, UnsupportedFeatureException {
    long footerAt = tail.byteSize() - FOOTER_BYTES;
    if (footerAt < SpanTable.HEADER_BYTES) {
      throw new CorruptDataException(name + ": " + tail.byteSize() + " bytes hold no blob tail");
    }
    MemorySegment footer = tail.asSlice(footerAt);
    long saidOffset = tailOffset(name, footer, tailOffset + tail.byteSize());
    if (saidOffset != tailOffset) {
      throw new CorruptDataException(
          "%s: its footer says that the span table is at byte %d: expected %d"
              .formatted(name, saidOffset, tailOffset));
    }
    if (LittleEndian.u32(footer, 60) != checksum(tail)) {
      throw new CorruptDataException(name + ": wrong checksum of its span table and footer");
    }
    SpanTable table = SpanTable.parse(name, tail, expectedId);
    long lengthsAt = table.canonicalSizeBytes();
    if (footerAt != lengthsAt + 4L * table.count()) {
      throw new CorruptDataException(
          "%s: a tail of %d bytes for %d spans".formatted(name, tail.byteSize(), table.count()));
    }
    long[] offsets = new long[table.count() + 1];
    for (int i = 0; i < table.count(); i++) {
      long length = LittleEndian.u32(tail, lengthsAt + 4L * i);
      if (length == 0 || length > table.lengthBytes(i)) {
        throw new CorruptDataException(
            "%s: span %d: %d stored bytes: expected 1 to %d"
                .formatted(name, i, length, table.lengthBytes(i)));
      }
      offsets[i + 1] = offsets[i] + length;
    }
    if (offsets[table.count()] != tailOffset) {
      throw new CorruptDataException(
          "%s: its spans end at byte %d: expected %d"
              .formatted(name, offsets[table.count()], tailOffset));
    }
    return new BlobObject(table, SpanCodec.of(name, LittleEndian.u32(footer, 12)), offsets);
  }

  /**
   * The tail that a writer appends to the stored spans.
   *
   * @param storedLengths the stored length of each span in bytes
   */
  public static byte[] tail(SpanTable table, SpanCodec codec, int[] storedLengths) {
    byte[] canonical = table.canonical();
    byte[] bytes = new byte[canonical.length + 4 * storedLengths.length + FOOTER_BYTES];
    System.arraycopy(canonical, 0, bytes, 0, canonical.length);
    MemorySegment tail = MemorySegment.ofArray(bytes);
    long tailOffset = 0;
    for (int i = 0; i < storedLengths.length; i++) {
      LittleEndian.put32(tail, canonical.length + 4L * i, storedLengths[i]);
      tailOffset += storedLengths[i];
    }
    long footerAt = bytes.length - (long) FOOTER_BYTES;
    LittleEndian.put64(tail, footerAt, MAGIC);
    LittleEndian.put32(tail, footerAt + 8, VERSION);
    LittleEndian.put32(tail, footerAt + 12, codec.number());
    LittleEndian.put64(tail, footerAt + 16, tailOffset);
    LittleEndian.put32(tail, footerAt + 60, checksum(tail));
    return bytes;
  }

  private static long checksum(MemorySegment tail) {
    CRC32C crc = new CRC32C();
    crc.update(tail.asSlice(0, tail.byteSize() - 4).asByteBuffer());
    return crc.getValue();
  }

  /** The cut and the proof. */
  public SpanTable table() {
    return table;
  }

  /** Where the stored form of span {@code index} starts in the object. */
  public long storedOffsetBytes(int index) {
    return offsets[index];
  }

  /** The length of the stored form of span {@code index}. */
  public int storedLengthBytes(int index) {
    return (int) (offsets[index + 1] - offsets[index]);
  }

  /** The length of all stored spans: where the object's tail starts. */
  public long storedSizeBytes() {
    return offsets[offsets.length - 1];
  }

  /**
   * Turns the stored form of span {@code index} into its plain bytes and proves them.
   *
   * @param stored {@link #storedLengthBytes} bytes, native memory
   * @param plain where the plain bytes go, exactly as long as the span, native memory
   * @param name what messages call the blob
   * @throws CorruptDataException if it can't be decoded or its digest differs; {@code plain} must
   *     then not be used
   */
  public void decode(int index, MemorySegment stored, MemorySegment plain, String name)
      throws CorruptDataException {
    if (stored.byteSize() == plain.byteSize()) {
      MemorySegment.copy(stored, 0, plain, 0, plain.byteSize());
    } else {
      codec.decode(stored, plain, name + ": span " + index);
    }
    table.verify(index, plain, name);
  }
}
