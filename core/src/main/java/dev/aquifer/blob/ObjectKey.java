package dev.aquifer.blob;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;

/**
 * The rule for keys: relative, {@code /} between the parts, no part empty, {@code .} or {@code ..}.
 */
final class ObjectKey {
  private ObjectKey() {}

  static String check(String key) throws RefusedException {
    for (String part : key.split("/", -1)) {
      if (part.isEmpty() || part.equals(".") || part.equals("..") || part.indexOf(0) >= 0) {
        throw new RefusedException(
            Errno.EINVAL,
            "object key '%s': expected a relative path without empty parts, '.' and '..'"
                .formatted(key));
      }
    }
    return key;
  }
}
