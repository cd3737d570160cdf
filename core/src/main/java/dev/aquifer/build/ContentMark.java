package dev.aquifer.build;

import dev.aquifer.io.Sha256;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;

/**
 * Tells contents apart, for UUIDs: a SHA-256 of checksums of their parts. It proves nothing, and
 * takes a twentieth of the time of a digest. Used by one thread.
 */
final class ContentMark {
  private final MessageDigest digest = Sha256.newDigest();

  /** Two checksums of a part that find different errors, in one; for keys, too. */
  static long checksum(MemorySegment part) {
    CRC32C first = new CRC32C();
    first.update(part.asByteBuffer());
    CRC32 second = new CRC32();
    second.update(part.asByteBuffer());
    return first.getValue() << 32 | second.getValue();
  }

  /** Takes in the next part. */
  void add(MemorySegment part) {
    add(checksum(part));
  }

  /** Takes in the {@link #checksum} of the next part. */
  void add(long checksum) {
    digest.update(ByteBuffer.allocate(Long.BYTES).putLong(0, checksum));
  }

  /** The mark of all parts. */
  Sha256 finish() {
    return Sha256.finish(digest);
  }
}
