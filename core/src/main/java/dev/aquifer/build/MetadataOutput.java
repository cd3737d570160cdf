package dev.aquifer.build;

import dev.aquifer.image.Superblock;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.Sha256;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Takes the bytes of an image's metadata, or of a part of it, from the first to the last, hashes
 * them and writes them, if there is a file for them. The checksum of the superblock is put in while
 * the first block is still in memory. Used by one thread.
 */
final class MetadataOutput implements Closeable {
  private static final int BUFFER_BYTES = 1 << 20;
  private static final int CHECKSUM_AT = Superblock.POSITION_BYTES + 4;

  /** Takes the bytes, each after those before it. */
  interface Sink {
    void write(long positionBytes, MemorySegment bytes) throws IOException;
  }

  private final @Nullable Sink sink;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment buffer = arena.allocate(BUFFER_BYTES, 64);
  private final MessageDigest digest = Sha256.newDigest();

  /** The size of blocks, if a superblock is among the bytes. */
  private final @Nullable BlockSize block;

  private long flushed;
  private int used;

  private MetadataOutput(@Nullable Sink sink, @Nullable BlockSize block, long startBytes) {
    this.sink = sink;
    this.block = block;
    this.flushed = startBytes;
  }

  /** For the beginning of an image; without a sink it only hashes. */
  static MetadataOutput ofHead(@Nullable Sink sink, BlockSize block) {
    return new MetadataOutput(sink, block, 0);
  }

  /** For what begins at {@code startBytes}, and has no superblock. */
  static MetadataOutput ofPart(@Nullable Sink sink, long startBytes) {
    return new MetadataOutput(sink, null, startBytes);
  }

  long positionBytes() {
    return flushed + used;
  }

  /** The next {@code lengthBytes} bytes, zero until they are written; at most 512 KiB. */
  MemorySegment next(int lengthBytes) throws IOException {
    if (used + lengthBytes > BUFFER_BYTES) {
      flush();
    }
    MemorySegment bytes = buffer.asSlice(used, lengthBytes);
    bytes.fill((byte) 0);
    used += lengthBytes;
    return bytes;
  }

  /** Adds zeros up to {@code positionBytes}. */
  void padTo(long positionBytes) throws IOException {
    if (positionBytes < positionBytes()) {
      throw new AssertionError(
          "byte %d is planned but %d are written".formatted(positionBytes, positionBytes()));
    }
    while (positionBytes() < positionBytes) {
      next((int) Math.min(positionBytes - positionBytes(), BUFFER_BYTES / 2));
    }
  }

  private void flush() throws IOException {
    Waiting.checkInterrupt();
    MemorySegment bytes = buffer.asSlice(0, used);
    if (block != null && flushed == 0) {
      LittleEndian.put32(bytes, CHECKSUM_AT, checksum(bytes, block));
    }
    Sha256.update(digest, bytes);
    if (sink != null) {
      sink.write(flushed, bytes);
    }
    flushed += used;
    used = 0;
  }

  /** CRC-32C without the final inversion, from the superblock to the end of its block. */
  private static long checksum(MemorySegment bytes, BlockSize block) {
    CRC32C crc = new CRC32C();
    long start = Superblock.POSITION_BYTES;
    // Of blocks that end before the superblock begins, one block.
    long length = block.bytes() > start ? block.bytes() - start : block.bytes();
    crc.update(bytes.asSlice(start, length).asByteBuffer());
    return ~crc.getValue();
  }

  /** Writes what is left; returns the digest of everything. */
  Sha256 finish() throws IOException {
    flush();
    return Sha256.finish(digest);
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
