package dev.aquifer.image;

/**
 * The features an image can say it uses. A reader may ignore compatible features it does not know,
 * and must refuse incompatible ones. Some bits have two names, as the format gave them out twice.
 */
public enum Feature {
  /** The superblock's checksum is set. */
  SB_CHKSUM(Kind.COMPATIBLE, 0x1, "SB_CHKSUM"),
  /** Inodes carry modification times. */
  MTIME(Kind.COMPATIBLE, 0x2, "MTIME"),
  /** Inodes carry a filter of the names of their extended attributes. */
  XATTR_FILTER(Kind.COMPATIBLE, 0x4, "XATTR_FILTER"),
  /** Shared extended attributes are in the metabox. */
  SHARED_EA_IN_METABOX(Kind.COMPATIBLE, 0x8, "SHARED_EA_IN_METABOX"),
  /** Long prefixes of extended attribute names are in the primary device. */
  PLAIN_XATTR_PFX(Kind.COMPATIBLE, 0x10, "PLAIN_XATTR_PFX"),
  /** Files carry the digest of their content, so that mounts can share page cache. */
  ISHARE_XATTRS(Kind.COMPATIBLE, 0x20, "ISHARE_XATTRS"),

  /** Compressed data is at the end of its blocks, with zeros before it. */
  LZ4_0PADDING(Kind.INCOMPATIBLE, 0x1, "LZ4_0PADDING"),
  /** Compression algorithms have configurations; compressed clusters may be large. */
  COMPR_CFGS(Kind.INCOMPATIBLE, 0x2, "COMPR_CFGS/BIG_PCLUSTER"),
  /** Some files are chunk-based. */
  CHUNKED_FILE(Kind.INCOMPATIBLE, 0x4, "CHUNKED_FILE"),
  /** There is a device table; or files use a second compression algorithm. */
  DEVICE_TABLE(Kind.INCOMPATIBLE, 0x8, "DEVICE_TABLE/COMPR_HEAD2"),
  /** Tails of compressed files may be inline. */
  ZTAILPACKING(Kind.INCOMPATIBLE, 0x10, "ZTAILPACKING"),
  /** Tails of files may be in the packed inode; compressed data may be shared. */
  FRAGMENTS(Kind.INCOMPATIBLE, 0x20, "FRAGMENTS/DEDUPE"),
  /** Names of extended attributes may use long prefixes. */
  XATTR_PREFIXES(Kind.INCOMPATIBLE, 0x40, "XATTR_PREFIXES"),
  /** Block addresses have 48 bits. */
  WIDE_ADDRESSES(Kind.INCOMPATIBLE, 0x80, "48BIT"),
  /** Inodes may be in the data of the metabox inode. */
  METABOX(Kind.INCOMPATIBLE, 0x100, "METABOX");

  /** What a reader has to do about a feature it does not know. */
  public enum Kind {
    /** It may ignore the feature. */
    COMPATIBLE,
    /** It must refuse the image. */
    INCOMPATIBLE
  }

  private final Kind kind;
  private final long bit;
  private final String onDiskName;

  Feature(Kind kind, long bit, String onDiskName) {
    this.kind = kind;
    this.bit = bit;
    this.onDiskName = onDiskName;
  }

  /** Compatible or incompatible: in which of the two words {@link #bit} is. */
  public Kind kind() {
    return kind;
  }

  /** The feature's bit in its word. */
  public long bit() {
    return bit;
  }

  /** The name or names that the format gives the bit. */
  public String onDiskName() {
    return onDiskName;
  }

  /** All bits of {@code kind} that have names. */
  static long knownBits(Kind kind) {
    long bits = 0;
    for (Feature feature : values()) {
      if (feature.kind == kind) {
        bits |= feature.bit;
      }
    }
    return bits;
  }
}
