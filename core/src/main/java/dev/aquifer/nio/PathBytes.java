package dev.aquifer.nio;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Paths as bytes: names with {@code /} between them, none empty, no {@code /} at the end. */
final class PathBytes {
  private static final byte[] DOT = {'.'};
  private static final byte[] DOT_DOT = {'.', '.'};

  private PathBytes() {}

  /** {@code path} without repeated slashes and without those at its end. */
  static byte[] clean(byte[] path) {
    byte[] clean = new byte[path.length];
    int length = 0;
    for (byte b : path) {
      if (b != '/' || length == 0 || clean[length - 1] != '/') {
        clean[length++] = b;
      }
    }
    if (length > 1 && clean[length - 1] == '/') {
      length--;
    }
    return Arrays.copyOf(clean, length);
  }

  static boolean isAbsolute(byte[] path) {
    return path.length > 0 && path[0] == '/';
  }

  /** The names of a clean path; the empty path has one, which is empty. */
  static List<byte[]> names(byte[] path) {
    List<byte[]> names = new ArrayList<>();
    int start = isAbsolute(path) ? 1 : 0;
    if (start == path.length && start == 1) {
      return names;
    }
    for (int i = start; i <= path.length; i++) {
      if (i == path.length || path[i] == '/') {
        names.add(Arrays.copyOfRange(path, start, i));
        start = i + 1;
      }
    }
    return names;
  }

  /** The path of {@code names}. */
  static byte[] join(boolean isAbsolute, List<byte[]> names) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int i = 0; i < names.size(); i++) {
      if (isAbsolute || i > 0) {
        out.write('/');
      }
      out.writeBytes(names.get(i));
    }
    return isAbsolute && names.isEmpty() ? new byte[] {'/'} : out.toByteArray();
  }

  static boolean isDot(byte[] name) {
    return Arrays.equals(name, DOT);
  }

  static boolean isDotDot(byte[] name) {
    return Arrays.equals(name, DOT_DOT);
  }

  /** {@code names} without {@code .}, and without {@code ..} and the name that each takes back. */
  static List<byte[]> normalize(boolean isAbsolute, List<byte[]> names) {
    List<byte[]> kept = new ArrayList<>();
    for (byte[] name : names) {
      if (isDotDot(name)) {
        if (!kept.isEmpty() && !isDotDot(kept.getLast())) {
          kept.removeLast();
        } else if (!isAbsolute) {
          kept.add(name);
        }
      } else if (!isDot(name)) {
        kept.add(name);
      }
    }
    return kept;
  }

  /**
   * The way from one directory to another path, both absolute or both relative.
   *
   * @throws IllegalArgumentException if {@code from} goes up to a directory that nothing names
   */
  static List<byte[]> relativize(List<byte[]> from, List<byte[]> to) {
    int common = 0;
    while (common < Math.min(from.size(), to.size())
        && Arrays.equals(from.get(common), to.get(common))) {
      common++;
    }
    List<byte[]> way = new ArrayList<>();
    for (byte[] name : from.subList(common, from.size())) {
      if (isDotDot(name)) {
        throw new IllegalArgumentException("no way leads from a path that begins with '..'");
      }
      way.add(DOT_DOT);
    }
    way.addAll(to.subList(common, to.size()));
    return way;
  }
}
