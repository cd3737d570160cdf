package dev.aquifer.input;

import java.io.IOException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A time in whole seconds since 1970 and nanoseconds that count forwards, also from a negative
 * second.
 */
record PaxTime(long seconds, int nanos) {
  private static final Pattern DECIMAL = Pattern.compile("(-?)([0-9]{1,18})(?:\\.([0-9]*))?");
  private static final int NANO_DIGITS = 9;
  private static final int NANOS = 1_000_000_000;

  /**
   * Reads the decimal text of an extended header, or the header without one. What is finer than
   * nanoseconds is cut off, towards the past.
   *
   * @throws IllegalArgumentException if it is no number
   */
  static PaxTime of(@Nullable String text, HeaderBlock header) throws IOException {
    return text == null ? new PaxTime(header.mtimeSeconds(), 0) : of(text);
  }

  /** Reads decimal text. */
  static PaxTime of(String text) {
    Matcher matcher = DECIMAL.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "'%s' is no time: expected seconds since 1970".formatted(text.strip()));
    }
    long seconds = Long.parseLong(matcher.group(2));
    String fraction = matcher.group(3) == null ? "" : matcher.group(3);
    String digits = (fraction + "0".repeat(NANO_DIGITS)).substring(0, NANO_DIGITS);
    int nanos = Integer.parseInt(digits);
    if (matcher.group(1).isEmpty()) {
      return new PaxTime(seconds, nanos);
    }
    boolean isCut =
        fraction.length() > NANO_DIGITS && !fraction.substring(NANO_DIGITS).matches("0*");
    if (isCut) {
      nanos++;
    }
    if (nanos == NANOS) {
      return new PaxTime(-seconds - 1, 0);
    }
    return nanos == 0 ? new PaxTime(-seconds, 0) : new PaxTime(-seconds - 1, NANOS - nanos);
  }
}
