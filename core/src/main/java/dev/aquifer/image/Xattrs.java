package dev.aquifer.image;

import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Decodes the extended attributes of one inode. They follow the inode, little endian: a header of
 * 12 bytes, the ids of shared attributes, then the inode's own ones. A shared attribute is at byte
 * 4 id after the start of the superblock's block for them.
 *
 * <table>
 * <caption>extended attributes</caption>
 * <tr><th>offset</th><th>width</th><th>field</th><th>meaning</th></tr>
 * <tr><th colspan="4">header</th></tr>
 * <tr><td>0</td><td>4</td><td>name_filter</td><td>a bit set: no name with that hash; not needed
 * to read</td></tr>
 * <tr><td>4</td><td>1</td><td>shared_count</td><td>n</td></tr>
 * <tr><td>5</td><td>7</td><td>reserved</td><td></td></tr>
 * <tr><td>12</td><td>4 n</td><td>shared ids</td><td></td></tr>
 * <tr><th colspan="4">attribute, aligned to 4 bytes</th></tr>
 * <tr><td>0</td><td>1</td><td>name_len</td><td>bytes of the name without its beginning</td></tr>
 * <tr><td>1</td><td>1</td><td>name_index</td><td>the number of the beginning, see {@link
 * XattrPrefixes}; 0 hides the attribute</td></tr>
 * <tr><td>2</td><td>2</td><td>value_size</td><td></td></tr>
 * <tr><td>4</td><td></td><td>name, value</td><td></td></tr>
 * </table>
 */
final class Xattrs {
  private static final int HEADER_BYTES = 12;
  private static final int ENTRY_BYTES = 4;
  private static final int MAX_NAME_BYTES = 255;

  private final Volume volume;
  private final XattrPrefixes prefixes;
  private final Inode inode;
  private final SortedMap<String, byte[]> attributes = new TreeMap<>();

  /** The value of the digest of the inode's data, if it has one. */
  private byte @Nullable [] digest;

  private Xattrs(Volume volume, XattrPrefixes prefixes, Inode inode) {
    this.volume = volume;
    this.prefixes = prefixes;
    this.inode = inode;
  }

  /** The attributes of {@code inode} by their full names. */
  static SortedMap<String, byte[]> read(Volume volume, XattrPrefixes prefixes, Inode inode)
      throws IOException {
    Xattrs xattrs = new Xattrs(volume, prefixes, inode);
    if (inode.xattrSizeBytes() > 0) {
      xattrs.readAll();
    }
    return xattrs.attributes;
  }

  /** The digest of the data of {@code inode} as the image has it; null for none. */
  static byte @Nullable [] digest(Volume volume, XattrPrefixes prefixes, Inode inode)
      throws IOException {
    if (inode.xattrSizeBytes() == 0 || !volume.superblock().has(Feature.ISHARE_XATTRS)) {
      return null;
    }
    Xattrs xattrs = new Xattrs(volume, prefixes, inode);
    xattrs.readAll();
    return xattrs.digest;
  }

  private void readAll() throws IOException {
    MemorySegment body = body();
    int shared = LittleEndian.u8(body, 4);
    checkShared(shared, body);
    long position = HEADER_BYTES + 4L * shared;
    while (position < body.byteSize()) {
      // Both ends are multiples of 4, so there is room for the fields.
      long end = position + entryBytes(body, position);
      if (end > body.byteSize()) {
        throw corrupt(
            "an attribute ends at byte %d of %d of the inode's attributes"
                .formatted(end, body.byteSize()));
      }
      add(body.asSlice(position, end - position));
      position = end + 3 & -4;
    }
    for (int i = 0; i < shared; i++) {
      readShared(LittleEndian.u32(body, HEADER_BYTES + 4L * i));
    }
  }

  /**
   * What the filter of names of {@code inode} says: a set bit means that no name has that hash; 0
   * if there is none.
   */
  static int filter(Volume volume, Inode inode) throws IOException {
    if (inode.xattrSizeBytes() == 0 || !volume.superblock().has(Feature.XATTR_FILTER)) {
      return 0;
    }
    Xattrs xattrs = new Xattrs(volume, XattrPrefixes.none(volume.name()), inode);
    return (int) LittleEndian.u32(xattrs.body(), 0);
  }

  /** Where the shared attributes of {@code inode} are. */
  static List<MetadataRange> shared(Volume volume, Inode inode) throws IOException {
    List<MetadataRange> ranges = new ArrayList<>();
    if (inode.xattrSizeBytes() == 0) {
      return ranges;
    }
    Xattrs xattrs = new Xattrs(volume, XattrPrefixes.none(volume.name()), inode);
    MemorySegment body = xattrs.body();
    int shared = LittleEndian.u8(body, 4);
    xattrs.checkShared(shared, body);
    for (int i = 0; i < shared; i++) {
      long id = LittleEndian.u32(body, HEADER_BYTES + 4L * i);
      MemorySegment fields = xattrs.pool().read(xattrs.position(id), ENTRY_BYTES, xattrs::place);
      ranges.add(
          new MetadataRange(xattrs.isPoolInMetabox(), xattrs.position(id), entryBytes(fields, 0)));
    }
    return ranges;
  }

  private MemorySegment body() throws IOException {
    return volume
        .metadata(inode.nid())
        .read(inode.xattrPositionBytes(), inode.xattrSizeBytes(), this::place);
  }

  private void checkShared(int shared, MemorySegment body) throws CorruptDataException {
    if (HEADER_BYTES + 4L * shared > body.byteSize()) {
      throw corrupt("%d shared ids in %d bytes".formatted(shared, body.byteSize()));
    }
  }

  private boolean isPoolInMetabox() {
    return volume.superblock().has(Feature.SHARED_EA_IN_METABOX);
  }

  private Metadata pool() throws IOException {
    return isPoolInMetabox() ? volume.metabox() : volume.metadata();
  }

  private long position(long id) {
    return (volume.superblock().xattrBlock() << volume.superblock().blockBits()) + 4 * id;
  }

  private void readShared(long id) throws IOException {
    Metadata pool = pool();
    long position = position(id);
    MemorySegment fields =
        pool.read(position, ENTRY_BYTES, () -> place() + ": shared attribute " + id);
    add(pool.read(position, entryBytes(fields, 0), () -> place() + ": shared attribute " + id));
  }

  private static int entryBytes(MemorySegment bytes, long position) {
    return ENTRY_BYTES + LittleEndian.u8(bytes, position) + LittleEndian.u16(bytes, position + 2);
  }

  private void add(MemorySegment entry) throws IOException {
    int nameLength = LittleEndian.u8(entry, 0);
    int index = LittleEndian.u8(entry, 1);
    if (nameLength == 0 && XattrPrefixes.isDigest(index, volume.superblock())) {
      byte[] value = entry.asSlice(ENTRY_BYTES).toArray(ValueLayout.JAVA_BYTE);
      digest = digest == null ? value : digest;
    }
    byte[] rest = entry.asSlice(ENTRY_BYTES, nameLength).toArray(ValueLayout.JAVA_BYTE);
    byte[] name = prefixes.fullName(index, rest, place());
    if (name == null) {
      return;
    }
    checkName(name);
    byte[] value = entry.asSlice(ENTRY_BYTES + nameLength).toArray(ValueLayout.JAVA_BYTE);
    // mkfs.erofs can write a name twice; the kernel gives the first, the inode's own before shared.
    attributes.putIfAbsent(ByteNames.toText(name), value);
  }

  private void checkName(byte[] name) throws CorruptDataException {
    if (name.length > MAX_NAME_BYTES) {
      throw corrupt(
          "an attribute's name has %d bytes: expected at most %d".formatted(name.length, 255));
    }
    for (byte b : name) {
      if (b == 0) {
        throw corrupt("attribute %s has a zero byte in its name".formatted(ByteNames.quote(name)));
      }
    }
  }

  private CorruptDataException corrupt(String what) {
    return new CorruptDataException(place() + ": " + what);
  }

  private String place() {
    return "%s: extended attributes at byte 0x%x"
        .formatted(inode.place(volume.name()), inode.xattrPositionBytes());
  }
}
