package dev.aquifer.image;

import java.util.regex.Pattern;

/** Why the reader and the kernel may differ. */
enum KnownDifference {
  /** The kernel finds out when it reads past the end, if it does; most often an image was cut. */
  SHORTER_THAN_IT_SAYS("mount: the reader refuses: .*the image has \\d+ blocks of 4096 bytes, but"),

  /** The kernel checks a part of an index when it needs it, the reader that all of it is there. */
  TABLE_BEYOND_THE_END(
      "data .* the reader refuses: .*(its index of|table of|extent records of).* ends (at|before)"),

  /**
   * The kernel decodes as much of a cluster as is asked for, and meets no damage behind it; the
   * reader decodes all of it.
   */
  DAMAGED_STREAM("data .* the reader refuses: .* compressed at byte 0x[0-9a-f]+ of "),

  /** The kernel refuses it, too, or not, depending on where it comes from. */
  BOGUS_BLOCK_COUNT("data .* the reader refuses: .* of the index follows a head, and says"),

  /**
   * The kernel goes back to a head, and on to the next one, by the distances alone; the reader
   * expects that they agree with where the heads are, and looks at heads that the kernel leaves
   * out.
   */
  CONTRADICTING_DISTANCES(
      "data .* the reader refuses: .*(the index leads to the cluster of|bytes as they are, in"
          + "|it follows that of entry|says a number of stored blocks"
          + "|of its data are at byte 0x[0-9a-f]+ of device 0, which ends at)"),

  /** The kernel shows zeros for what is behind the end of the packed inode. */
  BEHIND_THE_PACKED_INODE("data .* the reader refuses: .* of the packed inode, which has \\d+"),

  /** The kernel takes one of them. */
  INLINE_AND_FRAGMENT("data .* the reader refuses: .* its tail is inline and a fragment"),

  /** The kernel refuses to read such data, the reader the inode. */
  TAIL_CROSSES_A_BLOCK(
      "(inode|mount).* the reader refuses: .* its inline tail of .* crosses a block"),

  /** The kernel lists names as far as they can be shown, in any order. */
  BAD_NAMES(
      "names .* the reader refuses: .*(a byte that no name has|file type|does not come after|a name of \\d+"
          + "|'.' says|'..' says)"),

  /** The kernel shows the type of the inode, and what the entry says when it lists names. */
  ENTRY_OF_ANOTHER_TYPE("inode .* the reader refuses: .*: its directory entry .* says"),

  /** The kernel shows such times as they are. */
  NANOSECONDS_OF_A_SECOND("(mount|inode).*the reader refuses: .*(fixed_nsec|nanoseconds)"),

  /** The kernel has no such owner, and shows nobody instead. */
  NO_OWNER("inode .* the reader shows .* [ug]id 4294967295 .*: the kernel .* [ug]id 65534 "),

  /** The kernel gives ACLs as it understands them, the reader as they are. */
  ACL_NOT_AS_USUAL("xattrs .* the reader shows .*system.posix_acl"),

  /** The kernel does not meet clusters that distances leave out. */
  UNNAMED_ALGORITHM("data .* the reader refuses: .* which the superblock does not name"),

  /** The kernel wants to know algorithms that are used, the reader those of the map header, too. */
  UNKNOWN_ALGORITHM("data .* the reader refuses: .*compression algorithm \\d+ is unknown"),

  /** The kernel ends the target there. */
  ZERO_BYTE_IN_A_TARGET("target .* the reader refuses: .* has a zero byte"),

  /** The kernel leaves such attributes out. */
  UNKNOWN_ATTRIBUTE_PREFIX(
      "xattrs .* the reader refuses: .*(name index \\d+ is unknown|long prefix \\d+: image has)"),

  /** The kernel shows what it finds before the damage, and names up to a zero byte. */
  DAMAGED_ATTRIBUTES(
      "xattrs .* the reader refuses: .*(ends at byte|shared ids in|a zero byte in its name)"),

  /** Where the filter of names denies an attribute, the kernel lists it and gives no value. */
  WRONG_NAME_FILTER("xattrs .* the kernel .*: No such attribute");

  private final Pattern pattern;

  KnownDifference(String pattern) {
    this.pattern = Pattern.compile(pattern, Pattern.DOTALL);
  }

  static boolean explains(String difference) {
    for (KnownDifference known : values()) {
      if (known.pattern.matcher(difference).find()) {
        return true;
      }
    }
    return false;
  }
}
