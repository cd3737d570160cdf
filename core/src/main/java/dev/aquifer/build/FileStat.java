package dev.aquifer.build;

import dev.aquifer.image.FileType;
import org.jspecify.annotations.Nullable;

/**
 * What stat(2) says of a file.
 *
 * @param mode type and permission bits as in st_mode
 * @param uid user id, 0 to 2^32-1
 * @param gid group id, 0 to 2^32-1
 * @param sizeBytes length of a regular file; without meaning for others
 * @param mtimeSeconds whole seconds since 1970, possibly negative
 * @param mtimeNanos 0 to 999,999,999
 * @param rdev device number of a device file as EROFS and the kernel encode it in 32 bits: {@code
 *     minor & 0xff | major << 8 | (minor & ~0xff) << 12}; 0 for others
 * @param dev with {@code ino}, tells whether two names are one file
 * @param ino see {@code dev}
 * @param nlink count of names, as far as the source knows
 * @param changeToken differs when the file was changed in between, e.g. ctime in nanoseconds
 */
public record FileStat(
    int mode,
    long uid,
    long gid,
    long sizeBytes,
    long mtimeSeconds,
    int mtimeNanos,
    long rdev,
    long dev,
    long ino,
    long nlink,
    long changeToken) {
  /** The type of file, or null if the mode is of none. */
  public @Nullable FileType type() {
    return FileType.ofMode(mode);
  }

  /** Whether it is a regular file. */
  public boolean isRegular() {
    return type() == FileType.REGULAR;
  }

  /** Whether it is a directory. */
  public boolean isDirectory() {
    return type() == FileType.DIRECTORY;
  }

  /** Whether it is a symbolic link. */
  public boolean isSymlink() {
    return type() == FileType.SYMBOLIC_LINK;
  }

  /** Whether it is a block or character device. */
  public boolean isDevice() {
    FileType type = type();
    return type != null && type.isDevice();
  }

  /** Whether it is a character device 0:0, by which overlayfs hides a name. */
  public boolean isWhiteout() {
    return type() == FileType.CHARACTER_DEVICE && rdev == 0;
  }

  /** The 32-bit encoding of a device number that {@link #rdev} has. */
  public static long rdev(long major, long minor) {
    return (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xfff00) << 12;
  }
}
