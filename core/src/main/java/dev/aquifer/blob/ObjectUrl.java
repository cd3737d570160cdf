package dev.aquifer.blob;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.util.Locale;

/**
 * The URL of one object, as an origin and a key below it.
 *
 * @param location what {@link Backend#open} takes: all before the object's name, and the query
 * @param key the object's name
 */
public record ObjectUrl(String location, String key) {
  /** Whether {@code reference} is an {@code http} or {@code https} URL. */
  public static boolean isUrl(String reference) {
    String lower = reference.toLowerCase(Locale.ROOT);
    return lower.startsWith("http://") || lower.startsWith("https://");
  }

  /**
   * Takes {@code url} apart, for which {@link #isUrl} holds.
   *
   * @throws RefusedException EINVAL if it names no file: it has no path, or one that ends with
   *     {@code /}
   */
  public static ObjectUrl of(String url) throws RefusedException {
    int query = url.indexOf('?');
    String path = query < 0 ? url : url.substring(0, query);
    int slash = path.lastIndexOf('/');
    if (slash < path.indexOf("://") + "://x".length() || slash == path.length() - 1) {
      throw new RefusedException(Errno.EINVAL, Shown.url(url) + ": expected the URL of a file");
    }
    String location = path.substring(0, slash) + (query < 0 ? "" : url.substring(query));
    return new ObjectUrl(location, path.substring(slash + 1));
  }
}
