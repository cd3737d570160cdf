package dev.aquifer.input;

import dev.aquifer.build.FileStat;
import dev.aquifer.build.Xattr;
import dev.aquifer.image.FileType;
import dev.aquifer.io.ByteSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A file of an {@link ItemTree}, with one or more names. Small, since a tree may have millions. */
class Item {
  /** No local file system has this number. */
  private static final long DEV = -2;

  private static final byte[] NO_TARGET = {};

  final int ino;
  final FileType type;
  int permissions;
  long uid;
  long gid;
  long mtimeSeconds;
  int mtimeNanos;
  long rdev;
  int nlink = 1;
  List<Xattr> xattrs = List.of();

  /** Of a regular file: its length. */
  long sizeBytes;

  /** Of a regular file with data: where that is, from {@link #dataOffset} on. */
  @Nullable ByteSource data;

  long dataOffset;

  /** Of a file with holes: what of it is stored. */
  @Nullable SparseMap sparse;

  /** Of a symbolic link. */
  byte[] target = NO_TARGET;

  Item(int ino, FileType type, int permissions) {
    this.ino = ino;
    this.type = type;
    this.permissions = permissions;
  }

  FileStat stat() {
    return new FileStat(
        type.modeBits() | permissions,
        uid,
        gid,
        sizeBytes,
        mtimeSeconds,
        mtimeNanos,
        rdev,
        DEV,
        ino,
        nlink,
        0);
  }

  /** The data of a regular file that is not empty. */
  ByteSource data() {
    return Objects.requireNonNull(data);
  }

  /** A directory. */
  static final class Directory extends Item {
    final Map<Name, Item> children = new HashMap<>();

    Directory(int ino, int permissions) {
      super(ino, FileType.DIRECTORY, permissions);
    }
  }
}
