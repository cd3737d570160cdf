package dev.aquifer.codec;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import com.github.luben.zstd.ZstdException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * Makes Zstandard frames. The library can't be told to fill its output, so this compresses again
 * and again, with lengths that a {@link Search} proposes.
 */
final class ZstdCompressor implements Compressor {
  private final ZstdCompressCtx context;

  /** Shared: who opens a compressor, uses it and closes it may be three threads, one at a time. */
  private final Arena arena = Arena.ofShared();

  private final Search search = new Search();
  private MemorySegment data = MemorySegment.NULL;

  /** Where tries go; the best one until now is in the other. */
  private ByteBuffer scratch = ByteBuffer.allocateDirect(0);

  private ByteBuffer best = ByteBuffer.allocateDirect(0);

  ZstdCompressor(int level, int windowBytes) {
    context = new ZstdCompressCtx();
    context.setLevel(level);
    context.setWindowLog(Integer.numberOfTrailingZeros(windowBytes));
  }

  @Override
  public Fitted compress(int start, int end, MemorySegment dst) {
    int available = Math.min(end - start, MAX_DECODED_BYTES);
    int limit = (int) Math.min(dst.byteSize(), MAX_STREAM_BYTES);
    // How far a try was off is a hint for the next.
    int room = limit + Math.max(limit / 4, 64);
    if (scratch.capacity() < room) {
      // What was there stays until the end, so that steps must not be small.
      int capacity = Math.max(room, 2 * scratch.capacity());
      scratch = arena.allocate(capacity).asByteBuffer();
      best = arena.allocate(capacity).asByteBuffer();
    }
    ByteBuffer in = data.asSlice(start, available).asByteBuffer();
    search.start(available, limit);
    for (int length = search.next(); length > 0; length = search.next()) {
      int size = tryOne(in, length, room);
      if (search.tried(length, size)) {
        ByteBuffer swapped = best;
        best = scratch;
        scratch = swapped;
      }
    }
    Fitted fitted = search.result();
    dst.asByteBuffer().put(0, best, 0, fitted.streamBytes());
    return fitted;
  }

  /** Returns the size of the frame; {@link Search#UNKNOWN} if it does not go into the scratch. */
  private int tryOne(ByteBuffer in, int length, int room) {
    try {
      return context.compressDirectByteBuffer(scratch, 0, room, in, 0, length);
    } catch (ZstdException e) {
      if (e.getErrorCode() == Zstd.errDstSizeTooSmall()) {
        return Search.UNKNOWN;
      }
      throw new IllegalStateException("Zstandard: " + e.getMessage(), e);
    }
  }

  @Override
  public void start(MemorySegment data) {
    this.data = data;
    search.reset();
  }

  @Override
  public void close() {
    context.close();
    arena.close();
  }
}
