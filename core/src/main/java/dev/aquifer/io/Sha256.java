package dev.aquifer.io;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * A SHA-256 digest: a value with equality, usable as a key.
 *
 * <p>Immutable and safe for use by many threads.
 */
public final class Sha256 implements Comparable<Sha256> {
  /** The length of a digest in bytes. */
  public static final int SIZE_BYTES = 32;

  private static final int STEP_BYTES = 1 << 20;

  private final byte[] bytes;

  private Sha256(byte[] bytes) {
    this.bytes = bytes;
  }

  /** Takes a copy of 32 bytes. */
  public static Sha256 of(byte[] digest) {
    if (digest.length != SIZE_BYTES) {
      throw new IllegalArgumentException("a SHA-256 has 32 bytes, not " + digest.length);
    }
    return new Sha256(digest.clone());
  }

  /** The digest of {@code data}. */
  public static Sha256 hash(byte[] data) {
    return new Sha256(newDigest().digest(data));
  }

  /** The digest of {@code data}. */
  public static Sha256 hash(MemorySegment data) {
    MessageDigest digest = newDigest();
    update(digest, data);
    return new Sha256(digest.digest());
  }

  /**
   * The digest of all bytes of {@code source}.
   *
   * @throws IOException if they can't be read
   */
  public static Sha256 hash(ByteSource source) throws IOException {
    MessageDigest digest = newDigest();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(STEP_BYTES, 64);
      for (long done = 0; done < source.sizeBytes(); done += STEP_BYTES) {
        MemorySegment step = buffer.asSlice(0, Math.min(STEP_BYTES, source.sizeBytes() - done));
        source.read(done, step);
        update(digest, step);
      }
    }
    return new Sha256(digest.digest());
  }

  /** What {@code digest} has taken in so far; resets it. */
  public static Sha256 finish(MessageDigest digest) {
    return of(digest.digest());
  }

  /** Adds {@code data}, of any size, to {@code digest}. */
  public static void update(MessageDigest digest, MemorySegment data) {
    for (long done = 0; done < data.byteSize(); done += 1 << 30) {
      long step = Math.min(data.byteSize() - done, 1 << 30);
      digest.update(data.asSlice(done, step).asByteBuffer());
    }
  }

  /** A new SHA-256 computation. */
  public static MessageDigest newDigest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  /**
   * Parses 64 lower-case hexadecimal digits, with or without {@code sha256:} before them.
   *
   * @throws CorruptDataException if {@code text} is anything else
   */
  public static Sha256 parse(String text) throws CorruptDataException {
    String hex = text.startsWith("sha256:") ? text.substring(7) : text;
    if (!isHex(hex)) {
      throw new CorruptDataException(
          "'" + text + "' is no SHA-256: expected 64 lower-case hexadecimal digits");
    }
    return new Sha256(HexFormat.of().parseHex(hex));
  }

  /** Whether {@code text} is 64 lower-case hexadecimal digits. */
  public static boolean isHex(String text) {
    return text.length() == 2 * SIZE_BYTES
        && text.chars().allMatch(c -> c >= '0' && c <= '9' || c >= 'a' && c <= 'f');
  }

  /** 64 lower-case hexadecimal digits. */
  public String hex() {
    return HexFormat.of().formatHex(bytes);
  }

  /** A copy of the 32 bytes. */
  public byte[] bytes() {
    return bytes.clone();
  }

  @Override
  public int compareTo(Sha256 other) {
    return Arrays.compareUnsigned(bytes, other.bytes);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Sha256 that && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    // The digest is uniform: any four bytes are a good hash.
    return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | bytes[3] << 24;
  }

  /** The form {@code sha256:<hex>}. */
  @Override
  public String toString() {
    return "sha256:" + hex();
  }
}
