package dev.aquifer.tool;

import dev.aquifer.image.ByteNames;
import java.nio.charset.StandardCharsets;

/** Paths and names, which are bytes, as text that is safe to print. */
public final class PathText {
  private static final String HEX = "0123456789ABCDEF";

  private PathText() {}

  /**
   * The form of manifests: printable ASCII as it is, without space and {@code %}; each other byte
   * as {@code %NN}, in capitals.
   */
  public static String percent(byte[] bytes) {
    StringBuilder text = new StringBuilder(bytes.length);
    for (byte b : bytes) {
      if (b > ' ' && b < 0x7f && b != '%') {
        text.append((char) b);
      } else {
        text.append('%').append(HEX.charAt(b >> 4 & 0xf)).append(HEX.charAt(b & 0xf));
      }
    }
    return text.toString();
  }

  /**
   * The form for a reader: UTF-8 as it is; a byte that is no part of it, a control character or a
   * backslash as {@code \xNN}. So no name moves a terminal's cursor or looks like another.
   */
  public static String shown(byte[] bytes) {
    if (isPlain(bytes)) {
      return new String(bytes, StandardCharsets.US_ASCII);
    }
    String text = ByteNames.toText(bytes);
    StringBuilder shown = new StringBuilder(text.length() + 16);
    text.codePoints().forEach(point -> append(shown, point));
    return shown.toString();
  }

  /**
   * The text, as of {@link ByteNames}, of a path that a person typed: each {@code \xNN} is a byte.
   */
  public static String parse(String typed) {
    if (!typed.contains("\\x")) {
      return typed;
    }
    java.io.ByteArrayOutputStream bytes = new java.io.ByteArrayOutputStream();
    for (int i = 0; i < typed.length(); ) {
      if (typed.startsWith("\\x", i) && isHex(typed, i + 2) && isHex(typed, i + 3)) {
        bytes.write(Integer.parseInt(typed, i + 2, i + 4, 16));
        i += 4;
      } else {
        int point = typed.codePointAt(i);
        bytes.writeBytes(ByteNames.toBytes(Character.toString(point)));
        i += Character.charCount(point);
      }
    }
    return ByteNames.toText(bytes.toByteArray());
  }

  private static boolean isHex(String text, int index) {
    return index < text.length() && Character.digit(text.charAt(index), 16) >= 0;
  }

  private static boolean isPlain(byte[] bytes) {
    for (byte b : bytes) {
      if (b < ' ' || b == 0x7f || b == '\\') {
        return false;
      }
    }
    return true;
  }

  private static void append(StringBuilder shown, int point) {
    if (point >= 0xdc80 && point <= 0xdcff) {
      escape(shown, point & 0xff);
    } else if (point == '\\' || Character.isISOControl(point) || isInvisible(point)) {
      for (byte b : Character.toString(point).getBytes(StandardCharsets.UTF_8)) {
        escape(shown, b);
      }
    } else {
      shown.appendCodePoint(point);
    }
  }

  // Marks that turn the direction of text, and separators of lines.
  private static boolean isInvisible(int point) {
    int type = Character.getType(point);
    return type == Character.FORMAT
        || type == Character.LINE_SEPARATOR
        || type == Character.PARAGRAPH_SEPARATOR;
  }

  private static void escape(StringBuilder shown, int b) {
    shown
        .append("\\x")
        .append(Character.forDigit(b >> 4 & 0xf, 16))
        .append(Character.forDigit(b & 0xf, 16));
  }
}
