package dev.aquifer.build;

import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One name in a {@link SourceTree}: the directory it is in, its bytes, and the stat of its file.
 *
 * <p>Immutable; compared by identity.
 */
public final class SourceEntry {
  private static final byte[] NO_NAME = {};

  private final @Nullable SourceEntry parent;
  private final byte[] name;
  private final FileStat stat;
  private final @Nullable Object origin;

  private SourceEntry(
      @Nullable SourceEntry parent, byte[] name, FileStat stat, @Nullable Object origin) {
    this.parent = parent;
    this.name = name;
    this.stat = stat;
    this.origin = origin;
  }

  /** The root directory of a tree. */
  public static SourceEntry root(FileStat stat) {
    return new SourceEntry(null, NO_NAME, stat, null);
  }

  /** The root directory of a tree, with its {@link #origin}. */
  public static SourceEntry root(FileStat stat, Object origin) {
    return new SourceEntry(null, NO_NAME, stat, origin);
  }

  /** An entry of {@code parent}; {@code name} is kept and must not be changed afterwards. */
  public static SourceEntry of(SourceEntry parent, byte[] name, FileStat stat) {
    return new SourceEntry(parent, name, stat, null);
  }

  /** As the other, with its {@link #origin}. */
  public static SourceEntry of(SourceEntry parent, byte[] name, FileStat stat, Object origin) {
    return new SourceEntry(parent, name, stat, origin);
  }

  /** The bytes of the name, without a slash; empty for the root. Not a copy: don't change it. */
  public byte[] name() {
    return name;
  }

  /** The stat of the file. */
  public FileStat stat() {
    return stat;
  }

  /** What the tree that made this entry knows of it, for that tree alone; null if it needs none. */
  public @Nullable Object origin() {
    return origin;
  }

  /** The path below the root, with single slashes and none at the start; empty for the root. */
  public byte[] path() {
    // A slash before each name but the first.
    int length = -1;
    for (SourceEntry at = this; at.parent != null; at = at.parent) {
      length += 1 + at.name.length;
    }
    byte[] path = new byte[Math.max(0, length)];
    int start = length + 1;
    for (SourceEntry at = this; at.parent != null; at = at.parent) {
      start -= 1 + at.name.length;
      System.arraycopy(at.name, 0, path, start, at.name.length);
      if (start > 0) {
        path[start - 1] = '/';
      }
    }
    return path;
  }

  /** Whether {@code other} is the same name in the same directory. */
  boolean isSameName(SourceEntry other) {
    return Arrays.equals(name, other.name)
        && parent != null
        && other.parent != null
        && FileKey.of(parent.stat).equals(FileKey.of(other.parent.stat));
  }

  /** The path for people: {@code /a/b}, with bytes that can't be printed as {@code %XX}. */
  @Override
  public String toString() {
    return "/" + printable(path());
  }

  /**
   * A name or path on one line and without loss: UTF-8 as it is, other bytes, control characters
   * and {@code %} as {@code %XX}.
   */
  public static String printable(byte[] bytes) {
    try {
      String text =
          StandardCharsets.UTF_8.newDecoder().decode(java.nio.ByteBuffer.wrap(bytes)).toString();
      if (text.chars().noneMatch(c -> c == '%' || Character.isISOControl(c) || c == 0xfeff)) {
        return text;
      }
    } catch (CharacterCodingException e) {
      // Not UTF-8: escaped below.
    }
    StringBuilder escaped = new StringBuilder();
    for (byte b : bytes) {
      if (b > 0x20 && b < 0x7f && b != '%') {
        escaped.append((char) b);
      } else {
        escaped.append("%%%02X".formatted(b & 0xff));
      }
    }
    return escaped.toString();
  }
}
