package dev.aquifer.blob;

import dev.aquifer.io.BackendException;
import java.io.IOException;
import java.net.http.HttpHeaders;
import java.net.http.HttpResponse.ResponseInfo;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What the status and headers of an answer say (RFC 9110). */
record HttpAnswer(String object, int status, HttpHeaders headers) {
  private static final Pattern CONTENT_RANGE =
      Pattern.compile("bytes (?:(\\d{1,18})-(\\d{1,18})|\\*)/(\\d{1,18}|\\*)");

  /** A parsed Content-Range; -1 for what it leaves open. */
  record ContentRange(long first, long last, long total) {}

  static HttpAnswer of(String object, ResponseInfo info) throws BackendException {
    HttpAnswer answer = new HttpAnswer(object, info.statusCode(), info.headers());
    String encoding = answer.header("content-encoding").orElse("identity");
    if (!encoding.equals("identity")) {
      throw answer.wrong("is sent in encoding '" + encoding + "'", "expected none");
    }
    return answer;
  }

  Optional<String> header(String name) {
    return headers.firstValue(name);
  }

  /** The Content-Length; -1 without one. */
  long contentLength() {
    try {
      return header("content-length").map(Long::parseLong).orElse(-1L);
    } catch (NumberFormatException e) {
      return -1;
    }
  }

  @Nullable ContentRange contentRange() {
    Matcher matcher = CONTENT_RANGE.matcher(header("content-range").orElse(""));
    if (!matcher.matches()) {
      return null;
    }
    return new ContentRange(
        number(matcher.group(1)), number(matcher.group(2)), number(matcher.group(3)));
  }

  private static long number(@Nullable String digits) {
    return digits == null || digits.equals("*") ? -1 : Long.parseLong(digits);
  }

  /**
   * The strong validator: an entity tag that is not weak, or a modification time at least a second
   * before the answer's own date (RFC 9110, 8.8.2.2); null if there is none.
   */
  @Nullable String version() {
    String tag = header("etag").orElse("");
    if (tag.startsWith("\"")) {
      return tag;
    }
    String modified = header("last-modified").orElse(null);
    Instant modifiedAt = date(modified);
    Instant answeredAt = date(header("date").orElse(null));
    boolean isStrong =
        modifiedAt != null
            && answeredAt != null
            && !Duration.between(modifiedAt, answeredAt).minusSeconds(1).isNegative();
    return isStrong ? modified : null;
  }

  /** What this answer says in the place of {@code version}, another answer's validator. */
  @Nullable String versionLike(String version) {
    return header(version.startsWith("\"") ? "etag" : "last-modified").orElse(null);
  }

  private static @Nullable Instant date(@Nullable String text) {
    if (text == null) {
      return null;
    }
    try {
      return ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
    } catch (DateTimeParseException e) {
      return null;
    }
  }

  /** An answer that no repetition will better. */
  BackendException wrong(String what, String expected) {
    return new BackendException("%s: %s: %s".formatted(object, what, expected), false, null);
  }

  /** The object is not what it was. */
  BackendException changed(String what) {
    return wrong(what, "it was changed at the origin: mount it anew");
  }

  /** The failure that a status other than 200, 206 and 416 means. */
  BackendException refused() {
    String what =
        switch (status) {
          case 401, 403 -> "access denied: check the origin's permissions";
          case 404, 410 -> "no such object: check the URL";
          case 416 -> "the range is beyond its end: it was changed or truncated";
          default ->
              status / 100 == 3
                  ? "redirects to '%s': not followed"
                      .formatted(Shown.url(header("location").orElse("")))
                  : "expected 200 or 206";
        };
    return new BackendException(
        "%s: the origin answered %d: %s".formatted(object, status, what),
        isTransient(status),
        retryAfter());
  }

  private static boolean isTransient(int status) {
    return switch (status) {
      case 408, 425, 429 -> true;
      case 501, 505 -> false;
      default -> status >= 500;
    };
  }

  private @Nullable IOException retryAfter() {
    String text = header("retry-after").orElse("").strip().toLowerCase(Locale.ROOT);
    if (text.matches("\\d{1,9}")) {
      return new RetryAfter(Long.parseLong(text) * 1000);
    }
    Instant at = date(header("retry-after").orElse(null));
    if (at == null) {
      return null;
    }
    return new RetryAfter(Math.max(0, Duration.between(Instant.now(), at).toMillis()));
  }
}
