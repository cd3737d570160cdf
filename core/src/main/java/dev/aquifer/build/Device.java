package dev.aquifer.build;

import java.nio.charset.StandardCharsets;

/**
 * A device slot of the image.
 *
 * @param tag what the image calls the device: up to 64 bytes of UTF-8, see {@link #checkTag}
 * @param blocks its size
 */
record Device(String tag, long blocks) {
  private static final int MAX_TAG_BYTES = 64;

  /** {@code tag}, if it can be one. */
  static String checkTag(String tag) {
    if (tag.getBytes(StandardCharsets.UTF_8).length > MAX_TAG_BYTES || tag.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          "device tag '%s': expected at most %d bytes of UTF-8".formatted(tag, MAX_TAG_BYTES));
    }
    return tag;
  }
}
