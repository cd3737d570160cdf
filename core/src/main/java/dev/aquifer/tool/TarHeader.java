package dev.aquifer.tool;

import dev.aquifer.image.Inode;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The header of one file in a tar stream: a block in the form of ustar, and before it, where
 * something does not fit into that, an extended header of the pax form (POSIX.1-2001).
 *
 * <table>
 * <caption>ustar</caption>
 * <tr><th>offset</th><th>width</th><th>field</th></tr>
 * <tr><td>0</td><td>100</td><td>name</td></tr>
 * <tr><td>100</td><td>8</td><td>mode; this and all numbers octal</td></tr>
 * <tr><td>108, 116</td><td>8</td><td>uid, gid</td></tr>
 * <tr><td>124</td><td>12</td><td>size</td></tr>
 * <tr><td>136</td><td>12</td><td>mtime</td></tr>
 * <tr><td>148</td><td>8</td><td>sum of all bytes, this field being spaces</td></tr>
 * <tr><td>156</td><td>1</td><td>typeflag</td></tr>
 * <tr><td>157</td><td>100</td><td>linkname</td></tr>
 * <tr><td>257</td><td>8</td><td>"ustar", a zero byte, "00"</td></tr>
 * <tr><td>329, 337</td><td>8</td><td>devmajor, devminor</td></tr>
 * </table>
 *
 * <p>A pax record is its own length in decimal, a space, key, {@code =}, value, a newline. Values
 * are raw bytes: libraries that take them as text damage attributes that are none.
 */
final class TarHeader {
  static final int BLOCK_BYTES = 512;

  private static final int NAME_BYTES = 100;
  private static final long MAX_OCTAL_7 = 0777_7777;
  private static final long MAX_OCTAL_11 = 0777_7777_7777L;

  private final byte[] name;
  private final char flag;
  private final byte[] target;
  private final long sizeBytes;
  private final Inode inode;
  private final ByteArrayOutputStream records = new ByteArrayOutputStream();

  /**
   * Takes what the header says.
   *
   * @param target of a link, else empty
   */
  TarHeader(byte[] name, char flag, byte[] target, long sizeBytes, Inode inode) {
    this.name = name;
    this.flag = flag;
    this.target = target;
    this.sizeBytes = sizeBytes;
    this.inode = inode;
    if (isLong(name) && !isUtf8(name) || isLong(target) && !isUtf8(target)) {
      record("hdrcharset", ascii("BINARY"));
    }
    if (isLong(name)) {
      record("path", name);
    }
    if (isLong(target)) {
      record("linkpath", target);
    }
    if (inode.mtimeNanos() != 0
        || inode.mtimeSeconds() < 0
        || inode.mtimeSeconds() > MAX_OCTAL_11) {
      record("mtime", ascii(time(inode.mtimeSeconds(), inode.mtimeNanos())));
    }
    if (sizeBytes > MAX_OCTAL_11) {
      record("size", ascii(Long.toString(sizeBytes)));
    }
    if (inode.uid() > MAX_OCTAL_7) {
      record("uid", ascii(Long.toString(inode.uid())));
    }
    if (inode.gid() > MAX_OCTAL_7) {
      record("gid", ascii(Long.toString(inode.gid())));
    }
  }

  private static boolean isLong(byte[] text) {
    return text.length > NAME_BYTES;
  }

  private static boolean isUtf8(byte[] text) {
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text));
      return true;
    } catch (CharacterCodingException e) {
      return false;
    }
  }

  /** Adds an extended attribute. */
  void xattr(byte[] attribute, byte[] value) {
    ByteArrayOutputStream key = new ByteArrayOutputStream();
    key.writeBytes(ascii("SCHILY.xattr."));
    for (byte b : attribute) {
      // As GNU tar does: an equals sign would end the key.
      switch (b) {
        case '=' -> key.writeBytes(ascii("%3D"));
        case '%' -> key.writeBytes(ascii("%25"));
        default -> key.write(b);
      }
    }
    record(key.toByteArray(), value);
  }

  /** The decimal form of a time; {@code nanos} count forwards, also from a negative second. */
  static String time(long seconds, int nanos) {
    if (nanos == 0) {
      return Long.toString(seconds);
    }
    boolean isNegative = seconds < 0;
    long whole = isNegative ? -(seconds + 1) : seconds;
    int fraction = isNegative ? 1_000_000_000 - nanos : nanos;
    String digits = Integer.toString(1_000_000_000 + fraction).substring(1);
    return (isNegative ? "-" : "") + whole + "." + digits;
  }

  private void record(String key, byte[] value) {
    record(ascii(key), value);
  }

  private void record(byte[] key, byte[] value) {
    int rest = key.length + value.length + 3;
    int length = rest + 1;
    // The length counts its own digits.
    while (length != rest + Integer.toString(length).length()) {
      length = rest + Integer.toString(length).length();
    }
    records.writeBytes(ascii(length + " "));
    records.writeBytes(key);
    records.write('=');
    records.writeBytes(value);
    records.write('\n');
  }

  /** The header's blocks: for the extended one two or more, then one. */
  byte[] blocks() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    if (records.size() > 0) {
      byte[] extended = ustar(ascii("./PaxHeaders/file"), 'x', new byte[0], records.size(), false);
      out.writeBytes(extended);
      out.writeBytes(records.toByteArray());
      out.writeBytes(new byte[-records.size() & BLOCK_BYTES - 1]);
    }
    out.writeBytes(ustar(name, flag, target, sizeBytes, true));
    return out.toByteArray();
  }

  private byte[] ustar(byte[] fileName, char type, byte[] link, long size, boolean isFile) {
    byte[] block = new byte[BLOCK_BYTES];
    System.arraycopy(fileName, 0, block, 0, Math.min(NAME_BYTES, fileName.length));
    octal(block, 100, 7, isFile ? inode.permissions() : 0644);
    octal(block, 108, 7, isFile ? inode.uid() : 0);
    octal(block, 116, 7, isFile ? inode.gid() : 0);
    octal(block, 124, 11, size);
    octal(block, 136, 11, Math.max(0, inode.mtimeSeconds()));
    Arrays.fill(block, 148, 156, (byte) ' ');
    block[156] = (byte) type;
    System.arraycopy(link, 0, block, 157, Math.min(NAME_BYTES, link.length));
    System.arraycopy(ascii("ustar\00000"), 0, block, 257, 8);
    octal(block, 329, 7, isFile ? inode.rdevMajor() : 0);
    octal(block, 337, 7, isFile ? inode.rdevMinor() : 0);
    int sum = 0;
    for (byte b : block) {
      sum += b & 0xff;
    }
    octal(block, 148, 6, sum);
    block[154] = 0;
    return block;
  }

  /** A number that does not fit is in the extended header, and the largest one here. */
  private static void octal(byte[] block, int at, int digits, long value) {
    long left = Math.min(value, (1L << 3 * digits) - 1);
    for (int i = digits - 1; i >= 0; i--) {
      block[at + i] = (byte) ('0' + (left & 7));
      left >>>= 3;
    }
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
