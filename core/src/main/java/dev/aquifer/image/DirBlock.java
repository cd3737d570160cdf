package dev.aquifer.image;

import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import java.io.IOException;
import java.util.Arrays;
import java.util.function.Supplier;

/**
 * One block of a directory: entries, then their names back to back, little endian. The names, of
 * the whole directory, are in the order of their unsigned bytes.
 *
 * <table>
 * <caption>directory entry</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><td>0</td><td>8</td><td>nid</td><td>the inode</td></tr>
 * <tr><td>8</td><td>2</td><td>nameoff</td><td>where the name begins in the block; that of the first
 * entry is also the end of the entries; a name ends where the next one begins, the last at a zero
 * byte or with the block</td></tr>
 * <tr><td>10</td><td>1</td><td>file_type</td><td>see {@link FileType}</td></tr>
 * <tr><td>11</td><td>1</td><td>reserved</td><td></td></tr>
 * </table>
 */
final class DirBlock {
  private static final int ENTRY_BYTES = 12;
  private static final int MAX_NAME_BYTES = 255;

  private final byte[] bytes;
  private final int start;
  private final int length;
  private final int count;
  private final Supplier<String> place;

  /**
   * Takes one block, or what the directory's last one has: {@code length} bytes of {@code bytes}
   * from {@code start} on.
   *
   * @param place what it is part of, for messages
   */
  DirBlock(byte[] bytes, int start, int length, Supplier<String> place) throws IOException {
    this.bytes = bytes;
    this.start = start;
    this.length = length;
    this.place = place;
    int firstName = length < ENTRY_BYTES ? 0 : LittleEndian.u16(bytes, start + 8);
    if (firstName < ENTRY_BYTES || firstName % ENTRY_BYTES != 0 || firstName >= length) {
      throw new CorruptDataException(
          "%s: entry 0: name offset %d: expected a multiple of %d inside the block of %d bytes"
              .formatted(place.get(), firstName, ENTRY_BYTES, length));
    }
    this.count = firstName / ENTRY_BYTES;
  }

  /** The number of entries, at least 1. */
  int count() {
    return count;
  }

  /** Entry {@code index}, checked by itself. */
  DirEntry entry(int index) throws IOException {
    int at = start + index * ENTRY_BYTES;
    int number = bytes[at + 10] & 0xff;
    FileType type = FileType.ofDirent(number);
    if (type == null) {
      throw corrupt(index, "file type %d: expected 1 to 7".formatted(number));
    }
    return new DirEntry(name(index), LittleEndian.u64(bytes, at), type);
  }

  /** The name of entry {@code index}, checked to be one. */
  byte[] name(int index) throws IOException {
    int from = nameOffset(index);
    boolean isLast = index == count - 1;
    int to = isLast ? length : nameOffset(index + 1);
    if (from < count * ENTRY_BYTES || to <= from || to > length) {
      throw corrupt(
          index,
          "name at bytes %d to %d of the block: expected %d to %d, and at least one byte"
              .formatted(from, to, count * ENTRY_BYTES, length));
    }
    int end = isLast ? endOfLast(from, to) : to;
    byte[] name = Arrays.copyOfRange(bytes, start + from, start + end);
    checkName(index, name);
    return name;
  }

  private int nameOffset(int index) {
    return LittleEndian.u16(bytes, start + index * ENTRY_BYTES + 8);
  }

  private int endOfLast(int from, int to) {
    int end = from;
    while (end < to && bytes[start + end] != 0) {
      end++;
    }
    return end;
  }

  private void checkName(int index, byte[] name) throws IOException {
    if (name.length == 0 || name.length > MAX_NAME_BYTES) {
      throw corrupt(
          index, "a name of %d bytes: expected 1 to %d".formatted(name.length, MAX_NAME_BYTES));
    }
    for (byte b : name) {
      if (b == 0 || b == '/') {
        throw corrupt(
            index, "name %s has a byte that no name has".formatted(ByteNames.quote(name)));
      }
    }
  }

  private CorruptDataException corrupt(int index, String what) {
    return new CorruptDataException("%s: entry %d: %s".formatted(place.get(), index, what));
  }
}
