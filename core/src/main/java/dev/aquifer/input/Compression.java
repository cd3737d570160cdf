package dev.aquifer.input;

import com.github.luben.zstd.ZstdInputStream;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.HexFormat;
import java.util.zip.GZIPInputStream;
import org.tukaani.xz.XZInputStream;

/** How an archive may be compressed, as its first bytes tell. */
enum Compression {
  NONE(""),
  GZIP("1f8b"),
  ZSTD("28b52ffd"),
  /** Zstandard with a frame before it that has no data, as some tools write an index. */
  ZSTD_SKIPPABLE("2a4d18"),
  XZ("fd377a585a00"),
  BZIP2("425a68"),
  LZ4("04224d18"),
  LZIP("4c5a4950"),
  COMPRESS("1f9d");

  static final int MAGIC_BYTES = 6;

  private static final int BUFFER_BYTES = 64 << 10;
  private static final int MAX_XZ_KIB = 256 << 10;

  private final String magic;

  Compression(String magic) {
    this.magic = magic;
  }

  /** What data is compressed with that begins with {@code head}. */
  static Compression of(byte[] head) {
    String hex = HexFormat.of().formatHex(head);
    for (Compression each : values()) {
      boolean begins =
          each == ZSTD_SKIPPABLE
              // The first byte is any from 0x50 to 0x5f.
              ? hex.startsWith("5") && hex.startsWith(each.magic, 2)
              : hex.startsWith(each.magic);
      if (each != NONE && begins) {
        return each;
      }
    }
    return NONE;
  }

  /**
   * The plain data of {@code in}, all members and frames of it.
   *
   * @throws UnsupportedFeatureException if nothing here can unpack it; {@code name} is what the
   *     message calls it
   */
  InputStream unpack(String name, InputStream in) throws IOException {
    return switch (this) {
      case NONE -> in;
      case GZIP -> new GZIPInputStream(new NeverEmpty(in), BUFFER_BYTES);
      case ZSTD, ZSTD_SKIPPABLE -> new ZstdInputStream(in);
      case XZ -> new XZInputStream(in, MAX_XZ_KIB);
      case BZIP2, LZ4, LZIP, COMPRESS ->
          throw new UnsupportedFeatureException(
              "%s: is compressed with %s: expected gzip, zstd, xz or none; pipe it through a program that unpacks it, and build from -"
                  .formatted(name, name().toLowerCase(java.util.Locale.ROOT)));
    };
  }

  /**
   * The JDK's reader of gzip takes a stream that has nothing to give at the moment, such as a pipe,
   * for one that has no further member.
   */
  private static final class NeverEmpty extends FilterInputStream {
    private int next = -2;

    NeverEmpty(InputStream in) {
      super(in);
    }

    @Override
    public int available() throws IOException {
      if (next == -2) {
        next = in.read();
      }
      return next < 0 ? 0 : 1;
    }

    @Override
    public int read() throws IOException {
      if (next == -2) {
        return in.read();
      }
      int byteRead = next;
      next = byteRead < 0 ? byteRead : -2;
      return byteRead;
    }

    @Override
    public int read(byte[] dst, int offset, int length) throws IOException {
      if (next == -2 || length == 0) {
        return in.read(dst, offset, length);
      }
      int byteRead = read();
      if (byteRead < 0) {
        return -1;
      }
      dst[offset] = (byte) byteRead;
      return 1;
    }
  }
}
