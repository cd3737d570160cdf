package dev.aquifer.input;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;
import org.tukaani.xz.XZIOException;

/** Gets at what an archive holds: in place if it is plain, else in a scratch file. */
final class PlainData {
  private static final int DRAIN_BYTES = 64 << 10;

  private PlainData() {}

  /**
   * The plain form of {@code source}: itself, or a copy, which the caller closes.
   *
   * @param place see {@link SpooledData#copy}
   * @param packed takes the bytes as they are; or null
   * @param plain takes the plain bytes; or null
   */
  static ByteSource of(
      ByteSource source, Path place, @Nullable MessageDigest packed, @Nullable MessageDigest plain)
      throws IOException {
    Compression compression = compression(source);
    if (compression == Compression.NONE) {
      hash(source, packed, plain);
      return source;
    }
    return copy(source.name(), new SourceStream(source), compression, place, packed, plain);
  }

  /** How {@code source} is compressed. */
  static Compression compression(ByteSource source) throws IOException {
    int length = (int) Math.min(Compression.MAGIC_BYTES, source.sizeBytes());
    return Compression.of(source.readBytes(0, length));
  }

  private static void hash(
      ByteSource source, @Nullable MessageDigest first, @Nullable MessageDigest second)
      throws IOException {
    if (first == null && second == null) {
      return;
    }
    InputStream in = new SourceStream(source);
    byte[] buffer = new byte[DRAIN_BYTES];
    for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
      if (first != null) {
        first.update(buffer, 0, count);
      }
      if (second != null) {
        second.update(buffer, 0, count);
      }
    }
  }

  /** A copy of the plain form of {@code in}, to its end. */
  static SpooledData copy(String name, InputStream in, Path place) throws IOException {
    BufferedInputStream buffered = new BufferedInputStream(in, DRAIN_BYTES);
    buffered.mark(Compression.MAGIC_BYTES);
    Compression compression = Compression.of(buffered.readNBytes(Compression.MAGIC_BYTES));
    buffered.reset();
    return copy(name, buffered, compression, place, null, null);
  }

  private static SpooledData copy(
      String name,
      InputStream in,
      Compression compression,
      Path place,
      @Nullable MessageDigest packed,
      @Nullable MessageDigest plain)
      throws IOException {
    InputStream hashed = packed == null ? in : new DigestInputStream(in, packed);
    SpooledData copy = null;
    // The streams hold native memory, and own nothing else.
    try (InputStream unpacked = compression.unpack(name, hashed)) {
      copy = SpooledData.copy(name, unpacked, place, plain);
      // What follows the compressed data counts for the digest.
      byte[] rest = new byte[DRAIN_BYTES];
      while (hashed.read(rest) >= 0) {}
      return copy;
    } catch (EOFException e) {
      throw damaged(name, compression, "it ends too early, use the whole archive");
    } catch (ZipException | XZIOException e) {
      throw damaged(name, compression, String.valueOf(e.getMessage()));
    } catch (com.github.luben.zstd.ZstdIOException e) {
      throw damaged(name, compression, String.valueOf(e.getMessage()));
    }
  }

  private static CorruptDataException damaged(String name, Compression compression, String why) {
    return new CorruptDataException(
        "%s: its %s data is damaged: %s"
            .formatted(name, compression.name().toLowerCase(java.util.Locale.ROOT), why));
  }
}
