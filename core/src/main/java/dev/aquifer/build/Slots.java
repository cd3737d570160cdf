package dev.aquifer.build;

import dev.aquifer.image.Inode;
import java.util.ArrayList;
import java.util.List;

/**
 * Gives inodes their place. They start at multiples of 32 bytes; what follows an inode inline must
 * not cross a block. The gaps that this leaves are filled with later inodes, as long as those are
 * near.
 */
final class Slots {
  /** How many gaps are remembered; more find hardly more room. */
  private static final int MAX_GAPS = 32;

  private record Gap(long start, long end) {}

  private final List<Gap> gaps = new ArrayList<>();
  private long end;

  private final int blockBytes;

  /** Starts at {@code startBytes}, a multiple of 32. */
  Slots(long startBytes, BlockSize block) {
    this.end = startBytes;
    this.blockBytes = block.bytes();
  }

  /** The longest tail that can follow any head. */
  static int maxTailBytes(BlockSize block) {
    return block.bytes() - Inode.SLOT_BYTES;
  }

  /** Where the last inode ends, a multiple of 32. */
  long endBytes() {
    return end;
  }

  /**
   * Finds a place.
   *
   * @param headBytes length of the inode and what may cross a block
   * @param tailBytes length of what follows and must not; if both fit in one block, they are put
   *     into one; at most {@link #maxTailBytes}
   * @return the position of the inode in bytes
   */
  long place(long headBytes, int tailBytes) {
    for (int i = 0; i < gaps.size(); i++) {
      Gap gap = gaps.get(i);
      long start = fit(gap.start, headBytes, tailBytes);
      long stop = roundUp(start + headBytes + tailBytes);
      if (stop <= gap.end) {
        gaps.remove(i);
        remember(gap.start, start);
        remember(stop, gap.end);
        return start;
      }
    }
    long start = fit(end, headBytes, tailBytes);
    remember(end, start);
    end = roundUp(start + headBytes + tailBytes);
    return start;
  }

  private void remember(long start, long stop) {
    if (stop > start) {
      if (gaps.size() == MAX_GAPS) {
        gaps.removeFirst();
      }
      gaps.add(new Gap(start, stop));
    }
  }

  /** The first place at or after {@code from} where an inode of this shape may start. */
  private long fit(long from, long headBytes, int tailBytes) {
    if (tailBytes == 0) {
      return from;
    }
    if (headBytes + tailBytes <= blockBytes) {
      long left = blockBytes - from % blockBytes;
      return headBytes + tailBytes <= left ? from : from + left;
    }
    // Linux 6.18 refuses a stream that starts at a block's first byte, if it is the second block of
    // a page.
    long start = from;
    while ((start + headBytes) % blockBytes == 0
        || (start + headBytes) % blockBytes + tailBytes > blockBytes) {
      start += Inode.SLOT_BYTES;
    }
    return start;
  }

  private static long roundUp(long bytes) {
    return bytes + Inode.SLOT_BYTES - 1 & -Inode.SLOT_BYTES;
  }
}
