package dev.aquifer.codec;

import org.jspecify.annotations.Nullable;

/** The ways in which EROFS compresses data, by their numbers on disk. */
public enum Algorithm {
  /** One LZ4 block. */
  LZ4(0, "lz4"),
  /** An LZMA stream without header: see {@link MicroLzmaDecompressor}. */
  MICROLZMA(1, "lzma"),
  /** A raw DEFLATE stream. */
  DEFLATE(2, "deflate"),
  /** One Zstandard frame. */
  ZSTD(3, "zstd");

  private final int number;
  private final String onDiskName;

  Algorithm(int number, String onDiskName) {
    this.number = number;
    this.onDiskName = onDiskName;
  }

  /** The number on disk. */
  public int number() {
    return number;
  }

  /** What mkfs.erofs calls it. */
  public String onDiskName() {
    return onDiskName;
  }

  /** Decodes its streams. */
  public Decompressor decompressor() {
    return switch (this) {
      case LZ4 -> Decompressors.LZ4;
      case MICROLZMA -> Decompressors.MICROLZMA;
      case DEFLATE -> Decompressors.DEFLATE;
      case ZSTD -> Decompressors.ZSTD;
    };
  }

  /** The algorithm of this number, or null if there is none. */
  public static @Nullable Algorithm of(int number) {
    for (Algorithm algorithm : values()) {
      if (algorithm.number == number) {
        return algorithm;
      }
    }
    return null;
  }

  /** One of each is enough; made when the first is needed. */
  private static final class Decompressors {
    static final Decompressor LZ4 = new Lz4Decompressor();
    static final Decompressor MICROLZMA = new MicroLzmaDecompressor();
    static final Decompressor DEFLATE = new DeflateDecompressor();
    static final Decompressor ZSTD = new ZstdDecompressor();
  }
}
