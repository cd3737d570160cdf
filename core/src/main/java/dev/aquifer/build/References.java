package dev.aquifer.build;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Finds from the start of a piece to its end where it can refer to clusters of earlier data. Those
 * can only be had from the first byte that they decode to:
 *
 * <pre>
 *   source  |  cluster  |   cluster   |  cluster  |
 *                  [========= equal =========]
 *   piece      ....[....|   cluster   | part ]....
 * </pre>
 *
 * No two clusters may begin in the same logical cluster of a file, unless they lie byte by byte.
 * Used by one thread.
 */
final class References {
  /** What is nearer than this the compressor finds itself. */
  private static final int MIN_DISTANCE_BYTES = 64 << 10;

  private final List<Match> matches;
  private final StoredPiece own;
  private final int sizeBytes;
  private final BlockSize block;
  private final boolean isBytewise;

  /**
   * Those of a piece.
   *
   * @param matches in order
   * @param own what is stored of the piece, which grows meanwhile
   * @param sizeBytes of the piece, which begins with a block of its file
   */
  References(List<Match> matches, StoredPiece own, int sizeBytes, Encoding encoding) {
    this.matches = new ArrayList<>(matches);
    this.own = own;
    this.sizeBytes = sizeBytes;
    this.block = encoding.block();
    this.isBytewise = encoding.isBytewise();
  }

  /**
   * The first one at or behind {@code at}, where a cluster ends, and the next one begins. If it is
   * behind, its cluster may not be stored yet, and may turn out not to be there.
   *
   * @param goesOn whether what ends is a reference
   */
  @Nullable Reference next(int at, boolean goesOn) {
    while (!matches.isEmpty() && matches.getFirst().end() <= at) {
      matches.removeFirst();
    }
    for (int i = 0; i < matches.size(); ) {
      Match match = matches.get(i);
      Reference found = find(match, at, goesOn);
      if (found != null) {
        return found;
      }
      if (match.source() == own) {
        i++;
      } else {
        matches.remove(i);
      }
    }
    return null;
  }

  private @Nullable Reference find(Match match, int at, boolean goesOn) {
    StoredPiece source = match.source();
    int shift = match.start() - match.sourceStart();
    int from = Math.max(match.start(), at);
    for (int i = source.firstFrom(from - shift); i < source.count(); i++) {
      int start = source.start(i) + shift;
      int rest = match.end() - start;
      if (rest < (goesOn && start == at ? 1 : block.bytes())) {
        return null;
      }
      int length = Math.min(source.lengthBytes(i), rest);
      if (mayBegin(start, at) && isEnough(start, length, block.count(source.storedBytes(i)))) {
        return source.refer(i, start, length);
      }
    }
    if (source == own && from - shift <= at && shift >= MIN_DISTANCE_BYTES) {
      // The cluster that begins at this place.
      int start = at + shift;
      if (match.end() - start >= block.bytes() && mayBegin(start, at)) {
        return new Reference(start, match.end() - start, own, source.count());
      }
    }
    return null;
  }

  /**
   * Whether an index can tell of it: the next cluster needs a logical cluster of its own, and so
   * does the count of several blocks.
   */
  private boolean isEnough(int start, int length, long blocks) {
    return length >= (isBytewise ? 1 : Math.min(blocks, 2)) * block.bytes()
        || (isBytewise || blocks == 1) && start + length == sizeBytes;
  }

  private boolean mayBegin(int start, int at) {
    return isBytewise || start == at || start >>> block.bits() > at >>> block.bits();
  }
}
