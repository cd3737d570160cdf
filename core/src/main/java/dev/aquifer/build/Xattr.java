package dev.aquifer.build;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * An extended attribute: its full name, such as {@code user.colour}, and its value.
 *
 * <p>Immutable, with equality of the bytes; sorted by name, then by value, bytewise.
 */
public final class Xattr implements Comparable<Xattr> {
  private final byte[] name;
  private final byte[] value;

  private Xattr(byte[] name, byte[] value) {
    this.name = name;
    this.value = value;
  }

  /** Takes the arrays as they are; they must not be changed afterwards. */
  public static Xattr of(byte[] name, byte[] value) {
    return new Xattr(name, value);
  }

  /** An attribute with a name in UTF-8. */
  public static Xattr of(String name, byte[] value) {
    return new Xattr(name.getBytes(StandardCharsets.UTF_8), value);
  }

  /** The full name. Not a copy: don't change it. */
  public byte[] name() {
    return name;
  }

  /** The value. Not a copy: don't change it. */
  public byte[] value() {
    return value;
  }

  @Override
  public int compareTo(Xattr other) {
    int byName = Arrays.compareUnsigned(name, other.name);
    return byName != 0 ? byName : Arrays.compareUnsigned(value, other.value);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Xattr that
        && Arrays.equals(name, that.name)
        && Arrays.equals(value, that.value);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(name) * 31 + Arrays.hashCode(value);
  }

  /** The name, printable. */
  @Override
  public String toString() {
    return SourceEntry.printable(name);
  }
}
