package dev.aquifer.input;

import dev.aquifer.build.Xattr;
import dev.aquifer.image.FileType;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a tar archive says of one name.
 *
 * @param atBytes where its header begins, with what extends it
 * @param path the name as it is
 * @param type the type of file; null for a hard link
 * @param target of a link, symbolic or hard
 * @param permissions the mode without the type
 * @param uid user
 * @param gid group
 * @param mtimeSeconds seconds since 1970
 * @param mtimeNanos 0 to 999,999,999
 * @param rdev of a device
 * @param xattrs extended attributes
 * @param sizeBytes length of a regular file
 * @param dataAtBytes where its data begins in the archive
 * @param sparse what of a file with holes is stored
 */
record TarEntry(
    long atBytes,
    Name path,
    @Nullable FileType type,
    Name target,
    int permissions,
    long uid,
    long gid,
    long mtimeSeconds,
    int mtimeNanos,
    long rdev,
    List<Xattr> xattrs,
    long sizeBytes,
    long dataAtBytes,
    @Nullable SparseMap sparse) {
  /** How much of a name messages show. */
  private static final int MAX_SHOWN = 1000;

  /** For messages. */
  @Override
  public String toString() {
    return text(path, atBytes);
  }

  static String text(Name path, long atBytes) {
    String name = path.toString();
    return "entry '%s' at byte %d"
        .formatted(name.length() > MAX_SHOWN ? name.substring(0, MAX_SHOWN) + "…" : name, atBytes);
  }
}
