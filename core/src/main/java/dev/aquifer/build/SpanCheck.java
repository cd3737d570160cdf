package dev.aquifer.build;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * Decodes and proves a span of an earlier blob, and compares it with what files of the new tree may
 * have of it. Filled by one thread, run by another, then read by the first.
 */
final class SpanCheck implements Callable<SpanCheck> {
  /** The longest part that is compared. */
  static final int MAX_PART_BYTES = 1 << 20;

  private final Batch.Source source;
  private final MemorySegment stored;
  private final MemorySegment plain;
  private final MemorySegment read;
  private int blob;
  private @Nullable StoredBlob object;
  private int span;
  private long startBytes;
  private long endBytes;
  private List<EarlierData.Part> parts = List.of();
  private final List<EarlierData.Part> unequal = new ArrayList<>();
  private int[] crcs = {};

  /** A check of spans up to {@code spanBytes}. */
  SpanCheck(Batch.Source source, long spanBytes, Arena arena) {
    this.source = source;
    this.stored = arena.allocate(spanBytes, 64);
    this.plain = arena.allocate(spanBytes, 64);
    this.read = arena.allocate(MAX_PART_BYTES, 64);
  }

  /** Takes on a span of the blob with this number. */
  void begin(int number, StoredBlob stored, int index) {
    blob = number;
    object = stored;
    span = index;
    startBytes = stored.blob().table().startBytes(index);
    endBytes = startBytes + stored.blob().table().lengthBytes(index);
    unequal.clear();
  }

  /** Whether a part lies in the span. */
  boolean has(EarlierData.Part part) {
    return part.blob() == blob
        && part.addressBytes() >= startBytes
        && part.addressBytes() + part.lengthBytes() <= endBytes;
  }

  /** Takes on what is to be compared with the span, parts of one file side by side. */
  void compare(List<EarlierData.Part> parts) {
    this.parts = parts;
  }

  @Override
  public SpanCheck call() throws IOException {
    MemorySegment bytes = Objects.requireNonNull(object).decode(span, stored, plain);
    crcs = EarlierChunks.crcs(bytes);
    for (int first = 0; first < parts.size(); ) {
      int next = first + 1;
      while (next < parts.size() && parts.get(next).node() == parts.get(first).node()) {
        next++;
      }
      compareFile(bytes, parts.subList(first, next));
      first = next;
    }
    return this;
  }

  private void compareFile(MemorySegment bytes, List<EarlierData.Part> ofFile) throws IOException {
    try (SourceFile file = source.open(ofFile.getFirst().node().entry)) {
      for (int first = 0; first < ofFile.size(); ) {
        long start = ofFile.get(first).positionBytes();
        long end = start + ofFile.get(first).lengthBytes();
        int next = first + 1;
        // One read for what follows on.
        while (next < ofFile.size()
            && ofFile.get(next).positionBytes() == end
            && end + ofFile.get(next).lengthBytes() <= start + MAX_PART_BYTES) {
          end += ofFile.get(next++).lengthBytes();
        }
        file.read(start, read.asSlice(0, end - start));
        for (EarlierData.Part part : ofFile.subList(first, next)) {
          if (!isEqual(bytes, part, part.positionBytes() - start)) {
            unequal.add(part);
          }
        }
        first = next;
      }
      file.checkUnchanged();
    }
  }

  /** Zeros are no part of a blob, even if an earlier one has them: they become holes. */
  private boolean isEqual(MemorySegment bytes, EarlierData.Part part, long offset) {
    MemorySegment found = read.asSlice(offset, part.lengthBytes());
    long at = part.addressBytes() - startBytes;
    long end = at + part.lengthBytes();
    long rest = Math.min(BlockSize.USUAL.roundUp(end), bytes.byteSize()) - end;
    return MemorySegment.mismatch(found, 0, found.byteSize(), bytes, at, end) < 0
        && !Batch.isZero(found)
        && (rest == 0 || Batch.isZero(bytes.asSlice(end, rest)));
  }

  /** The parts that are not in the span. */
  List<EarlierData.Part> unequal() {
    return unequal;
  }

  /** Adds to the fingerprint of a place what the span has of it. */
  long fingerprint(long before, long place) {
    if (Place.blob(place) != blob) {
      return before;
    }
    long from = Math.max(Place.startBytes(place), startBytes) - startBytes;
    long to = Math.min(Place.endBytes(place), endBytes) - startBytes;
    return EarlierChunks.fingerprint(
        before, crcs, (int) (from >>> ChunkMap.BLOCK_BITS), (int) (to >>> ChunkMap.BLOCK_BITS));
  }

  /** Whether a place begins in the span or before it. */
  boolean isBehindStart(long place) {
    return Place.blob(place) < blob
        || (Place.blob(place) == blob && Place.startBytes(place) < endBytes);
  }

  /** Whether a place ends in the span or before it. */
  boolean isBehindEnd(long place) {
    return Place.blob(place) < blob
        || (Place.blob(place) == blob && Place.endBytes(place) <= endBytes);
  }
}
