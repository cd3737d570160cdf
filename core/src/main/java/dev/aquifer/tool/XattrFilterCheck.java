package dev.aquifer.tool;

import dev.aquifer.build.XattrFilter;
import dev.aquifer.image.ByteNames;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * Compares the attributes of an inode with its filter of names. The kernel lists an attribute that
 * the filter denies, and gives no value of it.
 */
final class XattrFilterCheck {
  /** Beginnings of names by their numbers. */
  private static final List<String> NAME_SPACES =
      List.of(
          "",
          "user.",
          "system.posix_acl_access",
          "system.posix_acl_default",
          "trusted.",
          "lustre.",
          "security.");

  private XattrFilterCheck() {}

  /**
   * Checks that the filter of {@code inode} lets all of {@code names} through.
   *
   * @throws CorruptDataException names the first that it does not
   */
  static void check(Image image, Inode inode, Set<String> names) throws IOException {
    int filter = image.xattrFilter(inode);
    for (String name : names) {
      if ((filter & 1 << bit(name)) != 0) {
        throw new CorruptDataException(
            "extended attribute %s: the filter of names 0x%08x says that there is none of that name"
                .formatted(PathText.shown(ByteNames.toBytes(name)), filter));
      }
    }
  }

  private static int bit(String name) {
    int number = NAME_SPACES.size() - 1;
    while (!name.startsWith(NAME_SPACES.get(number))) {
      number--;
    }
    byte[] bytes = ByteNames.toBytes(name);
    int from = NAME_SPACES.get(number).length();
    return XattrFilter.bit(number, Arrays.copyOfRange(bytes, from, bytes.length));
  }
}
