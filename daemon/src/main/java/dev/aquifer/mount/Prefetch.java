package dev.aquifer.mount;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;

/**
 * What is fetched ahead of a reader, always behind demand: the mount option {@code prefetch=}.
 *
 * @param mode whether the mount follows its readers, keeps still, or fetches everything
 * @param windowBytes how far ahead of a reader is fetched at most; 0 unless the mode is {@link
 *     Mode#AHEAD}
 */
public record Prefetch(Mode mode, long windowBytes) {
  /** The kinds of prefetch. */
  public enum Mode {
    /** Only what is read. */
    NONE,
    /** What follows a read, up to the window. */
    AHEAD,
    /** Whole blobs in the background, beside what follows a read. */
    ALL
  }

  /** What follows a read, as far as measurement found useful. */
  public static final Prefetch DEFAULT = new Prefetch(Mode.AHEAD, 8L << 20);

  /** Only what is read. */
  public static final Prefetch NONE = new Prefetch(Mode.NONE, 0);

  /** Whole blobs in the background. */
  public static final Prefetch ALL = new Prefetch(Mode.ALL, DEFAULT.windowBytes);

  private static final long MAX_WINDOW_BYTES = 1L << 30;

  /**
   * Reads the value of the option: {@code default}, {@code all}, 0, or a size such as {@code 4M}.
   *
   * @throws RefusedException EINVAL, for anything else
   */
  public static Prefetch parse(String text) throws RefusedException {
    return switch (text) {
      case "default" -> DEFAULT;
      case "all" -> ALL;
      case "0" -> NONE;
      default -> ofWindow(text);
    };
  }

  private static Prefetch ofWindow(String text) throws RefusedException {
    int shift =
        switch (text.isEmpty() ? 0 : text.charAt(text.length() - 1)) {
          case 'K', 'k' -> 10;
          case 'M', 'm' -> 20;
          case 'G', 'g' -> 30;
          default -> 0;
        };
    String digits = shift == 0 ? text : text.substring(0, text.length() - 1);
    if (digits.matches("[0-9]{1,10}")) {
      long bytes = Long.parseLong(digits) << shift;
      if (bytes == 0) {
        return NONE;
      }
      if (bytes <= MAX_WINDOW_BYTES) {
        return new Prefetch(Mode.AHEAD, bytes);
      }
    }
    throw new RefusedException(
        Errno.EINVAL,
        "mount option prefetch='%s': expected default, all, 0, or a size up to 1G such as 4M"
            .formatted(text));
  }

  /** The one that fetches more: for a blob that several mounts use. */
  Prefetch max(Prefetch other) {
    return new Prefetch(
        mode.compareTo(other.mode) >= 0 ? mode : other.mode,
        Math.max(windowBytes, other.windowBytes));
  }

  /** The form that {@link #parse} reads. */
  @Override
  public String toString() {
    return switch (mode) {
      case NONE -> "0";
      case ALL -> "all";
      case AHEAD -> equals(DEFAULT) ? "default" : Long.toString(windowBytes);
    };
  }
}
