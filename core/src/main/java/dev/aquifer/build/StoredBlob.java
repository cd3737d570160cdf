package dev.aquifer.build;

import dev.aquifer.format.BlobObject;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.FileSource;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The plain bytes of a blob whose object is a local file. Every span is proven before any of its
 * bytes is given. The spans used last are kept.
 */
final class StoredBlob implements ByteSource {
  /** Of all blobs together: there may be thousands. */
  private static final KeptSpans KEPT = new KeptSpans(64 << 20);

  private final FileSource object;
  private final BlobObject blob;

  private StoredBlob(FileSource object, BlobObject blob) {
    this.object = object;
    this.blob = blob;
  }

  /**
   * Opens an object.
   *
   * @param expectedId the blob's id, or null to take that of the span table it has
   */
  static StoredBlob open(Path path, @Nullable Sha256 expectedId) throws IOException {
    FileSource object = FileSource.open(path);
    try {
      return new StoredBlob(object, readTail(object, expectedId));
    } catch (IOException | RuntimeException e) {
      object.close();
      throw e;
    }
  }

  private static BlobObject readTail(ByteSource object, @Nullable Sha256 expectedId)
      throws IOException {
    String name = object.name();
    long size = object.sizeBytes();
    if (size < BlobObject.FOOTER_BYTES) {
      throw new CorruptDataException(
          "%s: is no blob object: it has %d bytes: expected at least %d"
              .formatted(name, size, BlobObject.FOOTER_BYTES));
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment footer = arena.allocate(BlobObject.FOOTER_BYTES);
      object.read(size - footer.byteSize(), footer);
      long tailOffset = BlobObject.tailOffset(name, footer, size);
      long tailBytes = size - tailOffset;
      if (tailBytes > Integer.MAX_VALUE) {
        throw new CorruptDataException(
            "%s: a tail of %d bytes: expected less than 2 GiB".formatted(name, tailBytes));
      }
      MemorySegment tail = arena.allocate(tailBytes, 8);
      object.read(tailOffset, tail);
      Sha256 id = expectedId == null ? Sha256.hash(spanTable(tail)) : expectedId;
      return BlobObject.parse(name, tail, tailOffset, id);
    }
  }

  /** The span table is what is left of a tail without footer and 4 bytes for each 32 of it. */
  private static MemorySegment spanTable(MemorySegment tail) {
    long rest = Math.max(0, tail.byteSize() - BlobObject.FOOTER_BYTES - Sha256.SIZE_BYTES);
    long spans = rest / (Sha256.SIZE_BYTES + Integer.BYTES);
    return tail.asSlice(0, Math.min(tail.byteSize(), Sha256.SIZE_BYTES * (spans + 1)));
  }

  BlobObject blob() {
    return blob;
  }

  @Override
  public String name() {
    return object.name();
  }

  @Override
  public long sizeBytes() {
    return blob.table().plainSizeBytes();
  }

  @Override
  public void read(long positionBytes, MemorySegment dst) throws IOException {
    checkRange(positionBytes, dst.byteSize());
    for (long done = 0; done < dst.byteSize(); ) {
      int index = blob.table().indexOf(positionBytes + done);
      MemorySegment plain = span(index);
      long offset = positionBytes + done - blob.table().startBytes(index);
      long step = Math.min(dst.byteSize() - done, plain.byteSize() - offset);
      MemorySegment.copy(plain, offset, dst, done, step);
      done += step;
    }
  }

  /** Whether {@code bytes} are at {@code positionBytes}, where there are as many. */
  boolean holds(long positionBytes, MemorySegment bytes) throws IOException {
    checkRange(positionBytes, bytes.byteSize());
    PlainSpans spans = this::span;
    return spans.hold(positionBytes, bytes, blob.table().spanBits());
  }

  /**
   * Decodes and proves a span, and does not keep it.
   *
   * @param stored room for what is stored, native memory
   * @param plain room for the span, native memory
   * @return the span in {@code plain}
   */
  MemorySegment decode(int index, MemorySegment stored, MemorySegment plain) throws IOException {
    MemorySegment from = stored.asSlice(0, blob.storedLengthBytes(index));
    MemorySegment to = plain.asSlice(0, blob.table().lengthBytes(index));
    object.read(blob.storedOffsetBytes(index), from);
    blob.decode(index, from, to, name());
    return to;
  }

  private MemorySegment span(int index) throws IOException {
    return KEPT.get(this, index, blob.table().lengthBytes(index), this::decode);
  }

  private void decode(int index, MemorySegment plain) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment unused = decode(index, arena.allocate(blob.storedLengthBytes(index), 8), plain);
    }
  }

  @Override
  public void close() throws IOException {
    object.close();
    KEPT.drop(this);
  }
}
