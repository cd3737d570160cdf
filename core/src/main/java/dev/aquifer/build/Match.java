package dev.aquifer.build;

/**
 * A stretch of a piece that is equal to one of earlier data.
 *
 * @param start where it begins in the piece
 * @param lengthBytes how long both are
 * @param source the piece with the earlier one; may be the same piece
 * @param sourceStart where that begins in {@code source}
 */
record Match(int start, int lengthBytes, StoredPiece source, int sourceStart) {
  int end() {
    return start + lengthBytes;
  }
}
