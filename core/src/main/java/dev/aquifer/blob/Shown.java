package dev.aquifer.blob;

/** What messages show of URLs: their queries and users are often secrets. */
public final class Shown {
  private Shown() {}

  /** The URL, which may be malformed, up to its query, and without user and password. */
  public static String url(String url) {
    return url.replaceFirst("(?s)[?#].*", "").replaceFirst("//[^/]*@", "//");
  }

  /** A text in which there may be URLs, without their queries. */
  static String text(String text) {
    return text.replaceAll("\\?\\S+", "?…");
  }
}
