package dev.aquifer.build;

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
  /** Mask of the type bits in a mode. */
  public static final int TYPE_MASK = 0170000;

  /** A socket. */
  public static final int SOCKET = 0140000;

  /** A symbolic link. */
  public static final int SYMLINK = 0120000;

  /** A regular file. */
  public static final int REGULAR = 0100000;

  /** A block device. */
  public static final int BLOCK_DEVICE = 0060000;

  /** A directory. */
  public static final int DIRECTORY = 0040000;

  /** A character device. */
  public static final int CHARACTER_DEVICE = 0020000;

  /** A named pipe. */
  public static final int FIFO = 0010000;

  /** The type bits: one of the constants above. */
  public int type() {
    return mode & TYPE_MASK;
  }

  /** Whether it is a regular file. */
  public boolean isRegular() {
    return type() == REGULAR;
  }

  /** Whether it is a directory. */
  public boolean isDirectory() {
    return type() == DIRECTORY;
  }

  /** Whether it is a symbolic link. */
  public boolean isSymlink() {
    return type() == SYMLINK;
  }

  /** Whether it is a block or character device. */
  public boolean isDevice() {
    return type() == BLOCK_DEVICE || type() == CHARACTER_DEVICE;
  }

  /** The 32-bit encoding of a device number that {@link #rdev} has. */
  public static long rdev(long major, long minor) {
    return (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xfff00) << 12;
  }
}
