package dev.aquifer.tool;

import org.jspecify.annotations.Nullable;

/**
 * One thing that a check found.
 *
 * @param kind of what kind
 * @param path where, as of {@link PathText#percent}, or null if it is of no path
 * @param nid which inode, or null
 * @param message the whole sentence, which names the image
 */
public record Finding(Kind kind, @Nullable String path, @Nullable Long nid, String message) {
  /** Kinds of findings. */
  public enum Kind {
    /** The superblock, the device table, or what else must be right to open the image. */
    SUPERBLOCK,
    /** An inode, or what its directory entry says of it. */
    INODE,
    /** Names in a directory: their form, their order, {@code .}; a directory met twice. */
    DIRECTORY,
    /** A directory without {@code ..}, or with that of another. */
    PARENT,
    /** A count of names that differs from what the inode says. */
    LINK_COUNT,
    /** Extended attributes. */
    XATTR,
    /** The target of a symbolic link. */
    TARGET,
    /** Where data is: ranges, chunk tables, indexes. */
    MAP,
    /** Data that can't be read or decompressed, or does not match its digest. */
    DATA,
    /** Metadata, or data that belongs to one file, which lies on something else. */
    OVERLAP,
    /** The image's count of inodes. */
    INODE_COUNT,
    /** No damage: something this version can't check. */
    UNSUPPORTED;

    /** The kind in lower case with dashes. */
    public String text() {
      return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
    }
  }

  /** Whether it is damage, and not only something that could not be checked. */
  public boolean isDamage() {
    return kind != Kind.UNSUPPORTED;
  }

  /** One JSON object: {@code kind}, {@code path}, {@code nid}, {@code message}. */
  public JsonObject json() {
    return new JsonObject()
        .put("kind", kind.text())
        .put("path", path)
        .put("nid", nid == null ? null : Long.toUnsignedString(nid))
        .put("message", message);
  }
}
