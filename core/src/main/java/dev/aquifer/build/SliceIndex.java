package dev.aquifer.build;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Where slices were seen. Of equal ones the last one counts, or that which goes on behind the one
 * before: what two files have in common is then one long match. Used by one thread.
 */
final class SliceIndex {
  private static final int NONE = -1;

  /** The number of a content by its digest. */
  private final DigestIndex contents = new DigestIndex();

  private int contentCount;

  /** Where each content was seen last. */
  private int[] last = new int[1 << 10];

  private final List<StoredPiece> pieces = new ArrayList<>();

  /** The slices in the order in which they were seen: content, piece, and start in the piece. */
  private int[] contentOf = new int[1 << 10];

  private int[] pieceOf = new int[1 << 10];
  private int[] startOf = new int[1 << 10];
  private int count;

  /** Notes the slices of a piece; returns what of it is equal to earlier data, in order. */
  List<Match> add(Slices slices, int piece, StoredPiece target) {
    pieces.add(target);
    List<Match> matches = new ArrayList<>();
    int start = 0;
    int next = NONE;
    for (int slice = slices.first(piece); slice < slices.first(piece + 1); slice++) {
      int length = slices.end(slice) - start;
      long known = contents.find(slices.digests(), Slices.digestAt(slice));
      int found = NONE;
      if (known != DigestIndex.ABSENT) {
        boolean goesOn = next != NONE && next < count && contentOf[next] == known;
        found = goesOn ? next : last[(int) known];
        addMatch(matches, new Match(start, length, pieces.get(pieceOf[found]), startOf[found]));
      } else {
        known = contentCount++;
        contents.put(slices.digests(), Slices.digestAt(slice), known);
      }
      note((int) known, start);
      next = found == NONE ? NONE : found + 1;
      start += length;
    }
    return matches;
  }

  private static void addMatch(List<Match> matches, Match match) {
    if (!matches.isEmpty()) {
      Match before = matches.getLast();
      if (before.end() == match.start()
          && before.source() == match.source()
          && before.sourceStart() + before.lengthBytes() == match.sourceStart()) {
        int length = before.lengthBytes() + match.lengthBytes();
        matches.set(
            matches.size() - 1,
            new Match(before.start(), length, before.source(), before.sourceStart()));
        return;
      }
    }
    matches.add(match);
  }

  private void note(int content, int start) {
    if (count == contentOf.length) {
      contentOf = Arrays.copyOf(contentOf, 2 * count);
      pieceOf = Arrays.copyOf(pieceOf, 2 * count);
      startOf = Arrays.copyOf(startOf, 2 * count);
    }
    if (content >= last.length) {
      last = Arrays.copyOf(last, 2 * last.length);
    }
    contentOf[count] = content;
    pieceOf[count] = pieces.size() - 1;
    startOf[count] = start;
    last[content] = count++;
  }
}
