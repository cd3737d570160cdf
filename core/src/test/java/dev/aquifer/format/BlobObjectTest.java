package dev.aquifer.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.Sha256;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

class BlobObjectTest {
  private static final int SPAN_BITS = 12;

  /** Five spans: text that shrinks, noise that does not, and a short last one. */
  private static byte[] plainBlob() {
    byte[] plain = new byte[4 * 4096 + 100];
    byte[] noise = new byte[2 * 4096];
    new Random(1).nextBytes(noise);
    Arrays.fill(plain, (byte) 'a');
    System.arraycopy(noise, 0, plain, 4096, noise.length);
    return plain;
  }

  private record Written(byte[] object, SpanTable table, long tailOffset) {
    MemorySegment tail() {
      return MemorySegment.ofArray(Arrays.copyOfRange(object, (int) tailOffset, object.length));
    }
  }

  private static Written write(byte[] plain, SpanCodec codec) throws IOException {
    SpanTable cut = SpanTable.unverified(SPAN_BITS, plain.length);
    ByteArrayOutputStream object = new ByteArrayOutputStream();
    ByteArrayOutputStream digests = new ByteArrayOutputStream();
    int[] lengths = new int[cut.count()];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment stored = arena.allocate(codec.boundBytes(1 << SPAN_BITS));
      for (int i = 0; i < lengths.length; i++) {
        MemorySegment span = arena.allocate(cut.lengthBytes(i));
        MemorySegment.copy(
            plain, (int) cut.startBytes(i), span, ValueLayout.JAVA_BYTE, 0, cut.lengthBytes(i));
        digests.write(Sha256.hash(span).bytes());
        lengths[i] = codec.encode(span, stored, 3);
        MemorySegment from = lengths[i] == span.byteSize() ? span : stored;
        object.write(from.asSlice(0, lengths[i]).toArray(ValueLayout.JAVA_BYTE));
      }
    }
    SpanTable table = SpanTable.of(SPAN_BITS, plain.length, digests.toByteArray());
    long tailOffset = object.size();
    object.write(BlobObject.tail(table, codec, lengths));
    return new Written(object.toByteArray(), table, tailOffset);
  }

  private static byte[] read(Written written, BlobObject parsed) throws IOException {
    SpanTable table = parsed.table();
    byte[] plain = new byte[(int) table.plainSizeBytes()];
    try (Arena arena = Arena.ofConfined()) {
      for (int i = 0; i < table.count(); i++) {
        MemorySegment stored = arena.allocate(parsed.storedLengthBytes(i));
        MemorySegment.copy(
            written.object(),
            (int) parsed.storedOffsetBytes(i),
            stored,
            ValueLayout.JAVA_BYTE,
            0,
            parsed.storedLengthBytes(i));
        MemorySegment span = arena.allocate(table.lengthBytes(i));
        parsed.decode(i, stored, span, "blob");
        MemorySegment.copy(
            span, ValueLayout.JAVA_BYTE, 0, plain, (int) table.startBytes(i), table.lengthBytes(i));
      }
    }
    return plain;
  }

  @Test
  void roundTripsThroughEachCodec() throws IOException {
    byte[] plain = plainBlob();
    for (SpanCodec codec : SpanCodec.values()) {
      Written written = write(plain, codec);
      BlobObject parsed =
          BlobObject.parse("blob", written.tail(), written.tailOffset(), written.table().id());
      assertThat(parsed.storedSizeBytes()).isEqualTo(written.tailOffset());
      assertThat(read(written, parsed)).isEqualTo(plain);
    }
  }

  @Test
  void theIdDoesNotDependOnTheCodec() throws IOException {
    byte[] plain = plainBlob();
    assertThat(write(plain, SpanCodec.ZSTD).table().id())
        .isEqualTo(write(plain, SpanCodec.PLAIN).table().id());
  }

  @Test
  void anObjectWithoutCompressionStartsWithThePlainBlob() throws IOException {
    byte[] plain = plainBlob();
    assertThat(write(plain, SpanCodec.PLAIN).object()).startsWith(plain);
    assertThat(write(plain, SpanCodec.ZSTD).tailOffset()).isLessThan(plain.length);
  }

  @Test
  void everyFlippedBitOfTheTailIsFound() throws IOException {
    Written written = write(plainBlob(), SpanCodec.ZSTD);
    Sha256 id = written.table().id();
    for (long at = 0; at < written.tail().byteSize(); at++) {
      MemorySegment tail = written.tail();
      LittleEndian.put8(tail, at, LittleEndian.u8(tail, at) ^ 0x10);
      assertThatThrownBy(() -> BlobObject.parse("blob", tail, written.tailOffset(), id))
          .isInstanceOfAny(CorruptDataException.class, UnsupportedFeatureException.class)
          .hasMessageStartingWith("blob: ");
    }
  }

  @Test
  void everyTruncationIsFound() throws IOException {
    Written written = write(plainBlob(), SpanCodec.ZSTD);
    for (long size = 0; size < written.tail().byteSize(); size++) {
      MemorySegment tail = written.tail().asSlice(0, size);
      assertThatThrownBy(
              () -> BlobObject.parse("blob", tail, written.tailOffset(), written.table().id()))
          .isInstanceOf(CorruptDataException.class);
    }
  }

  @Test
  void flippedStoredBytesAreFound() throws IOException {
    Written written = write(plainBlob(), SpanCodec.ZSTD);
    BlobObject parsed =
        BlobObject.parse("blob", written.tail(), written.tailOffset(), written.table().id());
    for (int at = 0; at < written.tailOffset(); at += 17) {
      byte[] object = written.object().clone();
      object[at] ^= 4;
      assertThatThrownBy(() -> read(new Written(object, written.table(), 0), parsed))
          .isInstanceOf(CorruptDataException.class)
          .hasMessageContaining("blob: span ");
    }
  }

  @Test
  void anotherBlobsTailIsRefused() throws IOException {
    Written written = write(plainBlob(), SpanCodec.ZSTD);
    assertThatThrownBy(
            () ->
                BlobObject.parse(
                    "blob", written.tail(), written.tailOffset(), Sha256.hash(new byte[0])))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("expected the blob's id sha256:e3b0c442");
  }

  @Test
  void anUnknownCodecIsNamed() throws IOException {
    Written written = write(plainBlob(), SpanCodec.PLAIN);
    MemorySegment tail = written.tail();
    LittleEndian.put32(tail, tail.byteSize() - 64 + 12, 7);
    CRC32C crc = new CRC32C();
    crc.update(tail.asSlice(0, tail.byteSize() - 4).asByteBuffer());
    LittleEndian.put32(tail, tail.byteSize() - 4, crc.getValue());
    assertThatThrownBy(
            () -> BlobObject.parse("blob", tail, written.tailOffset(), written.table().id()))
        .isInstanceOf(UnsupportedFeatureException.class)
        .hasMessageContaining("codec 7");
  }

  @Test
  void rawBlobsHaveNoProof() throws IOException {
    BlobObject raw = BlobObject.raw(SpanTable.unverified(20, (5L << 20) + 1));
    assertThat(raw.table().count()).isEqualTo(6);
    assertThat(raw.table().isVerified()).isFalse();
    assertThat(raw.storedOffsetBytes(5)).isEqualTo(5L << 20);
    assertThat(raw.storedLengthBytes(5)).isEqualTo(1);
    assertThatThrownBy(() -> SpanTable.unverified(20, -1)).isInstanceOf(CorruptDataException.class);
    assertThatThrownBy(() -> SpanTable.unverified(27, 1)).isInstanceOf(CorruptDataException.class);
  }
}
