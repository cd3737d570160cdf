package dev.aquifer.nio;

import dev.aquifer.blob.Backend;
import dev.aquifer.blob.ObjectInfo;
import dev.aquifer.image.Superblock;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.LittleEndian;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;

/** Tells EROFS file systems from other files by their first four bytes of superblock. */
public final class ErofsMagic {
  private static final int BYTES = 4;

  private ErofsMagic() {}

  /** Whether the object {@code key} has the magic. */
  public static boolean isAt(Backend backend, String key) throws IOException {
    ObjectInfo object = backend.stat(key);
    if (object.sizeBytes() < Superblock.POSITION_BYTES + BYTES) {
      return false;
    }
    // Shared: an HTTP client's threads fill it.
    try (Arena arena = Arena.ofShared()) {
      MemorySegment bytes = arena.allocate(BYTES);
      backend.read(key, object, Superblock.POSITION_BYTES, bytes, count -> {});
      return isMagic(bytes);
    }
  }

  /** Whether {@code source} has the magic. */
  public static boolean isAt(ByteSource source) throws IOException {
    return source.sizeBytes() >= Superblock.POSITION_BYTES + BYTES
        && isMagic(MemorySegment.ofArray(source.readBytes(Superblock.POSITION_BYTES, BYTES)));
  }

  /** Whether the file at {@code path} has the magic, for a file system that begins at an offset. */
  public static boolean isAt(Path path, long offsetBytes) throws IOException {
    try (SeekableByteChannel channel = Files.newByteChannel(path)) {
      ByteBuffer bytes = ByteBuffer.allocate(BYTES);
      channel.position(offsetBytes + Superblock.POSITION_BYTES);
      while (bytes.hasRemaining()) {
        if (channel.read(bytes) < 0) {
          return false;
        }
      }
      return isMagic(MemorySegment.ofArray(bytes.array()));
    }
  }

  private static boolean isMagic(MemorySegment bytes) {
    return LittleEndian.u32(bytes, 0) == Superblock.MAGIC;
  }
}
