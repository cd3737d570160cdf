package dev.aquifer.input;

import dev.aquifer.build.PlainCopy;
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
    Copy copy = (name, in) -> SpooledData.copy(name, in, place, plain);
    return copy(source.name(), new SourceStream(source), compression, copy, packed);
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

  /**
   * The plain form of an archive in a file: the file itself, or a copy, which the caller closes.
   */
  static ByteSource of(ByteSource source, TarOptions options) throws IOException {
    Compression compression = compression(source);
    options.check(source.name(), compression);
    return compression == Compression.NONE
        ? source
        : copy(source.name(), new SourceStream(source), compression, copyTo(options), null);
  }

  /** A copy of the plain form of {@code in}, to its end. */
  static ByteSource copy(String name, InputStream in, TarOptions options) throws IOException {
    BufferedInputStream buffered = new BufferedInputStream(in, DRAIN_BYTES);
    buffered.mark(Compression.MAGIC_BYTES);
    Compression compression = Compression.of(buffered.readNBytes(Compression.MAGIC_BYTES));
    options.check(name, compression);
    buffered.reset();
    return copy(name, buffered, compression, copyTo(options), null);
  }

  /** Takes all of a stream. */
  private interface Copy {
    ByteSource of(String name, InputStream plain) throws IOException;
  }

  private static Copy copyTo(TarOptions options) {
    PlainCopy kept = options.plainCopy();
    return kept == null
        ? (name, plain) -> SpooledData.copy(name, plain, options.place(), null)
        : kept::fill;
  }

  private static ByteSource copy(
      String name,
      InputStream in,
      Compression compression,
      Copy copy,
      @Nullable MessageDigest packed)
      throws IOException {
    InputStream hashed = packed == null ? in : new DigestInputStream(in, packed);
    // The streams hold native memory, and own nothing else.
    try (InputStream unpacked = compression.unpack(name, hashed)) {
      ByteSource copied = copy.of(name, unpacked);
      // What follows the compressed data counts for the digest.
      byte[] rest = new byte[DRAIN_BYTES];
      while (hashed.read(rest) >= 0) {}
      return copied;
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
