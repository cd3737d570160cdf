package dev.aquifer.tool;

import dev.aquifer.image.FileType;

/**
 * One file of a {@link DiffTree}.
 *
 * @param name its last name; must not be changed
 * @param type of what type it is
 * @param permissions the low 12 bits of the mode
 * @param sizeBytes the size of regular files and links, else without meaning
 * @param rdev {@code major:minor} of a device, else empty
 * @param key what the tree knows it by: an inode, a name in a directory
 */
@SuppressWarnings("ArrayRecordComponent")
public record DiffNode(
    byte[] name,
    FileType type,
    int permissions,
    long uid,
    long gid,
    long nlink,
    long sizeBytes,
    long mtimeSeconds,
    int mtimeNanos,
    String rdev,
    Object key) {}
