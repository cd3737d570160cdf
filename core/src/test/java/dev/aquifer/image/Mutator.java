package dev.aquifer.image;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Makes copies of an image with bytes changed at random, most of them where metadata is. */
final class Mutator {
  /** What looks like a number with a meaning is worth more than any other. */
  private static final long[] SPECIAL = {
    0,
    1,
    -1,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    0x7fff,
    0x8000,
    0xffff,
    0xffffffffL,
    0xffffffffffffL,
    1L << 62
  };

  private final byte[] whole;
  private final List<Integer> indexes;

  Mutator(byte[] whole, Image image) throws IOException {
    this.whole = whole;
    this.indexes = indexes(image);
  }

  /** Where the indexes of compressed files begin, and in the metabox its own. */
  private static List<Integer> indexes(Image image) throws IOException {
    List<Inode> inodes = new ArrayList<>();
    image.directory(image.root()).forEach(entry -> inodes.add(image.inode(entry)));
    for (long nid : List.of(image.superblock().packedNid(), image.superblock().metaboxNid())) {
      if (nid != 0) {
        inodes.add(image.inode(nid));
      }
    }
    List<Integer> positions = new ArrayList<>();
    for (Inode inode : inodes) {
      if (!inode.isInMetabox() && inode.layout() instanceof DataLayout.Compressed compressed) {
        positions.add((int) compressed.headerPositionBytes());
      }
    }
    return positions;
  }

  /** The image with some bytes changed, or cut short. */
  byte[] next(Random random) {
    if (random.nextInt(20) == 0) {
      return PatchedImage.cut(whole, random.nextInt(whole.length));
    }
    PatchedImage image = new PatchedImage(whole);
    // Metadata is at the front of these images, or in the last blocks.
    int area = Math.min(whole.length - 8, 16 * 1024);
    for (int n = 1 + random.nextInt(4); n > 0; n--) {
      int position =
          switch (random.nextInt(8)) {
            case 0, 1 -> whole.length - 8 - area + random.nextInt(area);
            case 2 -> random.nextInt(whole.length - 8);
            case 3, 4, 5 ->
                indexes.isEmpty()
                    ? random.nextInt(area)
                    : indexes.get(random.nextInt(indexes.size())) + random.nextInt(64);
            default -> random.nextInt(area);
          };
      position = Math.min(position, whole.length - 8);
      switch (random.nextInt(4)) {
        case 0 -> image.u8(position, random.nextInt(256));
        case 1 -> image.u16(position & -2, (int) special(random));
        case 2 -> image.u32(position & -4, special(random));
        default -> image.u64(position & -4, special(random));
      }
    }
    return image.bytes();
  }

  private static long special(Random random) {
    return random.nextBoolean() ? SPECIAL[random.nextInt(SPECIAL.length)] : random.nextInt(256);
  }
}
