package dev.aquifer.image;

/**
 * The metadata of one file and where its data is. A value: two inodes of one image with the same
 * nid are equal. {@link Image} makes them.
 *
 * @param nid the inode's number; bit 63 is set for an inode in the metabox
 * @param positionBytes where the inode begins, in the primary device or in the metabox
 * @param type the type of file
 * @param mode type and permission bits, as {@code st_mode}: 16 bits
 * @param uid owner, 0 to 2^32-1
 * @param gid group, 0 to 2^32-1
 * @param nlink number of names
 * @param sizeBytes size of the data
 * @param mtimeSeconds time of the last modification in seconds since 1970, signed
 * @param mtimeNanos and its nanoseconds, 0 to 999,999,999
 * @param rdevMajor major number of a device, else 0
 * @param rdevMinor minor number of a device, else 0
 * @param xattrPositionBytes where the extended attributes begin
 * @param xattrSizeBytes the size of the extended attributes in the inode, 0 for none
 * @param layout where the data is
 */
public record Inode(
    long nid,
    long positionBytes,
    FileType type,
    int mode,
    long uid,
    long gid,
    long nlink,
    long sizeBytes,
    long mtimeSeconds,
    int mtimeNanos,
    int rdevMajor,
    int rdevMinor,
    long xattrPositionBytes,
    int xattrSizeBytes,
    DataLayout layout) {
  /** Inodes begin at multiples of this, and nids count them. */
  public static final int SLOT_BYTES = 32;

  /** The size of a compact inode. */
  public static final int COMPACT_BYTES = 32;

  /** The size of an extended inode. */
  public static final int EXTENDED_BYTES = 64;

  /** The permission bits with set-user-ID, set-group-ID and sticky: the low 12 bits of the mode. */
  public int permissions() {
    return mode & 07777;
  }

  /** Whether the inode is in the metabox, not in the primary device itself. */
  public boolean isInMetabox() {
    return nid < 0;
  }

  /** This inode in words, for messages about it. */
  String place(String imageName) {
    return place(imageName, nid, positionBytes);
  }

  static String place(String imageName, long nid, long positionBytes) {
    return "%s: inode %snid %d at byte 0x%x"
        .formatted(imageName, nid < 0 ? "metabox " : "", nid & Long.MAX_VALUE, positionBytes);
  }
}
