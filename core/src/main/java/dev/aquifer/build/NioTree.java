package dev.aquifer.build;

import dev.aquifer.io.FileSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A local directory through plain Java: names in UTF-8 and {@code user.*} attributes only. It
 * refuses names that it can't represent. It does not see holes (zeros become holes again when an
 * image is built), ACLs, capabilities, and attributes of links and special files; a tree that has
 * them needs a source that calls Linux itself.
 */
public final class NioTree implements SourceTree {
  private final Path root;

  private NioTree(Path root) {
    this.root = root;
  }

  /**
   * Opens a directory; a link to one is followed.
   *
   * @throws IOException if it does not exist or is no directory
   */
  public static NioTree open(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      throw new IOException(directory + ": no such directory");
    }
    if (!Files.isDirectory(directory)) {
      throw new IOException(directory + ": is no directory: expected the root of a tree");
    }
    return new NioTree(directory.toRealPath());
  }

  @Override
  public String name() {
    return root.toString();
  }

  @Override
  public SourceEntry root() throws IOException {
    return SourceEntry.root(stat(root));
  }

  @Override
  public List<SourceEntry> children(SourceEntry directory) throws IOException {
    List<SourceEntry> entries = new ArrayList<>();
    Path path = path(directory);
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(path)) {
      for (Path child : stream) {
        String name = child.getFileName().toString();
        if (!path.resolve(name).equals(child)) {
          throw new IOException(
              "%s: a name in it is not in this system's character set: '%s'".formatted(path, name));
        }
        entries.add(SourceEntry.of(directory, name.getBytes(StandardCharsets.UTF_8), stat(child)));
      }
    } catch (DirectoryIteratorException e) {
      throw failed(path, "can't be listed", e.getCause());
    } catch (FileSystemException e) {
      throw failed(path, "can't be listed", e);
    }
    return entries;
  }

  private static FileStat stat(Path path) throws IOException {
    Map<String, Object> all;
    try {
      all = Files.readAttributes(path, "unix:*", LinkOption.NOFOLLOW_LINKS);
    } catch (FileSystemException e) {
      throw failed(path, "can't be examined", e);
    }
    Instant mtime = ((FileTime) value(all, "lastModifiedTime")).toInstant();
    Instant ctime = ((FileTime) value(all, "ctime")).toInstant();
    long device = ((Number) value(all, "rdev")).longValue();
    return new FileStat(
        (int) value(all, "mode"),
        Integer.toUnsignedLong((int) value(all, "uid")),
        Integer.toUnsignedLong((int) value(all, "gid")),
        (long) value(all, "size"),
        mtime.getEpochSecond(),
        mtime.getNano(),
        // The C library's encoding of a device number in 64 bits.
        FileStat.rdev(
            (device >>> 8 & 0xfff) | (device >>> 32 & 0xfffff000L),
            (device & 0xff) | (device >>> 12 & 0xffffff00L)),
        ((Number) value(all, "dev")).longValue(),
        ((Number) value(all, "ino")).longValue(),
        ((Number) value(all, "nlink")).longValue(),
        ctime.getEpochSecond() * 1_000_000_000 + ctime.getNano());
  }

  private static Object value(Map<String, Object> all, String name) {
    Object value = all.get(name);
    if (value == null) {
      throw new IllegalStateException("this platform's files have no attribute unix:" + name);
    }
    return value;
  }

  @Override
  public List<Xattr> xattrs(SourceEntry entry) throws IOException {
    if (!entry.stat().isRegular() && !entry.stat().isDirectory()) {
      return List.of();
    }
    Path path = path(entry);
    UserDefinedFileAttributeView view =
        Files.getFileAttributeView(
            path, UserDefinedFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
    if (view == null) {
      return List.of();
    }
    try {
      List<Xattr> xattrs = new ArrayList<>();
      for (String name : view.list()) {
        ByteBuffer value = ByteBuffer.allocate(view.size(name));
        view.read(name, value);
        xattrs.add(Xattr.of("user." + name, value.array()));
      }
      return xattrs;
    } catch (FileSystemException e) {
      throw failed(path, "its extended attributes can't be read", e);
    }
  }

  @Override
  public byte[] linkTarget(SourceEntry link) throws IOException {
    Path path = path(link);
    try {
      String target = Files.readSymbolicLink(path).toString();
      byte[] bytes = target.getBytes(StandardCharsets.UTF_8);
      if (bytes.length != link.stat().sizeBytes()) {
        // A Path drops doubled and trailing slashes, and other character sets don't survive.
        throw new IOException(
            path + ": the link's target can't be represented in plain Java: '" + target + "'");
      }
      return bytes;
    } catch (FileSystemException e) {
      throw failed(path, "its target can't be read", e);
    }
  }

  @Override
  public SourceFile open(SourceEntry file) throws IOException {
    Path path = path(file);
    try {
      return new NioFile(
          file, path, FileChannel.open(path, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS));
    } catch (FileSystemException e) {
      throw failed(path, "can't be read", e);
    }
  }

  @Override
  public void close() {}

  private Path path(SourceEntry entry) {
    return root.resolve(new String(entry.path(), StandardCharsets.UTF_8));
  }

  private static IOException failed(Path path, String what, @Nullable IOException e) {
    String reason =
        switch (e) {
          case NoSuchFileException _ -> "it vanished while the tree was read";
          case AccessDeniedException _ -> "Permission denied";
          case FileSystemException f when f.getReason() != null -> f.getReason();
          case null, default -> String.valueOf(e);
        };
    return new IOException("%s: %s: %s".formatted(path, what, reason), e);
  }

  private record NioFile(SourceEntry entry, Path path, FileChannel channel) implements SourceFile {
    @Override
    public String name() {
      return path.toString();
    }

    @Override
    public long sizeBytes() {
      return entry.stat().sizeBytes();
    }

    @Override
    public void read(long positionBytes, MemorySegment dst) throws IOException {
      checkRange(positionBytes, dst.byteSize());
      try {
        FileSource.readFully(channel, positionBytes, dst, name());
      } catch (java.io.EOFException e) {
        throw changed(String.valueOf(e.getMessage()));
      }
    }

    @Override
    public long nextData(long positionBytes) {
      return positionBytes;
    }

    @Override
    public long nextHole(long positionBytes) {
      return sizeBytes();
    }

    @Override
    public void checkUnchanged() throws IOException {
      FileStat listed = entry.stat();
      FileStat now = stat(path);
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
          "%s: changed while it was read: %s: expected the %d bytes that were listed; build from a tree at rest"
              .formatted(path, how, entry.stat().sizeBytes()));
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
