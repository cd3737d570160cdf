package dev.aquifer.codec;

/**
 * Looks for the longest prefix whose stream fits, when all one can do is to compress some length
 * and look: from the ratio of the cluster before, then along the line through the nearest tries,
 * until what is left over is not worth another.
 */
final class Search {
  /** The size of a stream of which nothing is known but that it does not fit. */
  static final int UNKNOWN = Integer.MAX_VALUE;

  /** The ratio of binaries and texts, more or less. */
  private static final double FIRST_RATIO = 3;

  /** Tries at most; then, what fits best is taken, and if nothing did, halves are tried. */
  private static final int TRIES = 8;

  private static final int HALVES = 24;

  /** Of the output, what may be left over. */
  private static final int SLACK = 256;

  /** With less to gain than this part of the output, nothing is compressed. */
  private static final int LEAST_GAIN = 64;

  /** The input for each byte of output, in the cluster before. */
  private double ratio = FIRST_RATIO;

  private int available;
  private int limit;
  private int tries;

  /** The longest that fits, and its stream. */
  private int fits;

  private int fitsSize;

  /** The shortest that does not, and its stream. */
  private int tooLong;

  private int tooLongSize;

  void start(int available, int limit) {
    this.available = available;
    this.limit = limit;
    tries = 0;
    fits = 0;
    fitsSize = 0;
    tooLong = available + 1;
    tooLongSize = UNKNOWN;
  }

  /** The length to try, or 0 if it is enough. */
  int next() {
    int slack = limit / SLACK + 1;
    int least = Math.min(available, limit + limit / LEAST_GAIN + 1);
    if (tooLong <= fits + 1
        || fits > 0 && (limit - fitsSize <= slack || tries >= TRIES)
        || tries >= TRIES + HALVES
        // Nothing shorter would be worth it.
        || fits == 0 && tooLong <= least) {
      return 0;
    }
    // The middle of what is good enough.
    double aim = limit - slack / 2.0;
    double next;
    if (tries == 0) {
      next = Math.max(ratio * aim, least);
    } else if (fits == 0) {
      next = tooLongSize == UNKNOWN || tries >= TRIES ? tooLong / 2.0 : tooLong * aim / tooLongSize;
      next = Math.max(next, least);
    } else if (tooLongSize == UNKNOWN) {
      next = tooLong > available ? fits * aim / fitsSize : (fits + tooLong) / 2.0;
    } else {
      next = fits + (tooLong - fits) * (aim - fitsSize) / (tooLongSize - fitsSize);
    }
    return (int) Math.clamp(next, fits + 1.0, tooLong - 1.0);
  }

  /**
   * Takes the size of the stream of {@code length} bytes; returns whether it is the best so far.
   */
  boolean tried(int length, int size) {
    tries++;
    if (size <= limit) {
      fits = length;
      fitsSize = size;
      return true;
    }
    tooLong = length;
    tooLongSize = size;
    return false;
  }

  Fitted result() {
    if (fits <= fitsSize) {
      return Fitted.NOTHING;
    }
    if (fits < available) {
      ratio = (double) fits / fitsSize;
    }
    return new Fitted(fits, fitsSize);
  }

  void reset() {
    ratio = FIRST_RATIO;
  }
}
