package dev.aquifer.tool;

import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * Compares the data of a file with the digest that the image has of it, if it has one: a kernel
 * that keeps equal files of several images in memory once takes its word. Used by one thread.
 */
final class DataDigest {
  private static final byte[] KIND = "sha256:".getBytes(StandardCharsets.US_ASCII);
  private static final int ZEROS = 64 << 10;

  /** With more in holes, which nobody would wait for, data is not compared. */
  private static final long MAX_HOLE_BYTES = 4L << 30;

  /** Null for no digest, or none of a kind that is known. */
  private final byte @Nullable [] expected;

  private final MessageDigest digest = Sha256.newDigest();
  private long holeBytes;

  private DataDigest(byte @Nullable [] expected) {
    this.expected = expected;
  }

  /** Of the data of {@code inode}, of which nothing was read yet. */
  static DataDigest of(Image image, Inode inode) throws IOException {
    byte[] value = image.digest(inode).orElse(null);
    boolean isKnown =
        value != null
            && value.length == KIND.length + Sha256.SIZE_BYTES
            && Arrays.equals(value, 0, KIND.length, KIND, 0, KIND.length);
    return new DataDigest(isKnown ? value : null);
  }

  /** Adds the bytes that come next. */
  void add(MemorySegment bytes) {
    if (isCompared()) {
      Sha256.update(digest, bytes);
    }
  }

  /** Adds as many zeros. */
  void addZeros(long count) {
    holeBytes += count;
    if (isCompared()) {
      byte[] zeros = new byte[ZEROS];
      for (long done = 0; done < count; done += ZEROS) {
        digest.update(zeros, 0, (int) Math.min(ZEROS, count - done));
      }
    }
  }

  private boolean isCompared() {
    return expected != null && holeBytes <= MAX_HOLE_BYTES;
  }

  /**
   * Ends it.
   *
   * @throws CorruptDataException if what was added has another digest
   */
  void check() throws CorruptDataException {
    if (expected == null || !isCompared()) {
      return;
    }
    byte[] found = digest.digest();
    if (!Arrays.equals(found, 0, found.length, expected, KIND.length, expected.length)) {
      throw new CorruptDataException(
          "its data has the digest sha256:%s: its attribute says sha256:%s"
              .formatted(
                  HexFormat.of().formatHex(found),
                  HexFormat.of().formatHex(expected, KIND.length, expected.length)));
    }
  }
}
