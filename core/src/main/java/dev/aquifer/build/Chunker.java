package dev.aquifer.build;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
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

  private static final int BATCH_BYTES = 1 << 20;

  /** Chunks of huge files have up to 64 MiB each. */
  private static final long MAX_IN_FLIGHT_BYTES = 256 << 20;

  private final SourceTree source;
  private final Spool spool;
  private final DigestIndex index;
  private final BlobWriter blob;
  private final BuildOptions options;
  private final ExecutorService pool;
  private final Arena arena;
  private final int maxInFlight;
  private final Deque<Batch> idle = new ArrayDeque<>();
  private final Deque<Future<Batch>> inFlight = new ArrayDeque<>();
  private long inFlightBytes;
  private final DataCount count;

  private Batch current;

  /** The file whose chunks come at present. */
  private @Nullable Node open;

  Chunker(
      SourceTree source,
      Spool spool,
      DigestIndex index,
      BlobWriter blob,
      BuildOptions options,
      ExecutorService pool,
      Arena arena,
      DataCount count) {
    this.source = source;
    this.spool = spool;
    this.index = index;
    this.blob = blob;
    this.options = options;
    this.pool = pool;
    this.arena = arena;
    this.maxInFlight = options.threads() + 2;
    this.count = count;
    this.current = newBatch(BATCH_BYTES);
  }

  private Batch newBatch(long sizeBytes) {
    long blocks = Math.ceilDiv(sizeBytes, 1L << ChunkMap.BLOCK_BITS);
    return new Batch(
        source, arena.allocate(Math.max(blocks << ChunkMap.BLOCK_BITS, BATCH_BYTES), 64));
  }

  /** Sets layout and data of every regular file of {@code tree}. */
  void run(Tree tree) throws IOException {
    for (Node node : tree.nodes()) {
      Waiting.checkInterrupt();
      if (node.stat().isRegular() && node.sizeBytes() > 0) {
        count.source += node.sizeBytes();
        read(node);
      }
    }
    submit();
    while (!inFlight.isEmpty()) {
      takeOldest();
    }
    finishFile();
  }

  private void read(Node file) throws IOException {
    long size = file.sizeBytes();
    if (size <= options.inlineMaxBytes()) {
      file.layout = Node.Layout.FLAT_INLINE;
      add(file, 0, (int) size, Batch.INLINE);
      return;
    }
    file.layout = Node.Layout.CHUNK_BASED;
    if (size <= BATCH_BYTES) {
      addChunks(file, 0, size, options.dedupeChunkBits());
      return;
    }
    try (SourceFile data = source.open(file.entry)) {
      addDataOfLargeFile(file, data);
      data.checkUnchanged();
    }
  }

  /** Leaves out the holes, which may be nearly all of a file. */
  private void addDataOfLargeFile(Node file, SourceFile data) throws IOException {
    long size = file.sizeBytes();
    ChunkSize chunkSize = new ChunkSize(size, options.dedupeChunkBits());
    if (chunkSize.dependsOnData()) {
      long to;
      for (long from = data.nextData(0); from < size; from = data.nextData(to)) {
        to = endOfData(data, from);
        chunkSize.addData(from, to);
      }
    }
    int chunkBits = chunkSize.bits();
    long done = 0;
    while (done < size) {
      long from = data.nextData(done);
      if (from >= size) {
        break;
      }
      if (chunkBits < 0) {
        throw new IOException(
            "%s: %s: %d bytes with data: expected at most 1 PiB, or nothing but a hole"
                .formatted(source.name(), file.entry, size));
      }
      // Several pieces of data may lie in one chunk.
      long start = Math.max(done, from >>> chunkBits << chunkBits);
      long end = (endOfData(data, from) - 1 >>> chunkBits) + 1 << chunkBits;
      end = end < 0 ? size : Math.min(size, end);
      addChunks(file, start, end, chunkBits);
      done = end;
    }
  }

  /** The end of the data that starts at {@code from}. */
  private static long endOfData(SourceFile data, long from) throws IOException {
    return Math.max(data.nextHole(from), from + 1);
  }

  private void addChunks(Node file, long start, long end, int chunkBits) throws IOException {
    for (long at = start; at < end; ) {
      int length = (int) Math.min(end - at, 1L << chunkBits);
      add(file, at, length, chunkBits);
      at += length;
    }
  }

  private void add(Node file, long positionBytes, int lengthBytes, int chunkBits)
      throws IOException {
    if (current.add(file, positionBytes, lengthBytes, chunkBits)) {
      return;
    }
    submit();
    current = idleBatch(lengthBytes);
    if (!current.add(file, positionBytes, lengthBytes, chunkBits)) {
      throw new AssertionError("an empty batch has no room for " + lengthBytes + " bytes");
    }
  }

  private Batch idleBatch(int lengthBytes) {
    for (Batch batch : idle) {
      if (batch.capacityBytes() >= lengthBytes) {
        idle.remove(batch);
        batch.clear();
        return batch;
      }
    }
    return newBatch(lengthBytes);
  }

  private void submit() throws IOException {
    if (current.count() > 0) {
      inFlight.add(pool.submit(current));
      inFlightBytes += current.capacityBytes();
    } else {
      idle.add(current);
    }
    while (inFlight.size() >= maxInFlight || inFlightBytes > MAX_IN_FLIGHT_BYTES) {
      takeOldest();
    }
  }

  private void takeOldest() throws IOException {
    Batch batch = Waiting.on(inFlight.remove());
    inFlightBytes -= batch.capacityBytes();
    for (int piece = 0; piece < batch.count(); piece++) {
      if (batch.isInline(piece)) {
        batch.node(piece).spooledAt = spool.append(batch.bytes(piece));
        count.inline += batch.lengthBytes(piece);
      } else {
        place(batch, piece);
      }
    }
    idle.add(batch);
  }

  private void place(Batch batch, int piece) throws IOException {
    if (batch.isZero(piece)) {
      return;
    }
    long address = index.find(batch.digests(), batch.digestAt(piece));
    if (address == DigestIndex.ABSENT) {
      address = ChunkMap.address(OWN_BLOB, blob.append(batch.blocks(piece)));
      index.put(batch.digests(), batch.digestAt(piece), address);
      count.unique += batch.lengthBytes(piece);
    } else if (ChunkMap.blob(address) == OWN_BLOB) {
      count.duplicate += batch.lengthBytes(piece);
    } else {
      count.reused(ChunkMap.blob(address), batch.lengthBytes(piece));
    }
    ChunkMap chunks = chunks(batch.node(piece), batch.chunkBits(piece));
    chunks.set((int) (batch.positionBytes(piece) >>> chunks.chunkBits()), address);
  }

  private ChunkMap chunks(Node file, int chunkBits) {
    if (open != file) {
      finishFile();
      open = file;
    }
    ChunkMap chunks = file.chunks;
    if (chunks == null) {
      chunks = ChunkMap.holes(file.sizeBytes(), chunkBits);
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
