package dev.aquifer.build;

import dev.aquifer.io.LittleEndian;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The data of a directory: names in bytewise order with {@code .}, if it is wanted, and {@code ..}
 * among them, cut in blocks that each stand for themselves.
 *
 * <table>
 * <caption>a block: n entries, then n names back to back; little endian</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>12 i</td><td>8</td><td>nid</td><td>the inode</td></tr>
 * <tr><td>12 i + 8</td><td>2</td><td>nameoff</td><td>where the name starts; that of the first is 12
 * n</td></tr>
 * <tr><td>12 i + 10</td><td>1</td><td>file type</td><td>1 regular, 2 directory, 3 character, 4 block
 * device, 5 pipe, 6 socket, 7 link</td></tr>
 * <tr><td>12 i + 11</td><td>1</td><td>reserved</td><td>0</td></tr>
 * </table>
 */
final class DirectoryBlocks {
  private static final int ENTRY_BYTES = 12;
  private static final byte[] SELF = {'.'};
  private static final byte[] PARENT = {'.', '.'};

  private final byte[][] names;
  private final Node[] nodes;

  /** Index of the first name of each block, and the count of names at the end. */
  private final int[] starts;

  private final int blockBytes;
  private final int lastBlockBytes;

  /**
   * The blocks of {@code directory}.
   *
   * @param omitsDot whether there is no entry for the directory itself
   */
  DirectoryBlocks(Node.Directory directory, BlockSize block, boolean omitsDot) {
    this.blockBytes = block.bytes();
    int count = directory.names.length;
    int all = count + (omitsDot ? 1 : 2);
    names = new byte[all][];
    nodes = new Node[all];
    int at = 0;
    boolean hasSelf = omitsDot;
    boolean hasParent = false;
    for (int i = 0; i <= count; i++) {
      if (!hasSelf && isBefore(SELF, directory, i)) {
        names[at] = SELF;
        nodes[at++] = directory;
        hasSelf = true;
      }
      if (!hasParent && isBefore(PARENT, directory, i)) {
        names[at] = PARENT;
        nodes[at++] = directory.parent;
        hasParent = true;
      }
      if (i < count) {
        names[at] = directory.names[i];
        nodes[at++] = directory.children[i];
      }
    }
    List<Integer> blockStarts = new ArrayList<>();
    int used = blockBytes;
    for (int i = 0; i < names.length; i++) {
      int length = ENTRY_BYTES + names[i].length;
      if (used + length > blockBytes) {
        blockStarts.add(i);
        used = 0;
      }
      used += length;
    }
    blockStarts.add(names.length);
    starts = blockStarts.stream().mapToInt(Integer::intValue).toArray();
    lastBlockBytes = used;
  }

  private static boolean isBefore(byte[] name, Node.Directory directory, int index) {
    return index == directory.names.length
        || Arrays.compareUnsigned(name, directory.names[index]) < 0;
  }

  /** The count of blocks, the last one mostly not full. */
  int count() {
    return starts.length - 1;
  }

  /** The size of the directory: whole blocks, and the bytes that are used of the last. */
  long sizeBytes() {
    return (count() - 1L) * blockBytes + lastBlockBytes;
  }

  /** Writes block {@code index} to zeroed memory of one block, or of what the last one needs. */
  void write(int index, MemorySegment dst) {
    int first = starts[index];
    int next = starts[index + 1];
    int nameAt = (next - first) * ENTRY_BYTES;
    for (int i = first; i < next; i++) {
      long at = (long) (i - first) * ENTRY_BYTES;
      LittleEndian.put64(dst, at, nodes[i].nid);
      LittleEndian.put16(dst, at + 8, nameAt);
      LittleEndian.put8(dst, at + 10, nodes[i].type().direntNumber());
      MemorySegment.copy(names[i], 0, dst, ValueLayout.JAVA_BYTE, nameAt, names[i].length);
      nameAt += names[i].length;
    }
  }
}
