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

  private final OutputFile file;
  private final int zstdLevel;
  private final SpanCodec codec;
  private final int spanBits;
  private final ExecutorService pool;
  private final int maxInFlight;
  private final Arena arena;
  private final Deque<Span> idle = new ArrayDeque<>();
  private final Deque<Future<Span>> inFlight = new ArrayDeque<>();
  private final MessageDigest objectDigest = Sha256.newDigest();
  private final ByteArrayOutputStream digests = new ByteArrayOutputStream();
  private int[] storedLengths = new int[64];
  private int spans;
  private Span current;
  private long plainSizeBytes;
  private long storedSizeBytes;

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

  private void submit() throws IOException {
    inFlight.add(pool.submit(current));
    if (inFlight.size() >= maxInFlight) {
      writeOldest();
    }
    Span next = idle.poll();
    current = next == null ? new Span() : next;
    current.length = 0;
  }

  private void writeOldest() throws IOException {
    Span span = Waiting.on(inFlight.remove());
    MemorySegment stored = span.stored();
    file.write(storedSizeBytes, stored);
    Sha256.update(objectDigest, stored);
    storedSizeBytes += stored.byteSize();
    digests.writeBytes(span.digest);
    if (spans == storedLengths.length) {
      storedLengths = Arrays.copyOf(storedLengths, 2 * spans);
    }
    storedLengths[spans++] = (int) stored.byteSize();
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
    byte[] tail = BlobObject.tail(table, codec, Arrays.copyOf(storedLengths, spans));
    file.write(storedSizeBytes, MemorySegment.ofArray(tail));
    objectDigest.update(tail);
    file.sync();
    file.close();
    return new Written(
        table, Sha256.finish(objectDigest), storedSizeBytes + tail.length, storedSizeBytes);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

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
