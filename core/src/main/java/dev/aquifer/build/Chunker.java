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
 * <p>A pool of threads reads batches, and finds or hashes their chunks; the thread that calls
 * {@link #run} decides, in the order of the tree, so that the result does not depend on the count
 * of threads.
 */
final class Chunker {
  /** The image's own blob in chunk addresses; earlier images' blobs have higher numbers. */
  static final int OWN_BLOB = 0;

  /** Files up to this size are opened by the pool alone. */
  private static final int SMALL_BYTES = 1 << 20;

  private final SourceTree source;
  private final Spool spool;

  /** The chunks of the own blob. Guarded by itself. */
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

    /** Whether the blocks from {@code block} on, all of them appended, are equal to these. */
    boolean holds(long block, MemorySegment blocks) throws IOException;

    /** The same, for any thread; false also if not all of them are written. */
    boolean holdsWritten(long block, MemorySegment blocks) throws IOException;

    /** Leaves so many blocks out, which are zeros. */
    void skip(long blocks) throws IOException;

    /** The block that is appended next. */
    long nextBlock();
  }

  /**
   * What becomes of files.
   *
   * @param block the size of blocks
   * @param chunkBits equal chunks of 2^chunkBits bytes are stored once
   * @param inlineMaxBytes files up to this size lie inline
   * @param spacing how chunks are aligned
   */
  record Sizes(BlockSize block, int chunkBits, int inlineMaxBytes, Spacing spacing) {}

  /** The file whose chunks come at present. */
  private @Nullable Node open;

  /** Where its chunk before is, if it has one. */
  private long before = ChunkMap.HOLE;

  /**
   * The next chunk of the file that is to be placed, and the first behind it that has its place.
   */
  private int next;

  private int nextPlaced;

  /**
   * A chunker that has read nothing. Chunks that have a place in an earlier blob keep it, and
   * {@code finder} finds more.
   */
  Chunker(
      SourceTree source,
      Spool spool,
      DigestIndex index,
      Blocks blob,
      Sizes sizes,
      BuildOptions options,
      ExecutorService pool,
      Arena arena,
      DataCount count,
      ChunkBatch.Finder finder) {
    this.source = source;
    this.spool = spool;
    this.index = index;
    this.blob = blob;
    this.sizes = sizes;
    this.progress = options.progress();
    this.count = count;
    this.line =
        new BatchLine<>(
            pool,
            options.threads(),
            arena,
            sizes.block,
            buffer -> new ChunkBatch(source::open, sizes, buffer, finder, this::findWritten),
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
    for (Node node : tree.data()) {
      // Files of which nothing was placed here.
      merge(node);
    }
  }

  private void read(Node file, DoneBytes done) throws IOException {
    long size = file.sizeBytes();
    if (size <= sizes.inlineMaxBytes) {
      file.layout = Node.Layout.FLAT_INLINE;
      line.add(file, 0, (int) size, ChunkBatch.INLINE);
      return;
    }
    file.layout = Node.Layout.CHUNK_BASED;
    if (size <= SMALL_BYTES || (file.chunks != null && file.chunks.isFull())) {
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
    ChunkMap placed = file.chunks;
    for (long at = start; at < end; ) {
      int length = (int) Math.min(end - at, 1L << chunkBits);
      long address = placed == null ? ChunkMap.HOLE : placed.address((int) (at >>> chunkBits));
      if (address == ChunkMap.HOLE) {
        line.add(file, at, length, chunkBits);
      } else {
        count.reused(ChunkMap.blob(address), length);
      }
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
    int chunk = (int) (batch.positionBytes(piece) >>> chunks.chunkBits());
    pass(chunks, chunk);
    long blocks = batch.blocks(piece).byteSize() >>> sizes.block.bits();
    long address = known(batch, piece, chunks, blocks);
    if (address == DigestIndex.ABSENT) {
      address = append(batch, piece, chunks, blocks);
      count.unique += batch.lengthBytes(piece);
    } else if (ChunkMap.blob(address) == OWN_BLOB) {
      count.duplicate += batch.lengthBytes(piece);
    } else {
      count.reused(ChunkMap.blob(address), batch.lengthBytes(piece));
    }
    chunks.set(chunk, address);
  }

  /** Where a chunk lies already and may lie in its file, or {@link DigestIndex#ABSENT}. */
  private long known(ChunkBatch batch, int piece, ChunkMap chunks, long blocks) throws IOException {
    long found = batch.found(piece);
    if (found != DigestIndex.ABSENT && fits(chunks, found, blocks)) {
      return found;
    }
    if (found != DigestIndex.ABSENT && ChunkMap.blob(found) != OWN_BLOB) {
      batch.makeKey(piece);
    }
    long address = find(batch.keys(), batch.keyAt(piece));
    return address != DigestIndex.ABSENT
            && fits(chunks, address, blocks)
            && isEqual(batch, piece, address)
        ? address
        : DigestIndex.ABSENT;
  }

  private long find(long[] keys, int keyAt) {
    synchronized (index) {
      return index.find(keys, keyAt);
    }
  }

  /** Called by the pool: most chunks that are equal to others are compared there. */
  private long findWritten(long[] keys, int keyAt, MemorySegment blocks) throws IOException {
    long address = find(keys, keyAt);
    return address != DigestIndex.ABSENT && blob.holdsWritten(ChunkMap.block(address), blocks)
        ? address
        : DigestIndex.ABSENT;
  }

  /** Whether a chunk has the bytes of the one with the same key. */
  private boolean isEqual(ChunkBatch batch, int piece, long address) throws IOException {
    return !batch.hasChecksum(piece) || blob.holds(ChunkMap.block(address), batch.blocks(piece));
  }

  private long append(ChunkBatch batch, int piece, ChunkMap chunks, long blocks)
      throws IOException {
    long at = sizes.spacing.next(blob.nextBlock(), fileBlock(batch, piece));
    while (!fits(chunks, ChunkMap.address(OWN_BLOB, at), blocks)) {
      at = sizes.spacing.next(at + 1, fileBlock(batch, piece));
    }
    blob.skip(at - blob.nextBlock());
    long address = ChunkMap.address(OWN_BLOB, blob.append(batch.blocks(piece)));
    synchronized (index) {
      index.put(batch.keys(), batch.keyAt(piece), address);
    }
    return address;
  }

  private long fileBlock(ChunkBatch batch, int piece) {
    return batch.positionBytes(piece) >>> sizes.block.bits();
  }

  /** Looks at the chunks around one that is to be placed. */
  private void pass(ChunkMap chunks, int chunk) {
    for (; next < chunk; next++) {
      if (chunks.address(next) != ChunkMap.HOLE) {
        before = chunks.address(next);
      }
    }
    nextPlaced = Math.max(nextPlaced, chunk + 1);
    while (nextPlaced < chunks.count() && chunks.address(nextPlaced) == ChunkMap.HOLE) {
      nextPlaced++;
    }
  }

  /** Whether a chunk may lie there, with those of its file that lie elsewhere before and behind. */
  private boolean fits(ChunkMap chunks, long address, long blocks) {
    long behind = nextPlaced < chunks.count() ? chunks.address(nextPlaced) : ChunkMap.HOLE;
    long blocksBefore = 1L << chunks.chunkBits() - sizes.block.bits();
    return !ChunkMap.continuesOtherBlob(before, blocksBefore, address)
        && !ChunkMap.continuesOtherBlob(address, blocks, behind);
  }

  private ChunkMap chunks(Node file, int chunkBits) {
    if (open != file) {
      if (open != null) {
        merge(open);
      }
      open = file;
      before = ChunkMap.HOLE;
      next = 0;
      nextPlaced = 0;
    }
    ChunkMap chunks = file.chunks;
    if (chunks == null) {
      chunks = ChunkMap.holes(file.sizeBytes(), chunkBits, sizes.block);
      file.chunks = chunks;
    }
    return chunks;
  }

  private static void merge(Node file) {
    if (file.chunks != null) {
      file.chunks.merge();
    }
  }
}
