package dev.aquifer.build;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/**
 * Reads the regular files of a tree in order, finds out which of their chunks are known, and hands
 * the new ones to the blob. Files that are small lie inline and go to the spool.
 *
 * <p>A pool of threads reads and hashes batches; the thread that calls {@link #run} decides, in the
 * order of the tree, so that the result does not depend on the count of threads.
 */
final class Chunker {
  /** The image's own blob in chunk addresses; earlier images' blobs have higher numbers. */
  static final int OWN_BLOB = 0;

  /** Files up to this size are opened by the pool alone. */
  private static final int SMALL_BYTES = 1 << 20;

  private final SourceTree source;
  private final Spool spool;
  private final DigestIndex index;
  private final Blocks blob;
  private final Sizes sizes;
  private final BuildProgress progress;
  private final BatchLine<ChunkBatch> line;
  private final DataCount count;

  /** Takes chunks that are new. */
  interface Blocks {
    /** Appends whole blocks; returns the number of the first. */
    long append(MemorySegment blocks) throws IOException;

    /** The block that is appended next. */
    long nextBlock();
  }

  /**
   * What becomes of files.
   *
   * @param block the size of blocks
   * @param chunkBits equal chunks of 2^chunkBits bytes are stored once
   * @param inlineMaxBytes files up to this size lie inline
   */
  record Sizes(BlockSize block, int chunkBits, int inlineMaxBytes) {}

  /** What keeps two chunks apart. */
  private final MemorySegment oneBlock;

  /** The file whose chunks come at present. */
  private @Nullable Node open;

  /** Where its chunk before is, and how many blocks that has. */
  private long lastAddress = ChunkMap.HOLE;

  private long lastBlocks;

  Chunker(
      SourceTree source,
      Spool spool,
      DigestIndex index,
      Blocks blob,
      Sizes sizes,
      BuildOptions options,
      ExecutorService pool,
      Arena arena,
      DataCount count) {
    this.source = source;
    this.spool = spool;
    this.index = index;
    this.blob = blob;
    this.sizes = sizes;
    this.progress = options.progress();
    this.count = count;
    this.oneBlock = arena.allocate(sizes.block.bytes());
    this.line =
        new BatchLine<>(
            pool,
            options.threads(),
            arena,
            sizes.block,
            buffer -> new ChunkBatch(source::open, sizes.block, buffer),
            this::take);
  }

  /** Sets layout and data of every regular file of {@code tree}. */
  void run(Tree tree) throws IOException {
    DoneBytes done = DoneBytes.of(progress, tree);
    for (Node node : tree.data()) {
      Waiting.checkInterrupt();
      if (node.stat().isRegular() && node.sizeBytes() > 0) {
        count.source += node.sizeBytes();
        read(node, done);
        done.end(node.sizeBytes());
      }
    }
    line.finish();
    finishFile();
  }

  private void read(Node file, DoneBytes done) throws IOException {
    long size = file.sizeBytes();
    if (size <= sizes.inlineMaxBytes) {
      file.layout = Node.Layout.FLAT_INLINE;
      line.add(file, 0, (int) size, ChunkBatch.INLINE);
      return;
    }
    file.layout = Node.Layout.CHUNK_BASED;
    if (size <= SMALL_BYTES) {
      addChunks(file, 0, size, sizes.chunkBits, done);
      return;
    }
    try (SourceFile data = source.open(file.entry)) {
      addDataOfLargeFile(file, data, done);
      data.checkUnchanged();
    }
  }

  /** Leaves out the holes, which may be nearly all of a file. */
  private void addDataOfLargeFile(Node file, SourceFile data, DoneBytes progress)
      throws IOException {
    long size = file.sizeBytes();
    int chunkBits = ChunkSize.bits(data, size, sizes.chunkBits);
    long done = 0;
    while (done < size) {
      long from = data.nextData(done);
      if (from >= size) {
        break;
      }
      if (chunkBits < 0) {
        throw ChunkSize.tooLarge(source, file);
      }
      // Several pieces of data may lie in one chunk.
      long start = Math.max(done, from >>> chunkBits << chunkBits);
      long end = (ChunkSize.endOfData(data, from) - 1 >>> chunkBits) + 1 << chunkBits;
      end = end < 0 ? size : Math.min(size, end);
      addChunks(file, start, end, chunkBits, progress);
      done = end;
    }
  }

  private void addChunks(Node file, long start, long end, int chunkBits, DoneBytes done)
      throws IOException {
    for (long at = start; at < end; ) {
      int length = (int) Math.min(end - at, 1L << chunkBits);
      line.add(file, at, length, chunkBits);
      at += length;
      done.within(at);
    }
  }

  private @Nullable Callable<@Nullable Void> take(ChunkBatch batch) throws IOException {
    for (int piece = 0; piece < batch.count(); piece++) {
      if (batch.kind(piece) == ChunkBatch.INLINE) {
        batch.node(piece).spooledAt = spool.append(batch.bytes(piece));
        count.inline += batch.lengthBytes(piece);
      } else {
        place(batch, piece);
      }
    }
    return null;
  }

  private void place(ChunkBatch batch, int piece) throws IOException {
    if (batch.isZero(piece)) {
      return;
    }
    ChunkMap chunks = chunks(batch.node(piece), batch.kind(piece));
    long address = index.find(batch.digests(), batch.digestAt(piece));
    if (address == DigestIndex.ABSENT || continuesOtherBlob(address)) {
      while (continuesOtherBlob(ChunkMap.address(OWN_BLOB, blob.nextBlock()))) {
        long unused = blob.append(oneBlock);
      }
      address = ChunkMap.address(OWN_BLOB, blob.append(batch.blocks(piece)));
      index.put(batch.digests(), batch.digestAt(piece), address);
      count.unique += batch.lengthBytes(piece);
    } else if (ChunkMap.blob(address) == OWN_BLOB) {
      count.duplicate += batch.lengthBytes(piece);
    } else {
      count.reused(ChunkMap.blob(address), batch.lengthBytes(piece));
    }
    chunks.set((int) (batch.positionBytes(piece) >>> chunks.chunkBits()), address);
    lastAddress = address;
    lastBlocks = batch.blocks(piece).byteSize() >>> sizes.block.bits();
  }

  /**
   * Whether a chunk there would have the block after that of the chunk before it, in another blob.
   * Linux joins reads of blocks that follow one another by their numbers, and where blobs are block
   * devices does not look whether the device is the same.
   */
  private boolean continuesOtherBlob(long address) {
    return lastAddress != ChunkMap.HOLE
        && ChunkMap.blob(address) != ChunkMap.blob(lastAddress)
        && ChunkMap.block(address) == ChunkMap.block(lastAddress) + lastBlocks;
  }

  private ChunkMap chunks(Node file, int chunkBits) {
    if (open != file) {
      finishFile();
      open = file;
      lastAddress = ChunkMap.HOLE;
    }
    ChunkMap chunks = file.chunks;
    if (chunks == null) {
      chunks = ChunkMap.holes(file.sizeBytes(), chunkBits, sizes.block);
      file.chunks = chunks;
    }
    return chunks;
  }

  private void finishFile() {
    if (open != null && open.chunks != null) {
      open.chunks.merge();
      open = null;
    }
  }
}
