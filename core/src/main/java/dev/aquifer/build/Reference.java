package dev.aquifer.build;

/**
 * A cluster of earlier data that a piece has, too: all of what it decodes to, or the first bytes.
 *
 * @param start where its data begins in the piece that refers to it
 * @param lengthBytes how much of it is meant
 * @param piece the one that it was stored with
 * @param index its number there
 */
record Reference(int start, int lengthBytes, StoredPiece piece, int index) {
  int storedBytes() {
    return piece.storedBytes(index);
  }

  boolean isEncoded() {
    return piece.isEncoded(index);
  }

  /** Whether it decodes to more. */
  boolean isPartial() {
    return lengthBytes < piece.lengthBytes(index);
  }

  /** Where it is in the image; known when {@link #piece} is placed. */
  long positionBytes() {
    return piece.positionBytes(index);
  }
}
