package dev.aquifer.build;

import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The extended attributes of a tree, each kept once: mostly all files have the same few. Those that
 * at least two inodes have go to the image's shared area, the others behind their inode.
 *
 * <p>On disk an attribute is: length of the name u8, name space u8, length of the value u16, name
 * without its name space, value, zeros up to a multiple of 4. Name and value wait in the {@link
 * Spool}, since each file may have its own, such as a signature.
 */
final class XattrTable {
  /** Name spaces of EROFS with their numbers; a name space that ends without a dot is a name. */
  private enum NameSpace {
    USER(1, "user."),
    ACL_ACCESS(2, "system.posix_acl_access"),
    ACL_DEFAULT(3, "system.posix_acl_default"),
    TRUSTED(4, "trusted."),
    SECURITY(6, "security.");

    final int number;
    private final String prefix;

    NameSpace(int number, String prefix) {
      this.number = number;
      this.prefix = prefix;
    }

    int prefixBytes() {
      return prefix.length();
    }

    boolean holds(byte[] name) {
      int length = prefix.length();
      byte[] beginning = prefix.getBytes(StandardCharsets.US_ASCII);
      return Arrays.equals(name, 0, Math.min(length, name.length), beginning, 0, length)
          && prefix.endsWith(".") == (name.length > length);
    }
  }

  /** An attribute that some inodes have. */
  static final class Entry {
    private static final long NOT_SHARED = -1;

    final int nameSpace;

    /** Where name and value are in the spool. */
    private final long spooledAt;

    /** See {@link XattrFilter}. */
    final int filterBit;

    private final int nameBytes;
    private final int valueBytes;
    int users;
    long sharedId = NOT_SHARED;

    Entry(int nameSpace, byte[] name, byte[] value, Spool spool) throws IOException {
      this.nameSpace = nameSpace;
      this.filterBit = XattrFilter.bit(nameSpace, name);
      this.nameBytes = name.length;
      this.valueBytes = value.length;
      this.spooledAt = spool.append(name);
      spool.append(value);
    }

    boolean isShared() {
      return sharedId != NOT_SHARED;
    }

    int sizeBytes() {
      return 4 + nameBytes + valueBytes + 3 & ~3;
    }

    /**
     * Writes the attribute at {@code offset} of zeroed memory; returns where it ends.
     *
     * @param spool where name and value come from, or null to leave them out
     */
    long write(MemorySegment dst, long offset, @Nullable Spool spool) throws IOException {
      LittleEndian.put8(dst, offset, nameBytes);
      LittleEndian.put8(dst, offset + 1, nameSpace);
      LittleEndian.put16(dst, offset + 2, valueBytes);
      if (spool != null) {
        spool.read(spooledAt, nameBytes + valueBytes, dst, offset + 4);
      }
      return offset + sizeBytes();
    }
  }

  private static final int MAX_VALUE_BYTES = 65535;
  private static final int MAX_NAME_BYTES = 255;

  private final Spool spool;
  private final List<Entry> entries = new ArrayList<>();

  /** The index in {@link #entries} by the digest of name and value. */
  private final DigestIndex known = new DigestIndex();

  private final Map<List<Entry>, XattrSet> sets = new HashMap<>();

  /** A table whose names and values go to {@code spool}. */
  XattrTable(Spool spool) {
    this.spool = spool;
  }

  /** Returns the attributes of {@code file}, which counts as one more user of them. */
  XattrSet add(SourceTree source, SourceEntry file) throws IOException {
    List<Xattr> xattrs = source.xattrs(file);
    if (xattrs.isEmpty()) {
      return XattrSet.NONE;
    }
    List<Xattr> sorted = new ArrayList<>(xattrs);
    Collections.sort(sorted);
    int before = entries.size();
    List<Entry> list = new ArrayList<>(sorted.size());
    for (Xattr xattr : sorted) {
      Entry entry = entry(source, file, xattr);
      entry.users++;
      list.add(entry);
    }
    // With an attribute that nobody had before, mostly nobody will have the set again either.
    XattrSet set =
        entries.size() > before
            ? new XattrSet(list)
            : sets.computeIfAbsent(List.copyOf(list), XattrSet::new);
    if (!set.fits()) {
      throw new IOException(
          "%s: %s: %d bytes of extended attributes: expected at most %d"
              .formatted(source.name(), file, set.bodyBytes(), XattrSet.MAX_BODY_BYTES));
    }
    return set;
  }

  private Entry entry(SourceTree source, SourceEntry file, Xattr xattr) throws IOException {
    long[] digest = digest(xattr);
    long index = known.find(digest, 0);
    if (index != DigestIndex.ABSENT) {
      return entries.get((int) index);
    }
    Entry entry = newEntry(source, file, xattr);
    known.put(digest, 0, entries.size());
    entries.add(entry);
    return entry;
  }

  private static long[] digest(Xattr xattr) {
    MessageDigest digest = Sha256.newDigest();
    // The first digest has a fixed length, so that no name and value look like others.
    digest.update(Sha256.hash(xattr.name()).bytes());
    digest.update(xattr.value());
    long[] longs = new long[DigestIndex.DIGEST_LONGS];
    DigestIndex.toLongs(digest.digest(), longs, 0);
    return longs;
  }

  private Entry newEntry(SourceTree source, SourceEntry file, Xattr xattr) throws IOException {
    byte[] name = xattr.name();
    for (NameSpace space : NameSpace.values()) {
      if (space.holds(name)) {
        byte[] rest = Arrays.copyOfRange(name, space.prefixBytes(), name.length);
        if (rest.length > MAX_NAME_BYTES || xattr.value().length > MAX_VALUE_BYTES) {
          throw new IOException(
              "%s: %s: extended attribute %s with a value of %d bytes: expected at most %d"
                  .formatted(source.name(), file, xattr, xattr.value().length, MAX_VALUE_BYTES));
        }
        return new Entry(space.number, rest, xattr.value(), spool);
      }
    }
    throw new IOException(
        "%s: %s: extended attribute %s: EROFS keeps user.*, trusted.*, security.* and POSIX ACLs; remove it, or build without extended attributes"
            .formatted(source.name(), file, xattr));
  }

  boolean isEmpty() {
    return entries.isEmpty();
  }

  /**
   * Decides which attributes are shared and gives them ids, in units of 4 bytes.
   *
   * @return the size of the shared area in bytes
   */
  long share() {
    long sizeBytes = 0;
    for (Entry entry : entries) {
      if (entry.users >= 2) {
        entry.sharedId = sizeBytes / 4;
        sizeBytes += entry.sizeBytes();
      }
    }
    return sizeBytes;
  }

  /** Moves the ids by where the shared area starts in its first block. */
  void moveShared(long bytesIntoBlock) {
    for (Entry entry : entries) {
      if (entry.isShared()) {
        entry.sharedId += bytesIntoBlock / 4;
      }
    }
  }

  /** The shared attributes in the order of their ids. */
  List<Entry> shared() {
    return entries.stream().filter(Entry::isShared).toList();
  }
}
