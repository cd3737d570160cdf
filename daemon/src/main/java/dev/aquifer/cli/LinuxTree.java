package dev.aquifer.cli;

import dev.aquifer.build.FileStat;
import dev.aquifer.build.SourceEntry;
import dev.aquifer.build.SourceFile;
import dev.aquifer.build.SourceTree;
import dev.aquifer.build.Xattr;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.FileCalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A local directory with all that Linux knows of its files: names of any bytes, nanoseconds,
 * devices, attributes of all name spaces that the caller may see, ACLs and capabilities among them,
 * and holes. File systems that are mounted below belong to it.
 */
public final class LinuxTree implements SourceTree {
  /** In which bytes the JVM itself writes a path. */
  private static final Charset PATHS =
      Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"), StandardCharsets.UTF_8);

  private final String name;
  private final byte[] path;
  private final FileStat stat;

  private LinuxTree(String name, byte[] path, FileStat stat) {
    this.name = name;
    this.path = path;
    this.stat = stat;
  }

  /**
   * Opens a directory; a link to one is followed.
   *
   * @throws IOException if it does not exist, is no directory or can't be listed
   */
  public static LinuxTree open(Path directory) throws IOException {
    String name = directory.toString();
    try {
      byte[] path = realPath(directory);
      int fd = FileCalls.open(path, FileCalls.O_DIRECTORY);
      try {
        return new LinuxTree(name, path, stat(FileCalls.stat(fd)));
      } finally {
        FileCalls.close(fd);
      }
    } catch (java.nio.file.NoSuchFileException e) {
      throw new IOException(name + ": no such directory", e);
    } catch (ErrnoException e) {
      throw new IOException(name + ": can't be listed: " + FileCalls.describe(e.errno()), e);
    }
  }

  /** The bytes of a path without links, of what exists. */
  static byte[] realPath(Path path) throws IOException {
    return path.toRealPath().toString().getBytes(PATHS);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public SourceEntry root() {
    return SourceEntry.root(stat);
  }

  @Override
  public List<SourceEntry> children(SourceEntry directory) throws IOException {
    try (ShortPath at = ShortPath.of(path, directory)) {
      int fd = FileCalls.open(at.bytes(), FileCalls.O_DIRECTORY);
      try {
        checkSame(directory, stat(FileCalls.stat(fd)));
        List<byte[]> names = FileCalls.list(fd);
        List<SourceEntry> entries = new ArrayList<>(names.size());
        for (byte[] child : names) {
          try {
            entries.add(SourceEntry.of(directory, child, stat(FileCalls.stat(fd, child))));
          } catch (ErrnoException e) {
            throw failed(
                SourceEntry.of(directory, child, directory.stat()), "can't be examined", e);
          }
        }
        return entries;
      } finally {
        FileCalls.close(fd);
      }
    } catch (ErrnoException e) {
      throw failed(directory, "can't be listed", e);
    }
  }

  /** What lies at the path by now may be another directory, even outside of the tree. */
  private void checkSame(SourceEntry directory, FileStat opened) throws IOException {
    FileStat listed = directory.stat();
    if (opened.dev() != listed.dev() || opened.ino() != listed.ino()) {
      throw new IOException(
          "%s: %s: was replaced by another directory while the tree was read: build from a tree at rest"
              .formatted(name, directory));
    }
  }

  @Override
  public List<Xattr> xattrs(SourceEntry entry) throws IOException {
    try (ShortPath at = ShortPath.of(path, entry)) {
      List<byte[]> names = FileCalls.listXattrs(at.bytes());
      if (names.isEmpty()) {
        return List.of();
      }
      List<Xattr> xattrs = new ArrayList<>(names.size());
      for (byte[] attribute : names) {
        xattrs.add(Xattr.of(attribute, FileCalls.xattr(at.bytes(), attribute)));
      }
      return xattrs;
    } catch (ErrnoException e) {
      throw failed(entry, "its extended attributes can't be read", e);
    }
  }

  @Override
  public byte[] linkTarget(SourceEntry link) throws IOException {
    try (ShortPath at = ShortPath.of(path, link)) {
      return FileCalls.readlink(at.bytes());
    } catch (ErrnoException e) {
      throw failed(link, "its target can't be read", e);
    }
  }

  @Override
  public SourceFile open(SourceEntry file) throws IOException {
    try (ShortPath at = ShortPath.of(path, file)) {
      return new LinuxFile(file, FileCalls.open(at.bytes(), 0));
    } catch (ErrnoException e) {
      throw failed(file, "can't be read", e);
    }
  }

  @Override
  public void close() {}

  private IOException failed(SourceEntry entry, String what, ErrnoException e) {
    String reason =
        e.errno() == FileCalls.ENOENT
            ? "it vanished while the tree was read"
            : FileCalls.describe(e.errno());
    return new IOException("%s: %s: %s: %s".formatted(name, entry, what, reason), e);
  }

  private static FileStat stat(FileCalls.Stat stat) {
    return new FileStat(
        stat.mode(),
        stat.uid(),
        stat.gid(),
        stat.sizeBytes(),
        stat.mtimeSeconds(),
        stat.mtimeNanos(),
        FileStat.rdev(stat.rdevMajor(), stat.rdevMinor()),
        stat.dev(),
        stat.ino(),
        stat.nlink(),
        stat.ctimeSeconds() * 1_000_000_000 + stat.ctimeNanos());
  }

  /**
   * A path to an entry that system calls take. One longer than they take starts at a descriptor of
   * a directory on its way, which is open as long as this object.
   */
  private static final class ShortPath implements AutoCloseable {
    private final byte[] bytes;
    private final int fd;

    private ShortPath(byte[] bytes, int fd) {
      this.bytes = bytes;
      this.fd = fd;
    }

    byte[] bytes() {
      return bytes;
    }

    static ShortPath of(byte[] root, SourceEntry entry) throws IOException {
      byte[] rest = entry.path();
      byte[] from = root;
      int fd = -1;
      while (from.length + 1 + rest.length > FileCalls.PATH_MAX) {
        int room = FileCalls.PATH_MAX - from.length - 1;
        int cut = room;
        while (cut >= 0 && rest[cut] != '/') {
          cut--;
        }
        // After a long root there may be no room for a single name: then the root alone.
        byte[] start = cut < 0 ? from : join(from, Arrays.copyOf(rest, cut));
        int next;
        try {
          next = FileCalls.open(start, FileCalls.O_PATH | FileCalls.O_DIRECTORY);
        } finally {
          closeIfOpen(fd);
        }
        fd = next;
        from = ("/proc/self/fd/" + fd).getBytes(StandardCharsets.US_ASCII);
        rest = Arrays.copyOfRange(rest, cut + 1, rest.length);
      }
      return new ShortPath(join(from, rest), fd);
    }

    private static byte[] join(byte[] directory, byte[] rest) {
      if (rest.length == 0) {
        return directory;
      }
      byte[] path = Arrays.copyOf(directory, directory.length + 1 + rest.length);
      path[directory.length] = '/';
      System.arraycopy(rest, 0, path, directory.length + 1, rest.length);
      return path;
    }

    private static void closeIfOpen(int fd) {
      if (fd >= 0) {
        FileCalls.close(fd);
      }
    }

    @Override
    public void close() {
      closeIfOpen(fd);
    }
  }

  /** An open regular file. */
  private final class LinuxFile implements SourceFile {
    private final SourceEntry entry;
    private int fd;

    LinuxFile(SourceEntry entry, int fd) {
      this.entry = entry;
      this.fd = fd;
    }

    @Override
    public String name() {
      return name + ": " + entry;
    }

    @Override
    public long sizeBytes() {
      return entry.stat().sizeBytes();
    }

    @Override
    public void read(long positionBytes, MemorySegment dst) throws IOException {
      checkRange(positionBytes, dst.byteSize());
      if (!dst.isNative()) {
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment copy = arena.allocate(dst.byteSize());
          read(positionBytes, copy);
          dst.copyFrom(copy);
        }
        return;
      }
      try {
        long count = FileCalls.pread(fd, dst, positionBytes);
        if (count < dst.byteSize()) {
          throw changed("it ends at byte %d".formatted(positionBytes + count));
        }
      } catch (ErrnoException e) {
        throw failed(entry, "can't be read", e);
      }
    }

    @Override
    public long nextData(long positionBytes) throws IOException {
      try {
        return found(FileCalls.nextData(fd, positionBytes));
      } catch (ErrnoException e) {
        throw failed(entry, "can't be searched for data", e);
      }
    }

    @Override
    public long nextHole(long positionBytes) throws IOException {
      try {
        return found(FileCalls.nextHole(fd, positionBytes));
      } catch (ErrnoException e) {
        throw failed(entry, "can't be searched for holes", e);
      }
    }

    /** The file may have grown: what lies beyond its listed end is not looked at. */
    private long found(long positionBytes) {
      return positionBytes < 0 ? sizeBytes() : Math.min(positionBytes, sizeBytes());
    }

    @Override
    public void checkUnchanged() throws IOException {
      FileStat listed = entry.stat();
      FileStat now = stat(FileCalls.stat(fd));
      if (now.sizeBytes() != listed.sizeBytes()) {
        throw changed("it has %d bytes now".formatted(now.sizeBytes()));
      }
      if (now.changeToken() != listed.changeToken()
          || now.ino() != listed.ino()
          || now.dev() != listed.dev()
          || now.mode() != listed.mode()) {
        throw changed("it was written to or replaced");
      }
    }

    private IOException changed(String how) {
      return new IOException(
          "%s: %s: changed while it was read: %s: expected the %d bytes that were listed; build from a tree at rest"
              .formatted(name, entry, how, entry.stat().sizeBytes()));
    }

    @Override
    public void close() {
      if (fd >= 0) {
        FileCalls.close(fd);
        fd = -1;
      }
    }
  }
}
