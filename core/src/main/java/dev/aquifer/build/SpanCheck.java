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
 * Finds out what files of the new tree have of a span of an earlier blob. If their bytes, put
 * together, have the digest of the span, they are the span; else it is decoded, proven and compared
 * with them. Filled by one thread, run by another, then read by the first.
 */
final class SpanCheck implements Callable<SpanCheck> {
  /** The longest part that is compared. */
  static final int MAX_PART_BYTES = 1 << 20;

  private final Batch.Source source;
  private final MemorySegment stored;
  private final MemorySegment plain;

  /** What files have, where the span would have it. */
  private final MemorySegment found;

  private final MemorySegment again;
  private int blob;
  private @Nullable StoredBlob object;
  private int span;
  private long startBytes;
  private long endBytes;
  private List<EarlierData.Part> parts = List.of();

  /** Parts that have in {@link #found} what their files have. */
  private final List<EarlierData.Part> read = new ArrayList<>();

  private final List<EarlierData.Part> unequal = new ArrayList<>();

  /** How far {@link #found} is filled, and whether nothing before that is missing. */
  private long filledBytes;

  private boolean isFilled;
  private int[] crcs = {};

  /** A check of spans up to {@code spanBytes}. */
  SpanCheck(Batch.Source source, long spanBytes, Arena arena) {
    this.source = source;
    this.stored = arena.allocate(spanBytes, 64);
    this.plain = arena.allocate(spanBytes, 64);
    this.found = arena.allocate(spanBytes, 64);
    this.again = arena.allocate(Math.min(spanBytes, MAX_PART_BYTES), 64);
  }

  /** Takes on a span of the blob with this number. */
  void begin(int number, StoredBlob stored, int index) {
    blob = number;
    object = stored;
    span = index;
    startBytes = stored.blob().table().startBytes(index);
    endBytes = startBytes + stored.blob().table().lengthBytes(index);
    read.clear();
    unequal.clear();
    filledBytes = 0;
    isFilled = true;
  }

  /** Whether a part lies in the span. */
  boolean has(EarlierData.Part part) {
    return part.blob() == blob
        && part.addressBytes() >= startBytes
        && part.addressBytes() + part.lengthBytes() <= endBytes;
  }

  /** Takes on what is to be compared with the span, by where it may be. */
  void compare(List<EarlierData.Part> parts) {
    this.parts = parts;
  }

  @Override
  public SpanCheck call() throws IOException {
    for (int first = 0; first < parts.size(); ) {
      int next = first + 1;
      while (next < parts.size() && parts.get(next).node() == parts.get(first).node()) {
        next++;
      }
      readFile(parts.subList(first, next));
      first = next;
    }
    MemorySegment bytes = span();
    crcs = EarlierChunks.crcs(bytes);
    for (EarlierData.Part part : read) {
      if (!isEqual(bytes, part)) {
        unequal.add(part);
      }
    }
    return this;
  }

  private void readFile(List<EarlierData.Part> ofFile) throws IOException {
    try (SourceFile file = source.open(ofFile.getFirst().node().entry)) {
      for (int first = 0; first < ofFile.size(); ) {
        EarlierData.Part part = ofFile.get(first);
        int next = first + 1;
        if (part.addressBytes() - startBytes < filledBytes) {
          readAgain(file, part);
        } else {
          // One read for what follows on.
          while (next < ofFile.size() && ofFile.get(next - 1).isBefore(ofFile.get(next))) {
            next++;
          }
          read(file, ofFile.subList(first, next));
        }
        first = next;
      }
      file.checkUnchanged();
    }
  }

  private void read(SourceFile file, List<EarlierData.Part> run) throws IOException {
    EarlierData.Part last = run.getLast();
    long start = run.getFirst().addressBytes() - startBytes;
    long end = last.addressBytes() + last.lengthBytes() - startBytes;
    file.read(run.getFirst().positionBytes(), found.asSlice(start, end - start));
    isFilled &= start == filledBytes;
    fill(end);
    read.addAll(run);
  }

  /** The same for a part of which another file has something, too. */
  private void readAgain(SourceFile file, EarlierData.Part part) throws IOException {
    long start = part.addressBytes() - startBytes;
    long end = start + part.lengthBytes();
    MemorySegment bytes = again.asSlice(0, part.lengthBytes());
    file.read(part.positionBytes(), bytes);
    long known = Math.min(end, filledBytes);
    if (MemorySegment.mismatch(bytes, 0, known - start, found, start, known) >= 0) {
      // It may be equal yet, if the other is not: then it is found as what has no twin.
      unequal.add(part);
      return;
    }
    if (end > known) {
      MemorySegment.copy(bytes, known - start, found, known, end - known);
      fill(end);
    }
    read.add(part);
  }

  /** A file's last block has zeros behind its end. */
  private void fill(long end) {
    filledBytes = Math.min(BlockSize.USUAL.roundUp(end), endBytes - startBytes);
    found.asSlice(end, filledBytes - end).fill((byte) 0);
  }

  /** The span, proven: as files have it, or decoded. */
  private MemorySegment span() throws IOException {
    StoredBlob from = Objects.requireNonNull(object);
    if (isFilled && filledBytes == endBytes - startBytes) {
      MemorySegment whole = found.asSlice(0, filledBytes);
      if (from.blob().table().proves(span, whole)) {
        return whole;
      }
    }
    return from.decode(span, stored, plain);
  }

  /** Zeros are no part of a blob, even if an earlier one has them: they become holes. */
  private boolean isEqual(MemorySegment bytes, EarlierData.Part part) {
    long start = part.addressBytes() - startBytes;
    long end = start + part.lengthBytes();
    long rest = Math.min(BlockSize.USUAL.roundUp(end), bytes.byteSize()) - end;
    return MemorySegment.mismatch(found, start, end, bytes, start, end) < 0
        && !Batch.isZero(found.asSlice(start, end - start))
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
