package dev.aquifer.input;

import dev.aquifer.build.SourceEntry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** One name of a path: bytes with equality, a key for maps. */
final class Name {
  private final byte[] bytes;
  private final int hash;

  private Name(byte[] bytes) {
    this.bytes = bytes;
    this.hash = Arrays.hashCode(bytes);
  }

  /** Takes the array as it is; it must not be changed afterwards. */
  static Name of(byte[] bytes) {
    return new Name(bytes);
  }

  /** The names of a path; slashes at its ends, double ones, and {@code .} count for nothing. */
  static List<Name> split(byte[] path) {
    List<Name> names = new ArrayList<>();
    int start = 0;
    for (int i = 0; i <= path.length; i++) {
      if (i == path.length || path[i] == '/') {
        boolean isNothing = i == start || (i == start + 1 && path[start] == '.');
        if (!isNothing) {
          names.add(new Name(Arrays.copyOfRange(path, start, i)));
        }
        start = i + 1;
      }
    }
    return names;
  }

  /** Not a copy: don't change it. */
  byte[] bytes() {
    return bytes;
  }

  /** Whether it is {@code ..}. */
  boolean isDotDot() {
    return bytes.length == 2 && bytes[0] == '.' && bytes[1] == '.';
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Name that && hash == that.hash && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return hash;
  }

  /** The name, printable. */
  @Override
  public String toString() {
    return SourceEntry.printable(bytes);
  }
}
