package dev.aquifer.build;

import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The extended attributes of a tree, each kept once: mostly all files have the same few. Those that
 * at least two inodes have go to the image's shared area, the others behind their inode.
 *
 * <p>On disk an attribute is: length of the name u8, number of its name space or {@link
 * LongPrefixes long prefix} u8, length of the value u16, name without that, value, zeros up to a
 * multiple of 4. Name and value wait in the {@link Spool}, since each file may have its own, such
 * as a signature.
 */
final class XattrTable {
  /** An attribute that some inodes have. */
  static final class Entry {
    private static final long NOT_SHARED = -1;

    /** The number of what its name begins with. */
    private final int number;

    /** Whether nobody sees it. */
    final boolean isHidden;

    /** Where name and value are in the spool. */
    private final long spooledAt;

    /** See {@link XattrFilter}. */
    final int filterBit;

    private final int nameBytes;
    private final int valueBytes;
    int users;
    long sharedId = NOT_SHARED;

    Entry(int number, byte[] rest, boolean isHidden, int filterBit, byte[] value, Spool spool)
        throws IOException {
      this.number = number;
      this.isHidden = isHidden;
      this.filterBit = filterBit;
      this.nameBytes = rest.length;
      this.valueBytes = value.length;
      this.spooledAt = spool.append(rest);
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
     * @param spool where name and value come from
     */
    long write(MemorySegment dst, long offset, Spool spool) throws IOException {
      LittleEndian.put8(dst, offset, nameBytes);
      LittleEndian.put8(dst, offset + 1, number);
      LittleEndian.put16(dst, offset + 2, valueBytes);
      spool.read(spooledAt, nameBytes + valueBytes, dst, offset + 4);
      return offset + sizeBytes();
    }
  }

  private static final int MAX_VALUE_BYTES = 65535;
  private static final int MAX_NAME_BYTES = 255;

  private static final byte[] NO_NAME = {};
  private static final byte[] DIGEST_KIND = "sha256:".getBytes(StandardCharsets.US_ASCII);

  private final Spool spool;
  private final LongPrefixes prefixes;
  private final List<Entry> entries = new ArrayList<>();

  /** The index in {@link #entries} by the digest of name and value. */
  private final DigestIndex known = new DigestIndex();

  private final Map<List<Entry>, XattrSet> sets = new HashMap<>();

  /** A table whose names and values go to {@code spool}. */
  XattrTable(Spool spool, LongPrefixes prefixes) {
    this.spool = spool;
    this.prefixes = prefixes;
  }

  LongPrefixes prefixes() {
    return prefixes;
  }

  /** Adds the attributes of {@code file}, which counts as one more user of them. */
  XattrSet add(List<Xattr> xattrs, SourceTree source, SourceEntry file) throws IOException {
    // Most files have none.
    if (xattrs.isEmpty()) {
      return XattrSet.NONE;
    }
    List<Xattr> sorted = new ArrayList<>(xattrs);
    // Who reads it would take it for what this build makes.
    sorted.removeIf(xattr -> prefixes.isDigest(xattr.name()));
    if (sorted.isEmpty()) {
      return XattrSet.NONE;
    }
    Collections.sort(sorted);
    int before = entries.size();
    List<Entry> list = new ArrayList<>(sorted.size());
    for (Xattr xattr : sorted) {
      Entry entry = entry(xattr, () -> newEntry(source, file, xattr));
      entry.users++;
      list.add(entry);
    }
    return set(list, entries.size() > before, source, file);
  }

  /** Returns {@code set} with the digest of the data of {@code file}, before all others. */
  XattrSet withDigest(XattrSet set, Sha256 digest, SourceTree source, SourceEntry file)
      throws IOException {
    byte[] value = new byte[DIGEST_KIND.length + Sha256.SIZE_BYTES];
    System.arraycopy(DIGEST_KIND, 0, value, 0, DIGEST_KIND.length);
    System.arraycopy(digest.bytes(), 0, value, DIGEST_KIND.length, Sha256.SIZE_BYTES);
    int before = entries.size();
    // No attribute of a file has an empty name.
    Entry entry =
        entry(
            Xattr.of(NO_NAME, value),
            () ->
                new Entry(
                    prefixes.digestNumber(),
                    NO_NAME,
                    prefixes.hidesDigests(),
                    prefixes.digestFilterBit(),
                    value,
                    spool));
    entry.users++;
    List<Entry> list = new ArrayList<>();
    list.add(entry);
    list.addAll(set.entries());
    return set(list, entries.size() > before, source, file);
  }

  private XattrSet set(List<Entry> list, boolean isNew, SourceTree source, SourceEntry file)
      throws IOException {
    // With an attribute that nobody had before, mostly nobody will have the set again either.
    XattrSet set =
        isNew ? new XattrSet(list) : sets.computeIfAbsent(List.copyOf(list), XattrSet::new);
    if (!set.fits()) {
      throw new IOException(
          "%s: %s: %d bytes of extended attributes: expected at most %d"
              .formatted(source.name(), file, set.bodyBytes(), XattrSet.MAX_BODY_BYTES));
    }
    return set;
  }

  /** Makes an attribute that was not there before. */
  private interface Maker {
    Entry make() throws IOException;
  }

  private Entry entry(Xattr xattr, Maker maker) throws IOException {
    long[] digest = digest(xattr);
    long index = known.find(digest, 0);
    if (index != DigestIndex.ABSENT) {
      return entries.get((int) index);
    }
    Entry entry = maker.make();
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
    NameSpace space = NameSpace.of(name);
    if (space == null) {
      throw new IOException(
          "%s: %s: extended attribute %s: EROFS keeps user.*, trusted.*, security.* and POSIX ACLs; remove it, or build without extended attributes"
              .formatted(source.name(), file, xattr));
    }
    byte[] withoutSpace = LongPrefixes.after(name, space.prefixBytes());
    if (withoutSpace.length > MAX_NAME_BYTES || xattr.value().length > MAX_VALUE_BYTES) {
      throw new IOException(
          "%s: %s: extended attribute %s with a value of %d bytes: expected at most %d"
              .formatted(source.name(), file, xattr, xattr.value().length, MAX_VALUE_BYTES));
    }
    int number = prefixes.number(space, name);
    return new Entry(
        number,
        LongPrefixes.after(name, prefixes.lengthOf(number, space)),
        false,
        XattrFilter.bit(space.number, withoutSpace),
        xattr.value(),
        spool);
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
