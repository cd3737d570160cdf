package dev.aquifer.build;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * Pieces of files that one thread reads and works on: many small files, or a stretch of a large
 * one. In the buffer each piece starts at a whole block, and the rest of its last block is zero.
 *
 * <p>Filled by one thread, run by another, then read by the first.
 */
abstract class Batch implements Callable<@Nullable Void> {
  /** Opens the files that pieces are of. */
  interface Source {
    SourceFile open(SourceEntry file) throws IOException;
  }

  static final int MAX_PIECES = 512;

  /** A batch is full with so many bytes, or with one piece. */
  static final int USUAL_BYTES = 1 << 20;

  private final Source source;
  private final BlockSize block;
  private final MemorySegment buffer;
  private final Node[] nodes = new Node[MAX_PIECES];
  private final long[] positions = new long[MAX_PIECES];
  private final int[] lengths = new int[MAX_PIECES];
  private final int[] starts = new int[MAX_PIECES + 1];
  private final int[] kinds = new int[MAX_PIECES];
  private int count;

  /** A batch with room for the bytes of {@code buffer}, whole blocks of native memory. */
  Batch(Source source, BlockSize block, MemorySegment buffer) {
    this.source = source;
    this.block = block;
    this.buffer = buffer;
  }

  /**
   * Adds a piece, unless there is no room for it.
   *
   * @param kind what it is, in words of the one who adds it
   */
  boolean add(Node node, long positionBytes, int lengthBytes, int kind) {
    long end = starts[count] + block.roundUp(lengthBytes);
    // Not by the size of the buffer: which one it is depends on the count of threads.
    long limit = count == 0 ? buffer.byteSize() : Math.max(USUAL_BYTES, starts[1]);
    if (count == MAX_PIECES || end > limit) {
      return false;
    }
    nodes[count] = node;
    positions[count] = positionBytes;
    lengths[count] = lengthBytes;
    kinds[count] = kind;
    count++;
    starts[count] = (int) end;
    return true;
  }

  void clear() {
    count = 0;
  }

  /** Reads and works on all pieces. */
  @Override
  public @Nullable Void call() throws IOException {
    for (int first = 0; first < count; ) {
      int next = first + 1;
      while (next < count && nodes[next] == nodes[first]) {
        next++;
      }
      readPieces(first, next);
      first = next;
    }
    work();
    return null;
  }

  /** Works on what was read. */
  abstract void work() throws IOException;

  /** Reads pieces of one file. */
  private void readPieces(int first, int next) throws IOException {
    try (SourceFile file = source.open(nodes[first].entry)) {
      for (int i = first; i < next; ) {
        // Chunks that follow each other in the file do so in the buffer: one read for all.
        int end = i + 1;
        while (end < next
            && positions[end] == positions[end - 1] + lengths[end - 1]
            && starts[end] == starts[end - 1] + lengths[end - 1]) {
          end++;
        }
        int filled = starts[end - 1] + lengths[end - 1];
        file.read(positions[i], buffer.asSlice(starts[i], filled - starts[i]));
        buffer.asSlice(filled, starts[end] - filled).fill((byte) 0);
        i = end;
      }
      file.checkUnchanged();
    }
  }

  /** Whether {@code bytes}, at least one, are all zeros. */
  static boolean isZero(MemorySegment bytes) {
    // Equal to itself moved by one byte, and the first byte is zero.
    return bytes.get(ValueLayout.JAVA_BYTE, 0) == 0
        && MemorySegment.mismatch(bytes, 0, bytes.byteSize() - 1, bytes, 1, bytes.byteSize()) < 0;
  }

  long capacityBytes() {
    return buffer.byteSize();
  }

  int count() {
    return count;
  }

  Node node(int piece) {
    return nodes[piece];
  }

  long positionBytes(int piece) {
    return positions[piece];
  }

  int lengthBytes(int piece) {
    return lengths[piece];
  }

  int kind(int piece) {
    return kinds[piece];
  }

  /** The bytes of a piece. */
  MemorySegment bytes(int piece) {
    return buffer.asSlice(starts[piece], lengths[piece]);
  }

  /** The bytes of a piece and the zeros up to a whole block. */
  MemorySegment blocks(int piece) {
    return buffer.asSlice(starts[piece], starts[piece + 1] - (long) starts[piece]);
  }
}
