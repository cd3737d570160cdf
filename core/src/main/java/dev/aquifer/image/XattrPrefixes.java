package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The beginnings of names of extended attributes that the image has numbers for: those of the
 * format, and the image's own long ones, little endian and each aligned to 4 bytes:
 *
 * <table>
 * <caption>long prefix</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>2</td><td>length</td><td>bytes that follow</td></tr>
 * <tr><td>2</td><td>1</td><td>base_index</td><td>a number of the format; 0 hides the names</td></tr>
 * <tr><td>3</td><td>length - 1</td><td>infix</td><td>comes after the base</td></tr>
 * </table>
 *
 * <p>They are in the primary device with PLAIN_XATTR_PFX, else in the metabox, else in the packed
 * inode, if the image has one.
 */
final class XattrPrefixes {
  private static final int LONG_PREFIX = 0x80;
  private static final int MAX_INFIX_BYTES = 255;
  private static final int POSIX_ACL_ACCESS = 2;
  private static final int POSIX_ACL_DEFAULT = 3;

  private final String imageName;
  private final List<byte @Nullable []> longPrefixes;

  /** Where the long prefixes are; null if there are none, or in the packed inode. */
  private final @Nullable MetadataRange range;

  /** Why the long prefixes can't be had, or null. */
  private final @Nullable String unsupported;

  private XattrPrefixes(
      String imageName,
      List<byte @Nullable []> longPrefixes,
      @Nullable MetadataRange range,
      @Nullable String unsupported) {
    this.imageName = imageName;
    this.longPrefixes = longPrefixes;
    this.range = range;
    this.unsupported = unsupported;
  }

  /**
   * Reads the long prefixes of an image. Where one has a beginning that this version does not know,
   * only the names that need them can't be had.
   */
  static XattrPrefixes read(Volume volume) throws IOException {
    Superblock superblock = volume.superblock();
    if (superblock.xattrPrefixes() == 0) {
      return none(volume.name());
    }
    try {
      ByteSource source = source(volume);
      List<byte @Nullable []> prefixes = new ArrayList<>();
      long start = superblock.xattrPrefixPositionBytes();
      long end = readRecords(new Metadata(source, 0), start, superblock.xattrPrefixes(), prefixes);
      boolean isPrimary = source == volume.metadata().bytes();
      boolean isMetabox = !isPrimary && superblock.has(Feature.METABOX);
      MetadataRange range =
          isPrimary || isMetabox ? new MetadataRange(isMetabox, start, end - start) : null;
      return new XattrPrefixes(volume.name(), prefixes, range, null);
    } catch (UnsupportedFeatureException e) {
      return new XattrPrefixes(volume.name(), List.of(), null, e.getMessage());
    }
  }

  /** Those of an image that has no long ones. */
  static XattrPrefixes none(String imageName) {
    return new XattrPrefixes(imageName, List.of(), null, null);
  }

  @Nullable MetadataRange range() {
    return range;
  }

  private static ByteSource source(Volume volume) throws IOException {
    Superblock superblock = volume.superblock();
    if (superblock.has(Feature.PLAIN_XATTR_PFX)) {
      return volume.metadata().bytes();
    }
    if (superblock.has(Feature.METABOX)) {
      return volume.metabox().bytes();
    }
    if (superblock.has(Feature.FRAGMENTS) && superblock.packedNid() != 0) {
      return volume.data(volume.inode(superblock.packedNid()));
    }
    return volume.metadata().bytes();
  }

  /** Adds the prefixes to {@code prefixes}; returns where they end. */
  private static long readRecords(
      Metadata metadata, long start, int count, List<byte @Nullable []> prefixes)
      throws IOException {
    long position = start;
    for (int i = 0; i < count; i++) {
      String place =
          "%s: long prefix %d of extended attribute names at byte 0x%x"
              .formatted(metadata.bytes().name(), i, position);
      MemorySegment header = metadata.read(position, 3, () -> place);
      int length = LittleEndian.u16(header, 0);
      if (length < 1 || length > 1 + MAX_INFIX_BYTES) {
        throw new CorruptDataException(
            "%s: length %d: expected 1 to %d".formatted(place, length, 1 + MAX_INFIX_BYTES));
      }
      byte[] infix =
          metadata.read(position + 3, length - 1, () -> place).toArray(ValueLayout.JAVA_BYTE);
      prefixes.add(join(base(LittleEndian.u8(header, 2), place), infix));
      position += 2 + length + 3 & -4;
    }
    return position;
  }

  /**
   * The full name of an attribute, or null if it is hidden: padding, or a digest for the kernel.
   *
   * @param index the number of the beginning
   * @param rest what comes after it
   * @param place where the attribute is, for messages
   */
  byte @Nullable [] fullName(int index, byte[] rest, String place) throws IOException {
    byte[] prefix = (index & LONG_PREFIX) == 0 ? base(index, place) : longPrefix(index, place);
    if (prefix == null) {
      return null;
    }
    boolean isWholeName = index == POSIX_ACL_ACCESS || index == POSIX_ACL_DEFAULT;
    boolean endsWithDot = prefix[prefix.length - 1] == '.' && (index & LONG_PREFIX) == 0;
    if (isWholeName && rest.length > 0 || endsWithDot && rest.length == 0) {
      throw new CorruptDataException(
          "%s: an attribute named %s after %s"
              .formatted(place, ByteNames.quote(rest), ByteNames.quote(prefix)));
    }
    return join(prefix, rest);
  }

  private byte @Nullable [] longPrefix(int index, String place) throws IOException {
    if (unsupported != null) {
      throw new UnsupportedFeatureException(
          "%s: its name has a prefix that is out of reach (XATTR_PREFIXES): %s"
              .formatted(place, unsupported));
    }
    int number = index & ~LONG_PREFIX;
    if (number >= longPrefixes.size()) {
      throw new CorruptDataException(
          "%s: long prefix %d: %s has %d".formatted(place, number, imageName, longPrefixes.size()));
    }
    return longPrefixes.get(number);
  }

  /** Whether {@code index} is the number of digests of data. */
  static boolean isDigest(int index, Superblock superblock) {
    return superblock.digestPrefix() >= 0 && index == (LONG_PREFIX | superblock.digestPrefix());
  }

  private static byte @Nullable [] base(int index, String place) throws IOException {
    String text =
        switch (index) {
          case 0 -> null;
          case 1 -> "user.";
          case POSIX_ACL_ACCESS -> "system.posix_acl_access";
          case POSIX_ACL_DEFAULT -> "system.posix_acl_default";
          case 4 -> "trusted.";
          case 5 -> "lustre.";
          case 6 -> "security.";
          default ->
              throw new UnsupportedFeatureException(
                  "%s: name index %d is unknown: a newer version may read it"
                      .formatted(place, index));
        };
    return text == null ? null : text.getBytes(StandardCharsets.US_ASCII);
  }

  private static byte @Nullable [] join(byte @Nullable [] left, byte[] right) {
    if (left == null) {
      return null;
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(left);
    out.writeBytes(right);
    return out.toByteArray();
  }
}
