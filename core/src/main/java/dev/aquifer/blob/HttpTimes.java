package dev.aquifer.blob;

/**
 * How long an HTTP origin may take.
 *
 * @param answerMillis from the request to the headers of the answer, connecting included
 * @param stallMillis between two pieces of a body
 * @param minBytesPerSecond a body slower than this is given up, so that a whole request ends within
 *     {@code answerMillis + stallMillis + bytes / minBytesPerSecond}
 */
record HttpTimes(long answerMillis, long stallMillis, long minBytesPerSecond) {
  static final HttpTimes DEFAULT = new HttpTimes(15_000, 10_000, 256 << 10);

  long totalMillis(long bodyBytes) {
    return answerMillis + stallMillis + bodyBytes * 1000 / minBytesPerSecond;
  }
}
