package dev.aquifer.blob;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;

/** The rule for {@code fsid} and {@code domain_id}: they are also names of directories. */
final class Names {
  static final int MAX_BYTES = 128;

  private Names() {}

  /**
   * Returns {@code name} if it keeps the rule.
   *
   * @param what the option's name
   * @throws RefusedException EINVAL with the rule
   */
  static String check(String what, String name) throws RefusedException {
    boolean isRight =
        !name.isEmpty()
            && name.length() <= MAX_BYTES
            && name.charAt(0) != '.'
            && name.chars().allMatch(Names::isAllowed);
    if (!isRight) {
      throw new RefusedException(
          Errno.EINVAL,
          "%s '%s': expected 1 to %d characters of A-Z a-z 0-9 . _ : @ - that don't start with '.'"
              .formatted(what, shown(name), MAX_BYTES));
    }
    return name;
  }

  private static boolean isAllowed(int c) {
    return c >= 'a' && c <= 'z'
        || c >= 'A' && c <= 'Z'
        || c >= '0' && c <= '9'
        || "._:@-".indexOf(c) >= 0;
  }

  /** One printable line, whatever was given. */
  private static String shown(String name) {
    String start = name.length() > MAX_BYTES ? name.substring(0, MAX_BYTES) + "…" : name;
    return start.replaceAll("\\p{Cntrl}", "?");
  }
}
