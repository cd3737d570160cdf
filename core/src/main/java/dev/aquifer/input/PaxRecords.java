package dev.aquifer.input;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The records of extended headers (POSIX.1-2001): keywords and values. Each record is its own
 * length in decimal, a space, keyword, {@code =}, value, a newline. Values are bytes; keywords are
 * here text of one character for each byte.
 */
final class PaxRecords {
  private static final int MAX_LENGTH_DIGITS = 10;

  private final Map<String, byte[]> values;

  /** Positions and lengths in GNU's first form of sparse files, which repeats its keywords. */
  private final List<String> pieces = new ArrayList<>();

  PaxRecords() {
    this.values = new LinkedHashMap<>();
  }

  /** Records that begin with those of {@code global}. */
  PaxRecords(PaxRecords global) {
    this.values = new LinkedHashMap<>(global.values);
  }

  /**
   * Adds the records of a header; a later value takes an earlier one's place.
   *
   * @throws IllegalArgumentException if they are malformed; the message says where
   */
  void parse(byte[] data) {
    int at = 0;
    while (at < data.length) {
      int length = 0;
      int i = at;
      while (i < data.length && i < at + MAX_LENGTH_DIGITS && isDigit(data[i])) {
        length = Math.multiplyExact(length, 10) + data[i] - '0';
        i++;
      }
      int end = at + length;
      if (i == at || i >= data.length || data[i] != ' ' || length <= i - at || end > data.length) {
        throw malformed(at, "expected its length and a space");
      }
      int equals = i + 1;
      while (equals < end && data[equals] != '=') {
        equals++;
      }
      if (equals == end || data[end - 1] != '\n') {
        throw malformed(at, "expected a keyword, an equals sign, and a newline at its end");
      }
      put(text(data, i + 1, equals), Arrays.copyOfRange(data, equals + 1, end - 1));
      at = end;
    }
  }

  /** Adds what {@code stronger} has. */
  void add(PaxRecords stronger) {
    values.putAll(stronger.values);
    pieces.addAll(stronger.pieces);
  }

  private void put(String keyword, byte[] value) {
    switch (keyword) {
      case "GNU.sparse.numblocks" -> pieces.clear();
      case "GNU.sparse.offset", "GNU.sparse.numbytes" -> pieces.add(text(value, 0, value.length));
      default -> {
        if (value.length == 0 && !keyword.contains(".xattr.")) {
          // POSIX: takes an earlier value away. An attribute may well be empty.
          values.remove(keyword);
        } else {
          // A keyword that comes again is as if it came first now.
          values.remove(keyword);
          values.put(keyword, value);
        }
      }
    }
  }

  byte @Nullable [] bytes(String keyword) {
    return values.get(keyword);
  }

  byte[] bytes(String keyword, byte[] otherwise) {
    byte[] value = values.get(keyword);
    return value == null ? otherwise : value;
  }

  @Nullable String text(String keyword) {
    byte[] value = values.get(keyword);
    return value == null ? null : text(value, 0, value.length);
  }

  /**
   * A whole number, or {@code otherwise} if there is none.
   *
   * @throws IllegalArgumentException if the value is none
   */
  long number(String keyword, long otherwise) {
    String text = text(keyword);
    return text == null ? otherwise : number(keyword, text);
  }

  /** Reads a decimal number. */
  static long number(String keyword, String text) {
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "'%s' is no value of %s: expected a number".formatted(printable(text), keyword), e);
    }
  }

  private static String printable(String text) {
    return dev.aquifer.build.SourceEntry.printable(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  /** All keywords and values. */
  Map<String, byte[]> all() {
    return values;
  }

  /** Position and length of each piece in GNU's first form. */
  List<String> pieces() {
    return pieces;
  }

  private static boolean isDigit(byte b) {
    return b >= '0' && b <= '9';
  }

  private static String text(byte[] data, int from, int to) {
    return new String(data, from, to - from, StandardCharsets.ISO_8859_1);
  }

  private static IllegalArgumentException malformed(int at, String expected) {
    return new IllegalArgumentException(
        "the record at byte %d of its extended header is malformed: %s".formatted(at, expected));
  }
}
