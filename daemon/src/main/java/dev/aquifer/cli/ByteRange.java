package dev.aquifer.cli;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The part of an object that an HTTP request asks for (RFC 9110, section 14).
 *
 * @param startBytes where it starts
 * @param lengthBytes how long it is; 0 if nothing of the object lies in it
 */
record ByteRange(long startBytes, long lengthBytes) {
  private static final Pattern ONE =
      Pattern.compile("bytes=\\s*([0-9]{0,18})-([0-9]{0,18})\\s*", Pattern.CASE_INSENSITIVE);

  /**
   * Reads a {@code Range} header for an object of {@code sizeBytes}.
   *
   * @return null if it must be ignored: it is malformed or of another unit; also if it lists
   *     several ranges, which a server may answer with the whole object
   */
  static @Nullable ByteRange parse(String header, long sizeBytes) {
    Matcher matcher = ONE.matcher(header);
    if (!matcher.matches()) {
      return null;
    }
    String first = matcher.group(1);
    String last = matcher.group(2);
    if (first.isEmpty()) {
      return last.isEmpty() ? null : suffix(Long.parseLong(last), sizeBytes);
    }
    long start = Long.parseLong(first);
    long end = last.isEmpty() ? Long.MAX_VALUE - 1 : Long.parseLong(last);
    if (end < start) {
      return null;
    }
    return new ByteRange(start, Math.max(0, Math.min(end + 1, sizeBytes) - start));
  }

  private static ByteRange suffix(long lengthBytes, long sizeBytes) {
    long length = Math.min(lengthBytes, sizeBytes);
    return new ByteRange(sizeBytes - length, length);
  }

  boolean isSatisfiable() {
    return lengthBytes > 0;
  }

  /** The value of {@code Content-Range}. */
  String contentRange(long sizeBytes) {
    return isSatisfiable()
        ? "bytes %d-%d/%d".formatted(startBytes, startBytes + lengthBytes - 1, sizeBytes)
        : "bytes */" + sizeBytes;
  }
}
