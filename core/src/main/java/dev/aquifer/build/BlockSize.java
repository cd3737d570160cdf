package dev.aquifer.build;

/**
 * The size of an image's blocks.
 *
 * @param bits blocks have 2^bits bytes: 9 to 16
 */
record BlockSize(int bits) {
  /** What the kernel takes on every machine. */
  static final BlockSize USUAL = new BlockSize(12);

  static final int MIN_BITS = 9;
  static final int MAX_BITS = 16;
  static final int MAX_BYTES = 1 << MAX_BITS;

  BlockSize {
    if (bits < MIN_BITS || bits > MAX_BITS) {
      throw new IllegalArgumentException(
          "block size of 2^%d bytes: expected 2^%d to 2^%d".formatted(bits, MIN_BITS, MAX_BITS));
    }
  }

  int bytes() {
    return 1 << bits;
  }

  /** How many blocks {@code bytes} bytes need. */
  long count(long bytes) {
    return bytes + bytes() - 1 >>> bits;
  }

  /** The size of as many whole blocks. */
  long roundUp(long bytes) {
    return bytes + bytes() - 1 & -(long) bytes();
  }

  /** What {@code bytes} bytes have beyond their last whole block. */
  int tail(long bytes) {
    return (int) (bytes & bytes() - 1);
  }
}
