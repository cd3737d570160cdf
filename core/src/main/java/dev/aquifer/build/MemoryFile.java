package dev.aquifer.build;

import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** A new file in pieces of memory; what was not written of it is zero. */
final class MemoryFile implements OutputFile {
  private static final int PIECE_BITS = 18;
  private static final int PIECE_BYTES = 1 << PIECE_BITS;

  private final String name;
  private final MemoryTarget memory;
  private List<MemorySegment> pieces = new ArrayList<>();
  private long sizeBytes;

  MemoryFile(String name, MemoryTarget memory) {
    this.name = name;
    this.memory = memory;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public FileKey key() {
    return FileKey.NONE;
  }

  @Override
  public synchronized void write(long positionBytes, MemorySegment bytes) throws IOException {
    // Writing to a channel would look, too.
    Waiting.checkInterrupt();
    long end = positionBytes + bytes.byteSize();
    while ((long) pieces.size() << PIECE_BITS < end) {
      pieces.add(MemorySegment.ofArray(memory.take(PIECE_BYTES)));
    }
    for (long at = positionBytes; at < end; ) {
      long offset = at & PIECE_BYTES - 1;
      long step = Math.min(end - at, PIECE_BYTES - offset);
      MemorySegment piece = pieces.get((int) (at >>> PIECE_BITS));
      MemorySegment.copy(bytes, at - positionBytes, piece, offset, step);
      at += step;
    }
    sizeBytes = Math.max(sizeBytes, end);
  }

  @Override
  public synchronized void read(long positionBytes, MemorySegment dst) throws IOException {
    open().read(positionBytes, dst);
  }

  @Override
  public void beginSync() {
    // It goes to no disk.
  }

  @Override
  public void sync() {}

  @Override
  public ByteSource open() {
    return new Written(name, sizeBytes, pieces);
  }

  private record Written(String name, long sizeBytes, List<MemorySegment> pieces)
      implements ByteSource {
    @Override
    public void read(long positionBytes, MemorySegment dst) throws IOException {
      checkRange(positionBytes, dst.byteSize());
      for (long done = 0; done < dst.byteSize(); ) {
        long at = positionBytes + done;
        long offset = at & PIECE_BYTES - 1;
        long step = Math.min(dst.byteSize() - done, PIECE_BYTES - offset);
        MemorySegment.copy(pieces.get((int) (at >>> PIECE_BITS)), offset, dst, done, step);
        done += step;
      }
    }

    @Override
    public void close() {}
  }

  @Override
  public void close() {}

  @Override
  public void delete() {
    memory.giveBack((long) pieces.size() << PIECE_BITS);
    pieces = List.of();
    sizeBytes = 0;
  }
}
