package dev.aquifer.input;

import dev.aquifer.io.CorruptDataException;
import java.util.Arrays;

/**
 * A header block of a tar archive, in any of its forms: that of Unix V7, ustar (POSIX), GNU.
 *
 * <table>
 * <caption>a header block</caption>
 * <tr><th>offset</th><th>width</th><th>field</th></tr>
 * <tr><td>0</td><td>100</td><td>name</td></tr>
 * <tr><td>100</td><td>8</td><td>mode; numbers are octal, or in base 256 if the first bit is set</td></tr>
 * <tr><td>108, 116</td><td>8</td><td>uid, gid</td></tr>
 * <tr><td>124</td><td>12</td><td>size: of the data that follows</td></tr>
 * <tr><td>136</td><td>12</td><td>mtime</td></tr>
 * <tr><td>148</td><td>8</td><td>sum of all bytes, this field being spaces</td></tr>
 * <tr><td>156</td><td>1</td><td>typeflag</td></tr>
 * <tr><td>157</td><td>100</td><td>linkname</td></tr>
 * <tr><td>257</td><td>8</td><td>"ustar", a zero byte, "00"; of GNU "ustar", two spaces, a zero byte</td></tr>
 * <tr><td>329, 337</td><td>8</td><td>devmajor, devminor</td></tr>
 * <tr><td>345</td><td>155</td><td>ustar: what comes before the name and a slash</td></tr>
 * <tr><td>386</td><td>4 * 24</td><td>GNU, typeflag S: position and length of stored pieces</td></tr>
 * <tr><td>482</td><td>1</td><td>GNU, typeflag S: whether a block with more pieces follows</td></tr>
 * <tr><td>483</td><td>12</td><td>GNU, typeflag S: the size with holes</td></tr>
 * </table>
 */
final class HeaderBlock {
  static final int BYTES = 512;

  /** Where the old GNU form has pieces, in the header and in blocks that continue it. */
  static final int PIECES_AT = 386;

  static final int PIECES = 4;
  static final int MORE_PIECES = 21;
  static final int PIECE_BYTES = 24;
  private static final int IS_MORE_AT = 482;
  private static final int REAL_SIZE_AT = 483;
  private static final int NUMBER_BYTES = 12;
  private static final int SUM_AT = 148;
  private static final int SUM_BYTES = 8;

  private final byte[] block;
  private final String where;

  /**
   * Takes a block.
   *
   * @param where what messages call it
   */
  HeaderBlock(byte[] block, String where) {
    this.block = block;
    this.where = where;
  }

  boolean isZero() {
    for (byte b : block) {
      if (b != 0) {
        return false;
      }
    }
    return true;
  }

  /** Whether the sum is right; some old programs added signed bytes. */
  boolean isSumRight() {
    long unsigned = ' ' * SUM_BYTES;
    long signed = unsigned;
    for (int i = 0; i < BYTES; i++) {
      if (i < SUM_AT || i >= SUM_AT + SUM_BYTES) {
        unsigned += block[i] & 0xff;
        signed += block[i];
      }
    }
    try {
      long found = number(SUM_AT, SUM_BYTES, "checksum");
      return found == unsigned || found == signed;
    } catch (CorruptDataException e) {
      return false;
    }
  }

  char flag() {
    return (char) (block[156] & 0xff);
  }

  /** The name, with what ustar has before it. */
  byte[] name() {
    byte[] name = text(0, 100);
    // GNU has times there, and a space instead of the zero byte.
    boolean isUstar =
        block[257] == 'u'
            && block[258] == 's'
            && block[259] == 't'
            && block[260] == 'a'
            && block[261] == 'r'
            && block[262] == 0;
    if (!isUstar || block[345] == 0) {
      return name;
    }
    byte[] prefix = text(345, 155);
    byte[] whole = Arrays.copyOf(prefix, prefix.length + 1 + name.length);
    whole[prefix.length] = '/';
    System.arraycopy(name, 0, whole, prefix.length + 1, name.length);
    return whole;
  }

  byte[] linkName() {
    return text(157, 100);
  }

  long mode() throws CorruptDataException {
    return number(100, 8, "mode");
  }

  long uid() throws CorruptDataException {
    return number(108, 8, "uid");
  }

  long gid() throws CorruptDataException {
    return number(116, 8, "gid");
  }

  long sizeBytes() throws CorruptDataException {
    return number(124, NUMBER_BYTES, "size");
  }

  long mtimeSeconds() throws CorruptDataException {
    return number(136, NUMBER_BYTES, "mtime");
  }

  long devMajor() throws CorruptDataException {
    return number(329, 8, "devmajor");
  }

  long devMinor() throws CorruptDataException {
    return number(337, 8, "devminor");
  }

  boolean hasMorePieces() {
    return block[IS_MORE_AT] != 0;
  }

  /** Of a block that continues a header of typeflag S. */
  boolean hasEvenMorePieces() {
    return block[MORE_PIECES * PIECE_BYTES] != 0;
  }

  long realSizeBytes() throws CorruptDataException {
    return number(REAL_SIZE_AT, NUMBER_BYTES, "real size");
  }

  /** Position, or length, of a stored piece. */
  long pieceNumber(int at) throws CorruptDataException {
    return number(at, NUMBER_BYTES, "sparse map");
  }

  /** Whether there is nothing at all where a piece would begin. */
  boolean isPieceAbsent(int at) {
    return block[at] == 0;
  }

  private byte[] text(int at, int length) {
    int end = at;
    while (end < at + length && block[end] != 0) {
      end++;
    }
    return Arrays.copyOfRange(block, at, end);
  }

  private long number(int at, int length, String field) throws CorruptDataException {
    if ((block[at] & 0x80) != 0) {
      return base256(at, length, field);
    }
    int i = at;
    int end = at + length;
    while (i < end && (block[i] == ' ' || block[i] == 0)) {
      i++;
    }
    long value = 0;
    while (i < end && block[i] >= '0' && block[i] <= '7') {
      value = value << 3 | block[i] - '0';
      i++;
    }
    if (i < end && block[i] != ' ' && block[i] != 0) {
      throw wrong(field, "a byte 0x%02x".formatted(block[i] & 0xff), "octal digits");
    }
    return value;
  }

  /** Two's complement, the first bit marks the form. */
  private long base256(int at, int length, String field) throws CorruptDataException {
    long value = (block[at] & 0x40) == 0 ? block[at] & 0x3f : block[at];
    for (int i = at + 1; i < at + length; i++) {
      if (value != value << 8 >> 8) {
        throw wrong(field, "a number of more than 64 bits", "less");
      }
      value = value << 8 | block[i] & 0xff;
    }
    return value;
  }

  private CorruptDataException wrong(String field, String found, String expected) {
    return new CorruptDataException(
        "%s: field %s has %s: expected %s".formatted(where, field, found, expected));
  }
}
