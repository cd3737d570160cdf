package dev.aquifer.build;

import dev.aquifer.io.Sha256;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/**
 * Reads the regular files of a tree in order, has them encoded by a pool of threads, gives what
 * comes of them places side by side in the image, and has the pool write it there. Short ends of
 * files that lie inline go to the spool, fragments to the packed inode's data, which is encoded
 * last.
 *
 * <p>The thread that calls decides, in the order of the tree, so that the result does not depend on
 * the count of threads.
 */
final class Encoder implements Closeable {
  /** Larger files are encoded in parts of this size, each for itself. */
  private static final int PART_BYTES = 4 << 20;

  /** A file with more holes than data, and at least so much of them, keeps them as holes. */
  private static final long MIN_HOLE_BYTES = 1 << 20;

  /** Each chunk of a file with holes is read at once. */
  private static final int MIN_CHUNK_BITS = 16;

  private final SourceTree source;
  private final Spool spool;
  private final Encoding encoding;
  private final BlockSize block;
  private final ExecutorService pool;
  private final int threads;
  private final Arena arena;
  private final OutputFile file;
  private final List<EncodeBatch> batches = new ArrayList<>();
  private final @Nullable PackedData packed;
  private final ContentMark mark = new ContentMark();
  private long nextByte;

  /** Whether what comes next has to begin with a block. */
  private boolean startsBlock;

  private long sourceBytes;

  /** What was read so far, to find what is equal; null if that is not asked. */
  private @Nullable KnownData known;

  private SliceCutter cutter = SliceCutter.of(0);

  /**
   * An encoder that has written nothing.
   *
   * @param arena for buffers; shared, closed when the pool runs nothing any more
   * @param firstBlock where the data starts in {@code file}
   * @param packed takes fragments; null if there are none
   */
  Encoder(
      SourceTree source,
      Spool spool,
      Encoding encoding,
      ExecutorService pool,
      int threads,
      Arena arena,
      OutputFile file,
      long firstBlock,
      @Nullable PackedData packed) {
    this.source = source;
    this.spool = spool;
    this.encoding = encoding;
    this.block = encoding.block();
    this.pool = pool;
    this.threads = threads;
    this.arena = arena;
    this.file = file;
    this.nextByte = firstBlock << block.bits();
    this.packed = packed;
  }

  /** Sets layout and data of every regular file of {@code tree}. */
  void run(Tree tree, BuildProgress progress) throws IOException {
    if (encoding.dedupe()) {
      known = new KnownData(tree, PART_BYTES);
      long size = 0;
      for (Node node : tree.nodes()) {
        size += node.stat().isRegular() ? node.sizeBytes() : 0;
      }
      cutter = SliceCutter.of(size);
    }
    DoneBytes done = DoneBytes.of(progress, tree);
    BatchLine<EncodeBatch> line = line(source::open, encoding);
    for (Node node : tree.data()) {
      Waiting.checkInterrupt();
      if (node.stat().isRegular() && node.sizeBytes() > 0) {
        add(line, node, done);
        done.end(node.sizeBytes());
        sourceBytes += node.sizeBytes();
      }
    }
    line.finish();
    for (Node node : tree.nodes()) {
      if (node.chunks != null) {
        node.chunks.merge();
      }
    }
  }

  /**
   * Encodes the fragments, after {@link #run}, or else the metabox.
   *
   * @return the packed inode, or the metabox's; null if there are no fragments
   */
  @Nullable Node runPacked() throws IOException {
    if (packed == null || packed.sizeBytes() == 0) {
      return null;
    }
    Node node = packed.node();
    BatchLine<EncodeBatch> line =
        line(packed, encoding.withoutRules().withFragments(Encoding.Fragments.NONE));
    addParts(line, node, new DoneBytes(BuildProgress.NONE, 0));
    line.finish();
    return node;
  }

  /** The sizes of all regular files. */
  long sourceBytes() {
    return sourceBytes;
  }

  /** The block after the last one that was written. */
  long endBlock() {
    return block.count(nextByte);
  }

  /** The mark of all that was written. */
  Sha256 mark() {
    return mark.finish();
  }

  private BatchLine<EncodeBatch> line(Batch.Source opener, Encoding encoding) {
    return new BatchLine<>(
        pool,
        threads,
        arena,
        block,
        buffer -> {
          EncodeBatch batch =
              new EncodeBatch(
                  opener,
                  encoding,
                  buffer,
                  arena.allocate(buffer.byteSize(), 64),
                  arena.allocate(EncodeBatch.inlineBytes(encoding), 64),
                  known == null ? null : new Slices(cutter));
          batches.add(batch);
          return batch;
        },
        this::take,
        known);
  }

  private void add(BatchLine<EncodeBatch> line, Node file, DoneBytes done) throws IOException {
    if (file.chunks != null) {
      addWanted(line, file, file.chunks);
      return;
    }
    if (file.sizeBytes() <= PART_BYTES) {
      boolean mayHaveTwin = known != null && known.mayHaveTwin(file);
      line.add(file, 0, (int) file.sizeBytes(), mayHaveTwin ? EncodeBatch.TWIN : EncodeBatch.WHOLE);
      return;
    }
    try (SourceFile data = source.open(file.entry)) {
      if (isMostlyHoles(data)) {
        addChunks(line, file, data, done);
        data.checkUnchanged();
        return;
      }
    }
    addParts(line, file, done);
  }

  private static void addWanted(BatchLine<EncodeBatch> line, Node file, ChunkMap chunks)
      throws IOException {
    for (int i = 0; i < chunks.count(); i++) {
      if (chunks.address(i) == ChunkMap.WANTED) {
        long at = (long) i << chunks.chunkBits();
        int length = (int) Math.min(1L << chunks.chunkBits(), file.sizeBytes() - at);
        line.add(file, at, length, EncodeBatch.CHUNK);
      }
    }
  }

  private static void addParts(BatchLine<EncodeBatch> line, Node file, DoneBytes done)
      throws IOException {
    long size = file.sizeBytes();
    for (long at = 0; at < size; at += PART_BYTES) {
      int length = (int) Math.min(PART_BYTES, size - at);
      int kind = at + length < size ? EncodeBatch.PART : EncodeBatch.LAST;
      line.add(file, at, length, length == size ? EncodeBatch.WHOLE : kind);
      done.within(at + length);
    }
  }

  private static boolean isMostlyHoles(SourceFile file) throws IOException {
    long size = file.sizeBytes();
    long holes = 0;
    for (long at = 0; at < size; ) {
      long data = file.nextData(at);
      holes += data - at;
      at = data < size ? ChunkSize.endOfData(file, data) : size;
    }
    return holes >= MIN_HOLE_BYTES && holes > size / 2;
  }

  /** The chunks that have data. */
  private void addChunks(
      BatchLine<EncodeBatch> line, Node file, SourceFile data, DoneBytes progress)
      throws IOException {
    long size = file.sizeBytes();
    file.layout = Node.Layout.CHUNK_BASED;
    if (data.nextData(0) >= size) {
      // Without a map it is one hole, however large.
      return;
    }
    int bits = ChunkSize.bits(data, size, Math.max(MIN_CHUNK_BITS, block.bits()));
    if (bits < 0) {
      throw ChunkSize.tooLarge(source, file);
    }
    file.chunks = ChunkMap.holes(size, bits, block);
    long done = 0;
    for (long at = data.nextData(0); at < size; at = done < size ? data.nextData(done) : size) {
      long end = ChunkSize.endOfData(data, at);
      for (long chunk = Math.max(done, at >>> bits << bits); chunk < end; chunk += 1L << bits) {
        int length = (int) Math.min(1L << bits, size - chunk);
        line.add(file, chunk, length, EncodeBatch.CHUNK);
        done = chunk + length;
        progress.within(done);
      }
    }
  }

  /** A stretch of what a batch has stored, and its place in the image. */
  private record Stretch(long positionBytes, MemorySegment bytes) {}

  private @Nullable Callable<@Nullable Void> take(EncodeBatch batch) throws IOException {
    mark.add(batch.checksum());
    MemorySegment stored = batch.stored();
    List<Stretch> stretches = new ArrayList<>();
    // What is stored from here on is in no stretch.
    long from = 0;
    long at = 0;
    for (int piece = 0; piece < batch.count(); piece++) {
      Node twin = batch.twin(piece);
      if (twin != null) {
        share(batch.node(piece), twin);
      } else {
        long length = batch.storedBytes(piece);
        long end = nextByte + (at - from);
        long position = length > 0 ? position(batch, piece, end) : end;
        if (position > end) {
          addStretch(stretches, stored.asSlice(from, at - from));
          from = at;
          nextByte = position;
        }
        startsBlock &= length == 0;
        batch.setPlaced(piece, position);
        place(batch, piece, position);
        at += length;
      }
    }
    addStretch(stretches, stored.asSlice(from, at - from));
    if (endBlock() > encoding.maxBlocks()) {
      throw new IOException(
          "the image would have more than %d blocks of %d bytes: expected fewer, larger blocks, or 48-bit addresses"
              .formatted(encoding.maxBlocks(), block.bytes()));
    }
    return () -> {
      for (Stretch stretch : stretches) {
        file.write(stretch.positionBytes, stretch.bytes);
      }
      return null;
    };
  }

  /** Where in the image what a piece stores goes, from {@code end} on. */
  private long position(EncodeBatch batch, int piece, long end) {
    Spacing spacing = encoding.spacing();
    boolean isAligned = spacing.alignsData() && beginsData(batch, piece);
    if (!isAligned && !startsBlock && !batch.needsBlocks(piece)) {
      return end;
    }
    boolean isChunk = batch.kind(piece) == EncodeBatch.CHUNK;
    long fileBlock = isChunk ? batch.positionBytes(piece) >>> block.bits() : 0;
    long first = block.count(end);
    first = isAligned ? spacing.next(first, fileBlock) : first;
    while (continuesDevice(batch, piece, first)) {
      first = spacing.next(first + 1, fileBlock);
    }
    return first << block.bits();
  }

  /** Whether what a piece stores need not follow what was stored of its file before. */
  private static boolean beginsData(EncodeBatch batch, int piece) {
    Node node = batch.node(piece);
    return batch.kind(piece) == EncodeBatch.CHUNK
        || node.startBlock == Node.NOWHERE
            && (node.clusters == null || node.clusters.positionBytes() == Clusters.NOWHERE);
  }

  private void addStretch(List<Stretch> stretches, MemorySegment bytes) {
    if (bytes.byteSize() > 0) {
      stretches.add(new Stretch(nextByte, bytes));
      nextByte += bytes.byteSize();
    }
  }

  /** Gives a file the data of an equal one. */
  private static void share(Node file, Node twin) {
    file.layout = twin.layout;
    file.clusters = twin.clusters;
    file.startBlock = twin.startBlock;
    file.spooledAt = twin.spooledAt;
  }

  /**
   * Whether a piece, written from block {@code first} on, is a chunk that would get the block after
   * that of its neighbour on a device, or before. Linux joins reads of blocks that follow one
   * another by their numbers, and on block devices does not look whether the device is the same.
   */
  private boolean continuesDevice(EncodeBatch batch, int piece, long first) {
    ChunkMap chunks = batch.node(piece).chunks;
    if (batch.kind(piece) != EncodeBatch.CHUNK || chunks == null) {
      return false;
    }
    long next = first + block.count(batch.storedBytes(piece));
    int chunk = (int) (batch.positionBytes(piece) >>> chunks.chunkBits());
    long step = 1L << chunks.chunkBits() - block.bits();
    return isOnDevice(chunks, chunk - 1, first - step) || isOnDevice(chunks, chunk + 1, next);
  }

  private static boolean isOnDevice(ChunkMap chunks, int chunk, long block) {
    if (chunk < 0 || chunk >= chunks.count()) {
      return false;
    }
    long address = chunks.address(chunk);
    return address >= 0
        && ChunkMap.blob(address) != Chunker.OWN_BLOB
        && ChunkMap.block(address) == block;
  }

  private void place(EncodeBatch batch, int piece, long position) throws IOException {
    Node node = batch.node(piece);
    int kind = batch.kind(piece);
    if (kind == EncodeBatch.CHUNK) {
      placeChunk(batch, piece, position >>> block.bits());
      return;
    }
    if (batch.isFlat(piece)) {
      placeFlat(batch, piece, position >>> block.bits());
      return;
    }
    Clusters clusters = node.clusters;
    if (clusters == null) {
      clusters = new Clusters(batch.clusterCount(piece), batch.algorithm(piece));
      node.clusters = clusters;
    }
    batch.addClusters(piece, clusters);
    if (batch.storedBytes(piece) > 0) {
      clusters.place(position);
    }
    MemorySegment inline = batch.inline(piece);
    if (inline.byteSize() > 0) {
      clusters.inline(spool.append(inline), (int) inline.byteSize());
    }
    MemorySegment fragment = batch.fragment(piece);
    if (fragment != null && packed != null) {
      clusters.fragment(packed.add(fragment, batch.fragmentDigests(), batch.digestAt(piece)));
    }
    if (kind != EncodeBatch.PART) {
      finish(node, clusters, kind == EncodeBatch.TWIN);
    }
  }

  private void finish(Node node, Clusters clusters, boolean mayBeShared) {
    if (!mayBeShared && clusters.isPlain(block)) {
      node.layout = Node.Layout.FLAT_PLAIN;
      node.startBlock = clusters.positionBytes() >>> block.bits();
      node.clusters = null;
      startsBlock = true;
    } else {
      node.layout = FileIndex.layout(clusters, encoding);
    }
  }

  private void placeChunk(EncodeBatch batch, int piece, long at) {
    ChunkMap chunks = batch.node(piece).chunks;
    if (chunks != null) {
      int chunk = (int) (batch.positionBytes(piece) >>> chunks.chunkBits());
      chunks.set(chunk, ChunkMap.address(Chunker.OWN_BLOB, at));
    }
  }

  private void placeFlat(EncodeBatch batch, int piece, long at) throws IOException {
    Node node = batch.node(piece);
    if (node.startBlock == Node.NOWHERE && batch.storedBytes(piece) > 0) {
      node.startBlock = at;
    }
    MemorySegment tail = batch.tail(piece);
    if (tail.byteSize() > 0) {
      node.spooledAt = spool.append(tail);
      node.layout = Node.Layout.FLAT_INLINE;
    }
  }

  /** Gives back what the batches have; when the pool runs none of them any more. */
  @Override
  public void close() {
    batches.forEach(EncodeBatch::close);
  }
}
