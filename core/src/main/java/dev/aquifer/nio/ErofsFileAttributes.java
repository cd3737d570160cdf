package dev.aquifer.nio;

import dev.aquifer.image.FileType;
import dev.aquifer.image.Inode;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.UserPrincipal;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * What an inode tells, as Linux shows it: an image has one time for each file, which is all of its
 * times.
 *
 * @param device the number of the file system, unique in this process
 * @param inode the inode
 */
record ErofsFileAttributes(long device, Inode inode) implements PosixFileAttributes {
  /** From the highest bit of a mode down. */
  private static final List<PosixFilePermission> PERMISSIONS =
      List.of(
          PosixFilePermission.OWNER_READ,
          PosixFilePermission.OWNER_WRITE,
          PosixFilePermission.OWNER_EXECUTE,
          PosixFilePermission.GROUP_READ,
          PosixFilePermission.GROUP_WRITE,
          PosixFilePermission.GROUP_EXECUTE,
          PosixFilePermission.OTHERS_READ,
          PosixFilePermission.OTHERS_WRITE,
          PosixFilePermission.OTHERS_EXECUTE);

  /** One file of one open file system. */
  private record Key(long device, long nid) {
    @Override
    public String toString() {
      return "(dev=%x,ino=%s)".formatted(device, Long.toUnsignedString(nid));
    }
  }

  @Override
  public FileTime lastModifiedTime() {
    long seconds = inode.mtimeSeconds();
    if (seconds < Instant.MIN.getEpochSecond() || seconds > Instant.MAX.getEpochSecond()) {
      return FileTime.from(seconds, TimeUnit.SECONDS);
    }
    return FileTime.from(Instant.ofEpochSecond(seconds, inode.mtimeNanos()));
  }

  @Override
  public FileTime lastAccessTime() {
    return lastModifiedTime();
  }

  @Override
  public FileTime creationTime() {
    return lastModifiedTime();
  }

  @Override
  public boolean isRegularFile() {
    return inode.type() == FileType.REGULAR;
  }

  @Override
  public boolean isDirectory() {
    return inode.type() == FileType.DIRECTORY;
  }

  @Override
  public boolean isSymbolicLink() {
    return inode.type() == FileType.SYMBOLIC_LINK;
  }

  @Override
  public boolean isOther() {
    return !inode.type().hasData();
  }

  @Override
  public long size() {
    return inode.sizeBytes();
  }

  @Override
  public Object fileKey() {
    return new Key(device, inode.nid());
  }

  @Override
  public UserPrincipal owner() {
    return new NumberedPrincipal(inode.uid());
  }

  @Override
  public GroupPrincipal group() {
    return new NumberedPrincipal(inode.gid());
  }

  @Override
  public Set<PosixFilePermission> permissions() {
    Set<PosixFilePermission> permissions = EnumSet.noneOf(PosixFilePermission.class);
    for (int i = 0; i < PERMISSIONS.size(); i++) {
      if ((inode.mode() & 0400 >> i) != 0) {
        permissions.add(PERMISSIONS.get(i));
      }
    }
    return permissions;
  }

  /** The number of a device, as Linux's {@code st_rdev} has it. */
  long rdev() {
    long major = inode.rdevMajor();
    long minor = inode.rdevMinor();
    return minor & 0xff | (major & 0xfff) << 8 | (minor & ~0xffL) << 12 | (major & ~0xfffL) << 32;
  }
}
