package dev.aquifer.image;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Names of files, of extended attributes and of devices are bytes. This shows them as text without
 * loss: UTF-8 where they are UTF-8, and each other byte as one of the lone surrogates U+DC80 to
 * U+DCFF, so that {@code toBytes(toText(name))} is {@code name} again.
 */
public final class ByteNames {
  private static final int ESCAPE = 0xdc00;

  private ByteNames() {}

  /** The text that stands for {@code name}. */
  public static String toText(byte[] name) {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer in = ByteBuffer.wrap(name);
    CharBuffer out = CharBuffer.allocate(name.length);
    while (true) {
      CoderResult result = decoder.decode(in, out, true);
      if (!result.isError()) {
        return out.flip().toString();
      }
      // Bytes that start no character are above 0x7f, as are those of a character cut short.
      for (int i = 0; i < result.length(); i++) {
        out.put((char) (ESCAPE | in.get() & 0xff));
      }
      decoder.reset();
    }
  }

  /**
   * The bytes that {@code text} stands for.
   *
   * @throws IllegalArgumentException if {@code text} has a lone surrogate that stands for no byte
   */
  public static byte[] toBytes(String text) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(text.length());
    text.codePoints()
        .forEach(
            point -> {
              if (point > ESCAPE + 0x7f && point <= ESCAPE + 0xff) {
                out.write(point);
              } else if (point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE) {
                throw new IllegalArgumentException(
                    "character U+%04X stands alone: no name has it".formatted(point));
              } else {
                out.writeBytes(Character.toString(point).getBytes(StandardCharsets.UTF_8));
              }
            });
    return out.toByteArray();
  }

  /**
   * {@code name} in quotes, for one line of a message: other bytes than ASCII's as {@code \xNN}.
   */
  static String quote(byte[] name) {
    StringBuilder text = new StringBuilder("'");
    for (byte b : name) {
      if (b >= ' ' && b < 0x7f && b != '\\' && b != '\'') {
        text.append((char) b);
      } else {
        text.append("\\x%02x".formatted(b & 0xff));
      }
    }
    return text.append('\'').toString();
  }
}
