package dev.aquifer.tool;

import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.image.Superblock;
import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** A chain of directories, each in the one before, with names as long as they can be. */
final class DeepImage {
  private static final int BLOCK_BYTES = 4096;
  private static final int DIRECTORY_BYTES = 352;
  private static final int PER_BLOCK = BLOCK_BYTES / DIRECTORY_BYTES;

  private DeepImage() {}

  static Image of(int depth) throws IOException {
    int blocks = 2 + depth / PER_BLOCK;
    ByteBuffer image = ByteBuffer.allocate(blocks * BLOCK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    int sb = Superblock.POSITION_BYTES;
    image.putInt(sb, (int) Superblock.MAGIC).put(sb + 12, (byte) 12);
    image.putShort(sb + 14, (short) nid(0)).putLong(sb + 16, depth).putInt(sb + 36, blocks);
    for (int i = 0; i < depth; i++) {
      putDirectory(image, i, depth);
    }
    return Image.open(ByteSource.of("image", image.array()));
  }

  private static int nid(int number) {
    int position = BLOCK_BYTES * (1 + number / PER_BLOCK) + number % PER_BLOCK * DIRECTORY_BYTES;
    return position / Inode.SLOT_BYTES;
  }

  /** An inode with inline data. */
  private static void putDirectory(ByteBuffer image, int number, int depth) {
    byte[] child = new byte[number == depth - 1 ? 0 : 255];
    Arrays.fill(child, (byte) 'd');
    int entries = child.length == 0 ? 2 : 3;
    int names = 12 * entries;
    int at = nid(number) * Inode.SLOT_BYTES;
    image.putShort(at, (short) (2 << 1)).putShort(at + 4, (short) 040755);
    image.putShort(at + 6, (short) entries).putInt(at + 8, names + 3 + child.length);
    int data = at + Inode.COMPACT_BYTES;
    putEntry(image, data, nid(number), names);
    putEntry(image, data + 12, nid(Math.max(0, number - 1)), names + 1);
    if (entries > 2) {
      putEntry(image, data + 24, nid(number + 1), names + 3);
    }
    image.put(data + names, new byte[] {'.', '.', '.'}).put(data + names + 3, child);
  }

  private static void putEntry(ByteBuffer image, int at, int nid, int nameOffset) {
    image.putLong(at, nid).putShort(at + 8, (short) nameOffset).put(at + 10, (byte) 2);
  }
}
