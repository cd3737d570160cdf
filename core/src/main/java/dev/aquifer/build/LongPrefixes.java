package dev.aquifer.build;

import dev.aquifer.io.LittleEndian;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Beginnings of names of extended attributes that an image has numbers of its own for, so that they
 * are not stored with each attribute; and the name under which files have the digest of their data,
 * which is a beginning, too, of nothing. Records as {@code dev.aquifer.image.XattrPrefixes} reads
 * them. Immutable.
 */
final class LongPrefixes {
  static final LongPrefixes NONE = of(List.of(), null);

  /** Added to a long prefix's place in the table gives the number of its names. */
  private static final int FIRST_NUMBER = 0x80;

  /** The number of what no name space holds: nobody sees such attributes. */
  private static final int HIDDEN = 0;

  private static final int MAX_COUNT = 128;
  private static final int MAX_BYTES = 255;

  /** A beginning. */
  private static final class Prefix {
    private final byte[] name;

    /** The number of its name space. */
    private final int base;

    /** How long that is. */
    private final int baseBytes;

    Prefix(byte[] name, int base, int baseBytes) {
      this.name = name;
      this.base = base;
      this.baseBytes = baseBytes;
    }
  }

  private final List<Prefix> prefixes;

  /** The name of digests, which is the last of {@link #prefixes}; null for no digests. */
  private final byte @Nullable [] digestName;

  private LongPrefixes(List<Prefix> prefixes, byte @Nullable [] digestName) {
    this.prefixes = prefixes;
    this.digestName = digestName;
  }

  /**
   * Checks them.
   *
   * @param names in {@code user.}, {@code trusted.} or {@code security.}
   * @param digestName any name; seen as an attribute only if it is in one of those, too
   * @throws IllegalArgumentException if one can't be
   */
  static LongPrefixes of(List<String> names, @Nullable String digestName) {
    List<Prefix> prefixes = new ArrayList<>();
    for (String name : names) {
      Prefix prefix = prefix("prefix of attribute names", name);
      if (prefix.base == HIDDEN) {
        throw new IllegalArgumentException(
            "prefix of attribute names '%s': expected one that begins with user., trusted. or security."
                .formatted(name));
      }
      prefixes.add(prefix);
    }
    if (digestName != null) {
      Prefix prefix = prefix("name of digests", digestName);
      if (prefix.base != HIDDEN && prefix.name.length == prefix.baseBytes) {
        throw new IllegalArgumentException(
            "name of digests '%s': expected something after the dot".formatted(digestName));
      }
      prefixes.add(prefix);
    }
    if (prefixes.size() > MAX_COUNT) {
      throw new IllegalArgumentException(
          "%d prefixes of attribute names: expected at most %d"
              .formatted(prefixes.size(), MAX_COUNT));
    }
    return new LongPrefixes(prefixes, digestName == null ? null : prefixes.getLast().name);
  }

  private static Prefix prefix(String what, String text) {
    byte[] name = text.getBytes(StandardCharsets.UTF_8);
    if (name.length < 1 || name.length > MAX_BYTES || text.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          "%s '%s': expected 1 to %d bytes".formatted(what, text, MAX_BYTES));
    }
    for (NameSpace space : NameSpace.values()) {
      if (space.begins(name)) {
        if (!space.isOpen()) {
          throw new IllegalArgumentException(
              "%s '%s': is the name of an ACL: expected another".formatted(what, text));
        }
        return new Prefix(name, space.number, space.prefixBytes());
      }
    }
    return new Prefix(name, HIDDEN, 0);
  }

  /** How many there are in the image's table. */
  int count() {
    return prefixes.size();
  }

  boolean hasDigests() {
    return digestName != null;
  }

  /** The place of the name of digests in the table; only if there are digests. */
  int digestPlace() {
    return prefixes.size() - 1;
  }

  /** Whether {@code name} is kept for the digests that the build makes. */
  boolean isDigest(byte[] name) {
    return digestName != null && Arrays.equals(name, digestName);
  }

  /** The number that digests have; nothing follows it. */
  int digestNumber() {
    return FIRST_NUMBER | digestPlace();
  }

  /** The bit of digests in the filter of names; only if there are digests. */
  int digestFilterBit() {
    Prefix prefix = prefixes.getLast();
    return XattrFilter.bit(prefix.base, after(prefix.name, prefix.baseBytes));
  }

  /** Whether nobody sees digests among the attributes. */
  boolean hidesDigests() {
    return hasDigests() && prefixes.getLast().base == HIDDEN;
  }

  /** The number of {@code name} in {@code space}: that of the first prefix it begins with. */
  int number(NameSpace space, byte[] name) {
    int ordinary = hasDigests() ? prefixes.size() - 1 : prefixes.size();
    for (int i = 0; i < ordinary; i++) {
      byte[] prefix = prefixes.get(i).name;
      if (prefixes.get(i).base == space.number
          && name.length >= prefix.length
          && Arrays.equals(name, 0, prefix.length, prefix, 0, prefix.length)) {
        return FIRST_NUMBER | i;
      }
    }
    return space.number;
  }

  /** How much of a name in {@code space} its number stands for. */
  int lengthOf(int number, NameSpace space) {
    return (number & FIRST_NUMBER) == 0
        ? space.prefixBytes()
        : prefixes.get(number & ~FIRST_NUMBER).name.length;
  }

  static byte[] after(byte[] name, int from) {
    return Arrays.copyOfRange(name, from, name.length);
  }

  /** The table as it is stored, in multiples of 4 bytes. */
  byte[] records() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (Prefix prefix : prefixes) {
      int infixBytes = prefix.name.length - prefix.baseBytes;
      byte[] record = new byte[3 + infixBytes + 3 & ~3];
      MemorySegment fields = MemorySegment.ofArray(record);
      LittleEndian.put16(fields, 0, 1 + infixBytes);
      LittleEndian.put8(fields, 2, prefix.base);
      System.arraycopy(prefix.name, prefix.baseBytes, record, 3, infixBytes);
      out.writeBytes(record);
    }
    return out.toByteArray();
  }
}
