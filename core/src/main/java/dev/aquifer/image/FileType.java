package dev.aquifer.image;

import org.jspecify.annotations.Nullable;

/**
 * The seven types of file, as directory entries number them and as modes encode them.
 *
 * <p>Source of the numbers: the format's directory entries (1 to 7) and the {@code S_IFMT} values
 * of Linux's {@code stat.h}.
 */
public enum FileType {
  /** A regular file. */
  REGULAR(1, 0x8000, "regular file"),
  /** A directory. */
  DIRECTORY(2, 0x4000, "directory"),
  /** A character device. */
  CHARACTER_DEVICE(3, 0x2000, "character device"),
  /** A block device. */
  BLOCK_DEVICE(4, 0x6000, "block device"),
  /** A named pipe. */
  FIFO(5, 0x1000, "fifo"),
  /** A Unix socket. */
  SOCKET(6, 0xc000, "socket"),
  /** A symbolic link. */
  SYMBOLIC_LINK(7, 0xa000, "symbolic link");

  private static final int FORMAT_MASK = 0xf000;
  private static final FileType[] ALL = values();

  private final int direntNumber;
  private final int modeBits;
  private final String words;

  FileType(int direntNumber, int modeBits, String words) {
    this.direntNumber = direntNumber;
    this.modeBits = modeBits;
    this.words = words;
  }

  /** The number in a directory entry, 1 to 7. */
  public int direntNumber() {
    return direntNumber;
  }

  /** The file type bits of a mode, as in {@code st_mode & S_IFMT}. */
  public int modeBits() {
    return modeBits;
  }

  /** The type that a directory entry's number stands for, or null. */
  static @Nullable FileType ofDirent(int number) {
    for (FileType type : ALL) {
      if (type.direntNumber == number) {
        return type;
      }
    }
    return null;
  }

  /** The type that a mode stands for, or null. */
  public static @Nullable FileType ofMode(int mode) {
    for (FileType type : ALL) {
      if (type.modeBits == (mode & FORMAT_MASK)) {
        return type;
      }
    }
    return null;
  }

  /** Whether inodes of this type have data: regular files, directories and symbolic links. */
  public boolean hasData() {
    return this == REGULAR || this == DIRECTORY || this == SYMBOLIC_LINK;
  }

  /** Whether inodes of this type name a device. */
  public boolean isDevice() {
    return this == CHARACTER_DEVICE || this == BLOCK_DEVICE;
  }

  /** The type in words, for messages. */
  @Override
  public String toString() {
    return words;
  }
}
