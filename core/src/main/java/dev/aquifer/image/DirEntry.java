package dev.aquifer.image;

import java.util.Arrays;

/**
 * One name in a directory. Immutable.
 *
 * <p>Two entries are equal if name, nid and type are.
 */
public final class DirEntry {
  private final byte[] name;
  private final long nid;
  private final FileType type;

  DirEntry(byte[] name, long nid, FileType type) {
    this.name = name;
    this.nid = nid;
    this.type = type;
  }

  /** A copy of the name: 1 to 255 bytes without '/' and NUL. */
  public byte[] name() {
    return name.clone();
  }

  /** The name itself, which must not be changed. */
  byte[] nameWithoutCopy() {
    return name;
  }

  /** The number of the inode that the name stands for. */
  public long nid() {
    return nid;
  }

  /** The type of file that the directory claims; {@link Image#inode(DirEntry)} checks it. */
  public FileType type() {
    return type;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof DirEntry that
        && Arrays.equals(name, that.name)
        && nid == that.nid
        && type == that.type;
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(name) + Long.hashCode(nid);
  }

  @Override
  public String toString() {
    return "%s (%s, nid %s)".formatted(ByteNames.quote(name), type, Long.toUnsignedString(nid));
  }
}
