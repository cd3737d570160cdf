package dev.aquifer.format;

import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.Sha256;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The cut of a blob's plain bytes into spans of one size, with the SHA-256 of each. The SHA-256 of
 * its canonical form is the blob's id, so that the id proves every byte of the blob.
 *
 * <p>Canonical form, little endian:
 *
 * <table>
 * <caption>span table</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>8</td><td>magic</td><td>the ASCII bytes {@code AQSPANS} and a zero byte</td></tr>
 * <tr><td>8</td><td>4</td><td>version</td><td>1</td></tr>
 * <tr><td>12</td><td>4</td><td>spanBits</td><td>a span has 2^spanBits bytes; 12 to 26</td></tr>
 * <tr><td>16</td><td>8</td><td>plainSize</td><td>size of the blob in bytes</td></tr>
 * <tr><td>24</td><td>4</td><td>sections</td><td>count of further sections; 0</td></tr>
 * <tr><td>28</td><td>4</td><td>reserved</td><td>0</td></tr>
 * <tr><td>32</td><td>32 n</td><td>digests</td><td>SHA-256 of each span's plain bytes; the last span
 * ends with the blob</td></tr>
 * </table>
 *
 * <p>A blob made by other tools has no digests: its table tells the cut alone, and it has no id.
 *
 * <p>Immutable and safe for use by many threads.
 */
public final class SpanTable {
  /** The smallest span: one block of 4 KiB. */
  public static final int MIN_SPAN_BITS = 12;

  /** The largest span: 64 MiB. */
  public static final int MAX_SPAN_BITS = 26;

  static final int HEADER_BYTES = 32;
  private static final long MAGIC = 0x00534e4150535141L; // "AQSPANS\0"
  private static final int VERSION = 1;
  private static final long MAX_SPANS = 1 << 24;

  private final int spanBits;
  private final long plainSizeBytes;
  private final byte @Nullable [] digests;
  private final @Nullable Sha256 id;

  private SpanTable(int spanBits, long plainSizeBytes, byte @Nullable [] digests) {
    this.spanBits = spanBits;
    this.plainSizeBytes = plainSizeBytes;
    this.digests = digests;
    this.id = digests == null ? null : Sha256.hash(canonical(spanBits, plainSizeBytes, digests));
  }

  /** A table whose spans are proven by {@code digests}, 32 bytes a span in span order. */
  public static SpanTable of(int spanBits, long plainSizeBytes, byte[] digests)
      throws CorruptDataException {
    SpanTable table = unverified(spanBits, plainSizeBytes);
    if (digests.length != (long) table.count() * Sha256.SIZE_BYTES) {
      throw new CorruptDataException(
          "span table: %d bytes of digests for %d spans".formatted(digests.length, table.count()));
    }
    return new SpanTable(spanBits, plainSizeBytes, digests.clone());
  }

  /** A table without digests, for a blob that nothing proves. */
  public static SpanTable unverified(int spanBits, long plainSizeBytes)
      throws CorruptDataException {
    if (spanBits < MIN_SPAN_BITS || spanBits > MAX_SPAN_BITS) {
      throw new CorruptDataException(
          "span table: spans of 2^%d bytes: expected 2^%d to 2^%d"
              .formatted(spanBits, MIN_SPAN_BITS, MAX_SPAN_BITS));
    }
    if (plainSizeBytes < 0 || (plainSizeBytes >>> spanBits) >= MAX_SPANS) {
      throw new CorruptDataException(
          "span table: a blob of %s bytes: expected at most %d spans of 2^%d bytes"
              .formatted(Long.toUnsignedString(plainSizeBytes), MAX_SPANS, spanBits));
    }
    return new SpanTable(spanBits, plainSizeBytes, null);
  }

  /**
   * Reads the canonical form at the start of {@code bytes} and proves it.
   *
   * @param name what messages call it
   * @param expectedId the blob's id
   * @throws CorruptDataException if it is malformed or its digest is not {@code expectedId}
   */
  public static SpanTable parse(String name, MemorySegment bytes, Sha256 expectedId)
      throws CorruptDataException {
    if (bytes.byteSize() < HEADER_BYTES || LittleEndian.u64(bytes, 0) != MAGIC) {
      throw new CorruptDataException(name + ": byte 0 of the span table: expected AQSPANS");
    }
    if (LittleEndian.u32(bytes, 8) != VERSION
        || LittleEndian.u32(bytes, 24) != 0
        || LittleEndian.u32(bytes, 28) != 0) {
      throw new CorruptDataException(
          "%s: span table of version %d with %d sections: expected version %d without sections; a newer aquifer may read it"
              .formatted(name, LittleEndian.u32(bytes, 8), LittleEndian.u32(bytes, 24), VERSION));
    }
    SpanTable cut =
        unverified(
            (int) Math.min(LittleEndian.u32(bytes, 12), MAX_SPAN_BITS + 1),
            LittleEndian.u64(bytes, 16));
    long lengthBytes = cut.canonicalSizeBytes();
    if (bytes.byteSize() < lengthBytes) {
      throw new CorruptDataException(
          "%s: span table of %d bytes: expected %d".formatted(name, bytes.byteSize(), lengthBytes));
    }
    SpanTable table =
        new SpanTable(
            cut.spanBits,
            cut.plainSizeBytes,
            bytes.asSlice(HEADER_BYTES, lengthBytes - HEADER_BYTES).toArray(ValueLayout.JAVA_BYTE));
    if (!table.id().equals(expectedId)) {
      throw new CorruptDataException(
          "%s: span table has digest %s: expected the blob's id %s"
              .formatted(name, table.id(), expectedId));
    }
    return table;
  }

  /** The canonical form. */
  public byte[] canonical() {
    byte[] proof = digests;
    if (proof == null) {
      throw new IllegalStateException("a blob without digests has no canonical span table");
    }
    return canonical(spanBits, plainSizeBytes, proof);
  }

  private static byte[] canonical(int spanBits, long plainSizeBytes, byte[] digests) {
    byte[] bytes = new byte[HEADER_BYTES + digests.length];
    MemorySegment header = MemorySegment.ofArray(bytes);
    LittleEndian.put64(header, 0, MAGIC);
    LittleEndian.put32(header, 8, VERSION);
    LittleEndian.put32(header, 12, spanBits);
    LittleEndian.put64(header, 16, plainSizeBytes);
    System.arraycopy(digests, 0, bytes, HEADER_BYTES, digests.length);
    return bytes;
  }

  /** The length of the canonical form in bytes. */
  public long canonicalSizeBytes() {
    return HEADER_BYTES + (long) count() * Sha256.SIZE_BYTES;
  }

  /** The blob's id: the SHA-256 of the canonical form. */
  public Sha256 id() {
    Sha256 known = id;
    if (known == null) {
      throw new IllegalStateException("a blob without digests has no id");
    }
    return known;
  }

  /** Whether digests prove the spans. */
  public boolean isVerified() {
    return digests != null;
  }

  /** The size of a span is 2^spanBits bytes. */
  public int spanBits() {
    return spanBits;
  }

  /** The size of the blob in bytes. */
  public long plainSizeBytes() {
    return plainSizeBytes;
  }

  /** The count of spans. */
  public int count() {
    return (int) ((plainSizeBytes + (1L << spanBits) - 1) >>> spanBits);
  }

  /** The index of the span that holds byte {@code positionBytes} of the blob. */
  public int indexOf(long positionBytes) {
    return (int) (positionBytes >>> spanBits);
  }

  /** Where span {@code index} starts in the blob. */
  public long startBytes(int index) {
    return (long) index << spanBits;
  }

  /** The length of span {@code index} in bytes; only the last may be shorter than 2^spanBits. */
  public int lengthBytes(int index) {
    return (int) Math.min(1L << spanBits, plainSizeBytes - startBytes(index));
  }

  /**
   * Whether {@code plain} is span {@code index}, by its digest; false for a table without digests.
   */
  public boolean proves(int index, MemorySegment plain) {
    byte[] proof = digests;
    if (proof == null || plain.byteSize() != lengthBytes(index)) {
      return false;
    }
    byte[] found = Sha256.hash(plain).bytes();
    int at = index * Sha256.SIZE_BYTES;
    return Arrays.equals(found, 0, found.length, proof, at, at + Sha256.SIZE_BYTES);
  }

  /**
   * Proves the plain bytes of span {@code index}; does nothing for a table without digests.
   *
   * @throws CorruptDataException if the digest differs; the message starts with {@code name}
   */
  public void verify(int index, MemorySegment plain, String name) throws CorruptDataException {
    if (isVerified() && !proves(index, plain)) {
      throw new CorruptDataException(
          "%s: span %d at byte %d: wrong digest: the origin's data is damaged or was changed"
              .formatted(name, index, startBytes(index)));
    }
  }
}
