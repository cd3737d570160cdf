package dev.aquifer.build;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Name spaces of extended attributes with the numbers that EROFS has for them; one that ends
 * without a dot is a name.
 */
enum NameSpace {
  USER(1, "user."),
  ACL_ACCESS(2, "system.posix_acl_access"),
  ACL_DEFAULT(3, "system.posix_acl_default"),
  TRUSTED(4, "trusted."),
  SECURITY(6, "security.");

  final int number;
  final String prefix;

  NameSpace(int number, String prefix) {
    this.number = number;
    this.prefix = prefix;
  }

  int prefixBytes() {
    return prefix.length();
  }

  /** Whether names go on after {@link #prefix}. */
  boolean isOpen() {
    return prefix.endsWith(".");
  }

  /** The name space of {@code name}; null if EROFS has none for it. */
  static @Nullable NameSpace of(byte[] name) {
    for (NameSpace space : values()) {
      if (space.begins(name) && space.isOpen() == (name.length > space.prefixBytes())) {
        return space;
      }
    }
    return null;
  }

  /** Whether {@code name} is, or begins with, {@link #prefix}. */
  boolean begins(byte[] name) {
    int length = prefixBytes();
    byte[] beginning = prefix.getBytes(StandardCharsets.US_ASCII);
    return Arrays.equals(name, 0, Math.min(length, name.length), beginning, 0, length);
  }
}
