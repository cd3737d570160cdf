package dev.aquifer.build;

import dev.aquifer.format.BlobObject;
import dev.aquifer.format.SpanCodec;
import dev.aquifer.format.SpanTable;
import dev.aquifer.io.Sha256;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;

/**
 * Writes a blob object: blocks are appended, cut in spans, hashed and compressed by a pool of
 * threads, and written in order. The object does not depend on the count of threads.
 *
 * <p>Used by one thread, which also writes the file.
 */
final class BlobWriter implements Chunker.Blocks, Closeable {
  /**
   * What was written.
   *
   * @param digest of the object
   * @param tailOffset where the object's tail starts
   */
  record Written(SpanTable table, Sha256 digest, long sizeBytes, long tailOffset) {}

  private static final long MAX_BLOCKS = 0xffffffffL;
  private static final MemorySegment ZEROS =
      MemorySegment.ofArray(new byte[1 << ChunkMap.BLOCK_BITS]).asReadOnly();

  /** So much is kept of what was decoded to compare chunks with it. */
  private static final long KEPT_BYTES = 16 << 20;

  private final OutputFile file;
  private final int zstdLevel;
  private final SpanCodec codec;
  private final int spanBits;
  private final ExecutorService pool;
  private final int maxInFlight;
  private final Arena arena;
  private final Deque<Span> idle = new ArrayDeque<>();
  private final Deque<Flight> inFlight = new ArrayDeque<>();
  private final KeptSpans kept = new KeptSpans(KEPT_BYTES);
  private final MessageDigest objectDigest = Sha256.newDigest();
  private final ByteArrayOutputStream digests = new ByteArrayOutputStream();

  /** Where the stored form of each written span starts, and the last one ends. Set before spans. */
  private volatile long[] storedOffsets = new long[64];

  /** How many spans are written: these may be read by any thread. */
  private volatile int spans;

  private Span current;
  private long plainSizeBytes;

  /**
   * Creates the object's file.
   *
   * @param pool runs the encoding; outlives this writer's use but not {@code arena}
   * @param arena for buffers; shared
   */
  BlobWriter(Path path, BuildOptions options, ExecutorService pool, Arena arena)
      throws IOException {
    this.zstdLevel = options.zstdLevel();
    this.codec = zstdLevel == 0 ? SpanCodec.PLAIN : SpanCodec.ZSTD;
    this.spanBits = options.spanBits();
    this.pool = pool;
    this.maxInFlight = options.threads() + 1;
    this.arena = arena;
    this.current = new Span();
    this.file = OutputFile.create(path);
  }

  @Override
  public long append(MemorySegment blocks) throws IOException {
    long block = plainSizeBytes >>> ChunkMap.BLOCK_BITS;
    if (block + (blocks.byteSize() >>> ChunkMap.BLOCK_BITS) > MAX_BLOCKS) {
      throw new IOException("the tree's data does not fit in one blob: expected at most 16 TiB");
    }
    for (long done = 0; done < blocks.byteSize(); ) {
      long step = Math.min(blocks.byteSize() - done, (1L << spanBits) - current.length);
      MemorySegment.copy(blocks, done, current.plain, current.length, step);
      current.length += (int) step;
      done += step;
      if (current.length == 1 << spanBits) {
        submit();
      }
    }
    plainSizeBytes += blocks.byteSize();
    return block;
  }

  @Override
  public void skip(long blocks) throws IOException {
    for (long i = 0; i < blocks; i++) {
      long unused = append(ZEROS);
    }
  }

  @Override
  public long nextBlock() {
    return plainSizeBytes >>> ChunkMap.BLOCK_BITS;
  }

  long plainSizeBytes() {
    return plainSizeBytes;
  }

  @Override
  public boolean holds(long block, MemorySegment blocks) throws IOException {
    return isEqual(block, blocks, this::plain);
  }

  @Override
  public boolean holdsWritten(long block, MemorySegment blocks) throws IOException {
    long end = (block << ChunkMap.BLOCK_BITS) + blocks.byteSize();
    return end <= (long) spans << spanBits && isEqual(block, blocks, this::written);
  }

  private boolean isEqual(long block, MemorySegment blocks, PlainSpans all) throws IOException {
    return all.hold(block << ChunkMap.BLOCK_BITS, blocks, spanBits);
  }

  /** The plain bytes of a span that was begun. */
  private MemorySegment plain(int index) throws IOException {
    int ahead = index - spans;
    if (ahead < 0) {
      return written(index);
    }
    Span span = current;
    for (Flight flight : inFlight) {
      if (ahead-- == 0) {
        span = flight.span;
      }
    }
    return span.plain.asSlice(0, span.length);
  }

  /** The plain bytes of a span that was written, for any thread. */
  private MemorySegment written(int index) throws IOException {
    return kept.get(this, index, 1L << spanBits, this::decode);
  }

  private void decode(int index, MemorySegment plain) throws IOException {
    long offset = storedOffsets[index];
    long length = storedOffsets[index + 1] - offset;
    if (length == plain.byteSize()) {
      file.read(offset, plain);
      return;
    }
    try (Arena buffer = Arena.ofConfined()) {
      MemorySegment stored = buffer.allocate(length, 8);
      file.read(offset, stored);
      codec.decode(stored, plain, file.name() + ": span " + index);
    }
  }

  private void submit() throws IOException {
    inFlight.add(new Flight(current, pool.submit(current)));
    if (inFlight.size() >= maxInFlight) {
      writeOldest();
    }
    Span next = idle.poll();
    current = next == null ? new Span() : next;
    current.length = 0;
  }

  private void writeOldest() throws IOException {
    Span span = Waiting.on(inFlight.getFirst().end);
    MemorySegment stored = span.stored();
    int index = spans;
    file.write(storedOffsets[index], stored);
    Sha256.update(objectDigest, stored);
    digests.writeBytes(span.digest);
    if (index + 1 == storedOffsets.length) {
      storedOffsets = Arrays.copyOf(storedOffsets, 2 * storedOffsets.length);
    }
    storedOffsets[index + 1] = storedOffsets[index] + stored.byteSize();
    spans = index + 1;
    inFlight.remove();
    idle.add(span);
  }

  /** Writes what is left and the tail. */
  Written finish() throws IOException {
    if (current.length > 0) {
      submit();
    }
    while (!inFlight.isEmpty()) {
      writeOldest();
    }
    SpanTable table = SpanTable.of(spanBits, plainSizeBytes, digests.toByteArray());
    int[] storedLengths = new int[spans];
    for (int i = 0; i < spans; i++) {
      storedLengths[i] = (int) (storedOffsets[i + 1] - storedOffsets[i]);
    }
    byte[] tail = BlobObject.tail(table, codec, storedLengths);
    long tailOffset = storedOffsets[spans];
    file.write(tailOffset, MemorySegment.ofArray(tail));
    objectDigest.update(tail);
    file.sync();
    file.close();
    return new Written(table, Sha256.finish(objectDigest), tailOffset + tail.length, tailOffset);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  private record Flight(Span span, Future<Span> end) {}

  /** One span on its way. */
  private final class Span implements Callable<Span> {
    private final MemorySegment plain = arena.allocate(1L << spanBits);
    private final MemorySegment encoded =
        arena.allocate(codec == SpanCodec.PLAIN ? 1 : codec.boundBytes(1L << spanBits));
    private int length;
    private int storedLength;
    private byte[] digest = {};

    @Override
    public Span call() {
      MemorySegment bytes = plain.asSlice(0, length);
      digest = Sha256.hash(bytes).bytes();
      storedLength = codec.encode(bytes, encoded, zstdLevel);
      return this;
    }

    MemorySegment stored() {
      return storedLength == length ? plain.asSlice(0, length) : encoded.asSlice(0, storedLength);
    }
  }
}
