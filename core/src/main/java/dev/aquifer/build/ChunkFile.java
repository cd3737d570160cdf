package dev.aquifer.build;

import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Chunks as they are, one after the other, in a file. Used by one thread, but for {@link
 * #holdsWritten}.
 */
final class ChunkFile implements Chunker.Blocks {
  private static final int STEP_BYTES = 1 << 20;

  private final OutputFile file;
  private final BlockSize block;
  private final long maxBlocks;
  private final ContentMark mark = new ContentMark();
  private long nextBlock;

  /** The first chunk goes to {@code firstBlock} of {@code file}, which stays open. */
  ChunkFile(OutputFile file, BlockSize block, long firstBlock, long maxBlocks) {
    this.file = file;
    this.block = block;
    this.nextBlock = firstBlock;
    this.maxBlocks = maxBlocks;
  }

  @Override
  public long append(MemorySegment blocks) throws IOException {
    long first = nextBlock;
    if (first + block.count(blocks.byteSize()) > maxBlocks) {
      throw new IOException(
          "%s: would have more than %d blocks of %d bytes: expected fewer, larger blocks, or 48-bit addresses"
              .formatted(file.name(), maxBlocks, block.bytes()));
    }
    file.write(first << block.bits(), blocks);
    mark.add(blocks);
    nextBlock += block.count(blocks.byteSize());
    return first;
  }

  @Override
  public boolean holds(long firstBlock, MemorySegment blocks) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(Math.min(STEP_BYTES, blocks.byteSize()), 8);
      for (long done = 0; done < blocks.byteSize(); done += STEP_BYTES) {
        MemorySegment found = buffer.asSlice(0, Math.min(STEP_BYTES, blocks.byteSize() - done));
        file.read((firstBlock << block.bits()) + done, found);
        if (found.mismatch(blocks.asSlice(done, found.byteSize())) >= 0) {
          return false;
        }
      }
      return true;
    }
  }

  @Override
  public boolean holdsWritten(long firstBlock, MemorySegment blocks) throws IOException {
    return holds(firstBlock, blocks);
  }

  @Override
  public void skip(long blocks) {
    nextBlock += blocks;
  }

  @Override
  public long nextBlock() {
    return nextBlock;
  }

  /** The mark of all chunks. */
  Sha256 mark() {
    return mark.finish();
  }
}
