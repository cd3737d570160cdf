package dev.aquifer.input;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A tar archive by the byte, to make what no program makes: headers of POSIX.1-1988 with their
 * fields as text of Latin-1.
 */
final class TarBytes {
  static final int BLOCK = 512;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  static byte[] latin1(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  /** A header whose size is that of the data that follows it. */
  TarBytes add(char flag, String name, String link, byte[] data) {
    return raw(header(flag, name, link, data.length)).raw(data).pad();
  }

  TarBytes file(String name, String data) {
    return add('0', name, "", latin1(data));
  }

  TarBytes directory(String name) {
    return add('5', name, "", new byte[0]);
  }

  TarBytes hardLink(String name, String target) {
    return add('1', name, target, new byte[0]);
  }

  TarBytes symlink(String name, String target) {
    return add('2', name, target, new byte[0]);
  }

  /** An extended header. */
  TarBytes pax(char flag, String... keysAndValues) {
    StringBuilder records = new StringBuilder();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      records.append(record(keysAndValues[i], keysAndValues[i + 1]));
    }
    return add(flag, "pax", "", latin1(records.toString()));
  }

  private static String record(String key, String value) {
    String rest = " " + key + "=" + value + "\n";
    int length = rest.length() + 1;
    while ((length + rest).length() != length) {
      length++;
    }
    return length + rest;
  }

  static byte[] header(char flag, String name, String link, long size) {
    byte[] block = new byte[BLOCK];
    put(block, 0, name);
    put(block, 100, "0000644");
    put(block, 108, "0000000");
    put(block, 116, "0000000");
    put(block, 124, "%011o".formatted(size));
    put(block, 136, "00000000012");
    block[156] = (byte) flag;
    put(block, 157, link);
    put(block, 257, "ustar\00000");
    return summed(block);
  }

  static void put(byte[] block, int at, String text) {
    byte[] bytes = latin1(text);
    System.arraycopy(bytes, 0, block, at, bytes.length);
  }

  /** Sets the checksum. */
  static byte[] summed(byte[] block) {
    Arrays.fill(block, 148, 156, (byte) ' ');
    int sum = 0;
    for (byte b : block) {
      sum += b & 0xff;
    }
    put(block, 148, "%06o\0".formatted(sum));
    return block;
  }

  TarBytes raw(byte[] bytes) {
    out.writeBytes(bytes);
    return this;
  }

  TarBytes pad() {
    out.writeBytes(new byte[-out.size() & BLOCK - 1]);
    return this;
  }

  int size() {
    return out.size();
  }

  /** The archive with its end. */
  byte[] end() {
    return raw(new byte[2 * BLOCK]).bytes();
  }

  byte[] bytes() {
    return out.toByteArray();
  }
}
