package dev.aquifer.cli;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.zone.ZoneRules;

/** Times of files in the local time zone, as GNU {@code ls} and {@code stat} show them. */
final class FileTimeText {
  private static final String[] MONTHS = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
  };

  /** Half of a mean year in seconds. */
  private static final long HALF_YEAR = 31556952 / 2;

  private final ZoneRules zone = ZoneId.systemDefault().getRules();
  private final long now = Instant.now().getEpochSecond();

  /** {@code Mar 5 17:08} in the last half year, else {@code Mar 5 2024}. */
  String brief(long seconds) {
    LocalDateTime time;
    try {
      time = LocalDateTime.ofEpochSecond(seconds, 0, offset(seconds));
    } catch (DateTimeException e) {
      return "@" + seconds;
    }
    StringBuilder text = new StringBuilder(16).append(MONTHS[time.getMonthValue() - 1]).append(' ');
    pad(text, time.getDayOfMonth(), ' ').append(' ');
    if (seconds <= now && seconds > now - HALF_YEAR) {
      pad(text, time.getHour(), '0').append(':');
      return pad(text, time.getMinute(), '0').toString();
    }
    String year = Integer.toString(time.getYear());
    return text.repeat(' ', Math.max(0, 5 - year.length())).append(year).toString();
  }

  /** {@code 2024-03-05 17:08:00.000000000 +0100}. */
  String full(long seconds, int nanos) {
    LocalDateTime time;
    ZoneOffset offset;
    try {
      offset = offset(seconds);
      time = LocalDateTime.ofEpochSecond(seconds, 0, offset);
    } catch (DateTimeException e) {
      return "@" + seconds;
    }
    int year = time.getYear();
    StringBuilder text = new StringBuilder(40);
    if (year >= 0 && year < 1000) {
      text.repeat('0', 4 - Integer.toString(year).length());
    }
    text.append(year).append('-');
    pad(text, time.getMonthValue(), '0').append('-');
    pad(text, time.getDayOfMonth(), '0').append(' ');
    pad(text, time.getHour(), '0').append(':');
    pad(text, time.getMinute(), '0').append(':');
    pad(text, time.getSecond(), '0').append('.');
    text.append(Integer.toString(1_000_000_000 + nanos), 1, 10).append(' ');
    int minutes = offset.getTotalSeconds() / 60;
    text.append(minutes < 0 ? '-' : '+');
    pad(text, Math.abs(minutes) / 60, '0');
    return pad(text, Math.abs(minutes) % 60, '0').toString();
  }

  private ZoneOffset offset(long seconds) {
    return zone.isFixedOffset()
        ? zone.getOffset(Instant.EPOCH)
        : zone.getOffset(Instant.ofEpochSecond(seconds));
  }

  private static StringBuilder pad(StringBuilder text, int number, char with) {
    if (number < 10) {
      text.append(with);
    }
    return text.append(number);
  }
}
