package dev.aquifer.nio;

import dev.aquifer.image.DirEntry;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.ByteSource;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.ClosedFileSystemException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.NotLinkException;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.WatchService;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * An open image as a file system. Symbolic links lead to paths inside the image. Permissions are
 * shown and keep nobody from reading: who opens an image may read all of it.
 *
 * <p>Safe for use by many threads. Closing it closes all channels and directory streams.
 */
final class ErofsFileSystem extends FileSystem {
  private static final AtomicLong LAST_DEVICE = new AtomicLong();

  private final ErofsFileSystemProvider provider;
  private final FileSystemUri uri;
  private final OpenedImage opened;
  private final Image image;
  private final Runnable onClose;
  private final long device = LAST_DEVICE.incrementAndGet();
  private final ErofsPath root = ErofsPath.of(this, "/");
  private final DirectoryCache directories = new DirectoryCache();
  private final Set<Closeable> inUse = ConcurrentHashMap.newKeySet();
  private final AtomicBoolean isClosed = new AtomicBoolean();

  /**
   * Takes over {@code opened}.
   *
   * @param onClose runs once when the file system is closed
   */
  ErofsFileSystem(
      ErofsFileSystemProvider provider, FileSystemUri uri, OpenedImage opened, Runnable onClose) {
    this.provider = provider;
    this.uri = uri;
    this.opened = opened;
    this.image = opened.image();
    this.onClose = onClose;
  }

  FileSystemUri uri() {
    return uri;
  }

  private void checkOpen() {
    if (isClosed.get()) {
      throw new ClosedFileSystemException();
    }
  }

  /** What is done with the file at a path. */
  private interface Call<T> {
    T run() throws IOException;
  }

  /** Runs {@code call}; failures to find the file name the path and nothing else, as usual. */
  private <T> T at(ErofsPath path, Call<T> call) throws IOException {
    checkOpen();
    try {
      return call.run();
    } catch (NoSuchFileException e) {
      throw because(e, new NoSuchFileException(path.toString()));
    } catch (NotDirectoryException e) {
      throw because(e, new NotDirectoryException(path.toString()));
    } catch (FileSystemLoopException e) {
      throw because(e, new FileSystemLoopException(path.toString()));
    } catch (IOException e) {
      checkOpen();
      throw e;
    }
  }

  private static FileSystemException because(IOException cause, FileSystemException failure) {
    failure.initCause(cause);
    return failure;
  }

  private Inode inode(ErofsPath path, boolean followsLast) throws IOException {
    DirEntry entry = path.entry() == null ? find(path) : path.entry();
    if (entry != null) {
      Inode inode = image.inode(entry);
      if (!followsLast || inode.type() != FileType.SYMBOLIC_LINK) {
        return inode;
      }
    }
    byte[] bytes = path.toAbsolutePath().bytesWithoutCopy();
    return image.resolve(bytes, followsLast).inode();
  }

  /** The entry of the last name of {@code path}; null if that is none that directories have. */
  private @Nullable DirEntry find(ErofsPath path) throws IOException {
    ErofsPath absolute = path.toAbsolutePath();
    ErofsPath parent = absolute.getParent();
    ErofsPath last = absolute.getFileName();
    if (parent == null || last == null || isDots(last.bytesWithoutCopy())) {
      return null;
    }
    return image
        .directory(directory(parent))
        .find(last.bytesWithoutCopy())
        .orElseThrow(() -> new NoSuchFileException(path.toString()));
  }

  /** What is at an absolute path, a directory if all is well; links are followed. */
  private Inode directory(ErofsPath path) throws IOException {
    return trail(path).getLast();
  }

  /** The inodes from the root to what is at an absolute path; links are followed. */
  private List<Inode> trail(ErofsPath path) throws IOException {
    List<Inode> known = directories.get(path);
    if (known == null) {
      known = listedTrail(path);
      if (known == null) {
        known = image.resolve(path.bytesWithoutCopy(), true).trail();
      }
      directories.put(path, known);
    }
    return known;
  }

  /** As {@link #trail}, for a directory that one used lately listed; else null. */
  private @Nullable List<Inode> listedTrail(ErofsPath path) throws IOException {
    DirEntry entry = path.entry();
    ErofsPath parent = path.getParent();
    List<Inode> above = parent == null ? null : directories.get(parent);
    if (entry == null || entry.type() != FileType.DIRECTORY || above == null) {
      return null;
    }
    Inode inode = image.inode(entry);
    if (above.contains(inode)) {
      throw new FileSystemLoopException(path.toString());
    }
    List<Inode> trail = new ArrayList<>(above);
    trail.add(inode);
    return List.copyOf(trail);
  }

  private static boolean isDots(byte[] name) {
    return PathBytes.isDot(name) || PathBytes.isDotDot(name);
  }

  ErofsFileAttributes attributes(ErofsPath path, boolean followsLast) throws IOException {
    try {
      return at(path, () -> new ErofsFileAttributes(device, inode(path, followsLast)));
    } catch (NotDirectoryException e) {
      // As the JDK does: there is no such file.
      throw because(e, new NoSuchFileException(path.toString()));
    }
  }

  /** The attributes of {@code path}, read when they are asked for. */
  AttributeMap.Reader reader(ErofsPath path, boolean followsLast) {
    return new AttributeMap.Reader() {
      @Override
      public ErofsFileAttributes attributes() throws IOException {
        return ErofsFileSystem.this.attributes(path, followsLast);
      }

      @Override
      public UserAttributes user() {
        return new UserAttributes(
            path.toString(), () -> at(path, () -> image.xattrs(inode(path, followsLast))));
      }
    };
  }

  ErofsPath readLink(ErofsPath path) throws IOException {
    return at(
        path,
        () -> {
          Inode inode = inode(path, false);
          if (inode.type() != FileType.SYMBOLIC_LINK) {
            throw new NotLinkException(path.toString());
          }
          return ErofsPath.of(this, image.readLink(inode));
        });
  }

  ErofsPath realPath(ErofsPath path, boolean followsLinks) throws IOException {
    if (followsLinks) {
      return at(
          path,
          () -> {
            byte[] bytes = path.toAbsolutePath().bytesWithoutCopy();
            List<byte[]> names = image.resolve(bytes, true).names();
            return ErofsPath.of(this, PathBytes.join(true, names));
          });
    }
    return at(path, () -> realPathWithLinks(path));
  }

  /** Takes {@code ..} back only where it follows a directory, and not a link to one. */
  private ErofsPath realPathWithLinks(ErofsPath path) throws IOException {
    ErofsPath real = root;
    for (Path each : path.toAbsolutePath()) {
      ErofsPath name = ErofsPath.of(each);
      ErofsPath parent = real.getParent();
      if (PathBytes.isDotDot(name.bytesWithoutCopy())
          && (parent == null || inode(real, false).type() != FileType.SYMBOLIC_LINK)) {
        real = parent == null ? real : parent;
      } else if (!PathBytes.isDot(name.bytesWithoutCopy())) {
        real = real.resolve(name);
      }
    }
    // Everything of the path as it was given must be there.
    inode(path, false);
    return real;
  }

  FileChannel open(ErofsPath path, boolean followsLast) throws IOException {
    ByteSource data =
        at(
            path,
            () -> {
              Inode inode = inode(path, followsLast);
              if (inode.type() != FileType.REGULAR) {
                throw new FileSystemException(
                    path.toString(), null, "is a %s, no regular file".formatted(inode.type()));
              }
              return image.open(inode);
            });
    Closeable[] channel = new Closeable[1];
    ErofsFileChannel made = new ErofsFileChannel(data, () -> inUse.remove(channel[0]));
    channel[0] = made;
    return use(made);
  }

  DirectoryStream<Path> list(ErofsPath path, DirectoryStream.Filter<? super Path> filter)
      throws IOException {
    List<DirEntry> entries = new ArrayList<>();
    at(
        path,
        () -> {
          Inode inode = directory(path.toAbsolutePath());
          image.directory(inode).forEach(entries::add);
          return inode;
        });
    Closeable[] stream = new Closeable[1];
    ErofsDirectoryStream made =
        new ErofsDirectoryStream(path, entries, filter, () -> inUse.remove(stream[0]));
    stream[0] = made;
    return use(made);
  }

  /** Closes {@code resource} with this, if not before. */
  private <T extends Closeable> T use(T resource) throws IOException {
    inUse.add(resource);
    if (isClosed.get()) {
      resource.close();
      throw new ClosedFileSystemException();
    }
    return resource;
  }

  FileStore store() {
    return new ErofsFileStore(opened.name(), image);
  }

  @Override
  public ErofsFileSystemProvider provider() {
    return provider;
  }

  @Override
  public void close() throws IOException {
    if (!isClosed.compareAndSet(false, true)) {
      return;
    }
    try (opened) {
      onClose.run();
      for (Closeable resource : inUse) {
        resource.close();
      }
    }
  }

  @Override
  public boolean isOpen() {
    return !isClosed.get();
  }

  @Override
  public boolean isReadOnly() {
    return true;
  }

  @Override
  public String getSeparator() {
    return "/";
  }

  @Override
  public Iterable<Path> getRootDirectories() {
    return List.of(root);
  }

  @Override
  public Iterable<FileStore> getFileStores() {
    return List.of(store());
  }

  @Override
  public Set<String> supportedFileAttributeViews() {
    return AttributeMap.VIEWS;
  }

  @Override
  public ErofsPath getPath(String first, String... more) {
    StringBuilder text = new StringBuilder(first);
    for (String part : more) {
      if (!part.isEmpty()) {
        text.append(text.isEmpty() ? "" : "/").append(part);
      }
    }
    return ErofsPath.of(this, text.toString());
  }

  @Override
  public PathMatcher getPathMatcher(String syntaxAndPattern) {
    return PathPattern.matcher(syntaxAndPattern);
  }

  /** Finds users and groups by their numbers in decimal. */
  @Override
  public UserPrincipalLookupService getUserPrincipalLookupService() {
    return NumberedPrincipal.LOOKUP;
  }

  @Override
  public WatchService newWatchService() {
    throw new UnsupportedOperationException("an image does not change: nothing to watch");
  }

  @Override
  public String toString() {
    return opened.name();
  }
}
