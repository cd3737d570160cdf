package dev.aquifer.build;

import dev.aquifer.image.FileType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * A tree in memory that can hold everything a file system can. Paths are text of Latin-1
 * characters, each of which stands for one byte; {@code ""} is the root.
 */
public class MemoryTree implements SourceTree {
  /** A file with all its facts, for tests to change. */
  public static final class Item {
    public int mode;
    public long uid;
    public long gid;
    public long mtimeSeconds = 1_700_000_000;
    public int mtimeNanos;
    public long rdev;
    public long sizeBytes;
    public byte[] target = {};
    public final List<Xattr> xattrs = new ArrayList<>();

    /** Data by position; what lies between is a hole. */
    public final NavigableMap<Long, byte[]> data = new TreeMap<>();

    /** What goes wrong when the file is read, or null. */
    public IOException failure;

    /** Runs when the file is opened. */
    public Runnable onOpen = () -> {};

    final NavigableMap<String, Item> children = new TreeMap<>();
    final long ino;
    long nlink = 1;
    long changes;

    Item(int mode, long ino) {
      this.mode = mode;
      this.ino = ino;
    }

    public Item owner(long user, long group) {
      uid = user;
      gid = group;
      return this;
    }

    public Item permissions(int bits) {
      mode = mode & ~07777 | bits;
      return this;
    }

    public Item mtime(long seconds, int nanos) {
      mtimeSeconds = seconds;
      mtimeNanos = nanos;
      return this;
    }

    public Item xattr(String name, String value) {
      xattrs.add(Xattr.of(bytes(name), bytes(value)));
      return this;
    }

    public Item data(long position, byte[] bytes) {
      data.put(position, bytes);
      sizeBytes = Math.max(sizeBytes, position + bytes.length);
      return this;
    }
  }

  private final Map<Long, Item> byIno = new HashMap<>();
  private final Item root;

  public MemoryTree() {
    root = add(FileType.DIRECTORY.modeBits() | 0755);
  }

  private Item add(int mode) {
    Item item = new Item(mode, byIno.size() + 1L);
    byIno.put(item.ino, item);
    return item;
  }

  public static byte[] bytes(String latin1) {
    return latin1.getBytes(StandardCharsets.ISO_8859_1);
  }

  /** The file at {@code path}. */
  public Item at(String path) {
    Item at = root;
    for (String name : path.split("/")) {
      at = name.isEmpty() ? at : at.children.get(name);
    }
    return at;
  }

  private Item put(String path, Item item) {
    int slash = path.lastIndexOf('/');
    Item parent = at(path.substring(0, Math.max(slash, 0)));
    if (parent.children.putIfAbsent(path.substring(slash + 1), item) != null) {
      throw new IllegalArgumentException(path + " exists");
    }
    return item;
  }

  public Item directory(String path) {
    return put(path, add(FileType.DIRECTORY.modeBits() | 0755));
  }

  public Item file(String path, byte[] data) {
    Item item = put(path, add(FileType.REGULAR.modeBits() | 0644));
    return data.length == 0 ? item : item.data(0, data);
  }

  public Item sparse(String path, long sizeBytes) {
    Item item = put(path, add(FileType.REGULAR.modeBits() | 0644));
    item.sizeBytes = sizeBytes;
    return item;
  }

  public Item link(String path, String target) {
    Item item = put(path, add(FileType.SYMBOLIC_LINK.modeBits() | 0777));
    item.target = bytes(target);
    item.sizeBytes = item.target.length;
    return item;
  }

  public Item special(String path, FileType type, long rdev) {
    Item item = put(path, add(type.modeBits() | 0600));
    item.rdev = rdev;
    return item;
  }

  public void remove(String path) {
    int slash = path.lastIndexOf('/');
    at(path.substring(0, Math.max(slash, 0))).children.remove(path.substring(slash + 1));
  }

  public void hardLink(String path, String existing) {
    put(path, at(existing)).nlink++;
  }

  @Override
  public String name() {
    return "memory";
  }

  @Override
  public SourceEntry root() {
    return SourceEntry.root(stat(root));
  }

  @Override
  public List<SourceEntry> children(SourceEntry directory) {
    List<SourceEntry> entries = new ArrayList<>();
    // Not in the order of an image, so that sorting is put to the test.
    item(directory)
        .children
        .descendingMap()
        .forEach((name, item) -> entries.add(SourceEntry.of(directory, bytes(name), stat(item))));
    return entries;
  }

  @Override
  public List<Xattr> xattrs(SourceEntry entry) {
    return List.copyOf(item(entry).xattrs).reversed();
  }

  @Override
  public byte[] linkTarget(SourceEntry link) {
    return item(link).target;
  }

  @Override
  public SourceFile open(SourceEntry file) throws IOException {
    Item item = item(file);
    item.onOpen.run();
    if (item.failure != null) {
      throw item.failure;
    }
    return new MemoryFile(file, item);
  }

  @Override
  public void close() {}

  private Item item(SourceEntry entry) {
    return byIno.get(entry.stat().ino());
  }

  private static FileStat stat(Item item) {
    return new FileStat(
        item.mode,
        item.uid,
        item.gid,
        item.sizeBytes,
        item.mtimeSeconds,
        item.mtimeNanos,
        item.rdev,
        7,
        item.ino,
        item.nlink,
        item.changes);
  }

  private record MemoryFile(SourceEntry entry, Item item) implements SourceFile {
    @Override
    public String name() {
      return entry.toString();
    }

    @Override
    public long sizeBytes() {
      return entry.stat().sizeBytes();
    }

    @Override
    public void read(long positionBytes, MemorySegment dst) throws IOException {
      checkRange(positionBytes, dst.byteSize());
      if (positionBytes + dst.byteSize() > item.sizeBytes) {
        throw new IOException("memory: " + entry + ": changed while it was read");
      }
      dst.fill((byte) 0);
      long end = positionBytes + dst.byteSize();
      for (Map.Entry<Long, byte[]> part : item.data.entrySet()) {
        long from = Math.max(positionBytes, part.getKey());
        long to = Math.min(end, part.getKey() + part.getValue().length);
        if (from < to) {
          MemorySegment.copy(
              MemorySegment.ofArray(part.getValue()),
              from - part.getKey(),
              dst,
              from - positionBytes,
              to - from);
        }
      }
    }

    @Override
    public long nextData(long positionBytes) {
      for (Map.Entry<Long, byte[]> part : item.data.entrySet()) {
        if (part.getKey() + part.getValue().length > positionBytes) {
          return Math.max(positionBytes, part.getKey());
        }
      }
      return sizeBytes();
    }

    @Override
    public long nextHole(long positionBytes) {
      long at = positionBytes;
      for (Map.Entry<Long, byte[]> part : item.data.entrySet()) {
        if (part.getKey() <= at) {
          at = Math.max(at, part.getKey() + part.getValue().length);
        }
      }
      return Math.min(at, sizeBytes());
    }

    @Override
    public void checkUnchanged() throws IOException {
      if (item.changes != entry.stat().changeToken()) {
        throw new IOException("memory: " + entry + ": changed while it was read");
      }
    }

    @Override
    public void close() {}
  }
}
