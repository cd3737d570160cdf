package dev.aquifer.nio;

import java.io.IOException;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.AccessMode;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.FileSystemAlreadyExistsException;
import java.nio.file.FileSystemNotFoundException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.ReadOnlyFileSystemException;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.FileOwnerAttributeView;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.nio.file.spi.FileSystemProvider;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Shows EROFS images as file systems of {@code java.nio.file}, read-only. The JDK finds it by
 * itself; there is no need to name it.
 *
 * <p>A local image, a file or an image layout, opens by its path:
 *
 * <pre>{@code
 * try (FileSystem image = FileSystems.newFileSystem(Path.of("images/app"))) {
 *   String text = Files.readString(image.getPath("/etc/os-release"));
 * }
 * }</pre>
 *
 * <p>Any image opens by a URI, {@code erofs:} before the URL of the image. Data of a remote image
 * is fetched when it is read; {@link #CACHE} and {@link #DOMAIN} keep it for the next time:
 *
 * <pre>{@code
 * URI uri = URI.create("erofs:http://127.0.0.1:8080/app");
 * Map<String, ?> env = Map.of("cache", Path.of("/var/tmp/cache"), "domain", "shop");
 * try (FileSystem image = FileSystems.newFileSystem(uri, env);
 *     Stream<Path> paths = Files.walk(image.getPath("/"))) {
 *   long files = paths.filter(Files::isRegularFile).count();
 * }
 * }</pre>
 *
 * <p>Images with extra devices, made by other tools, need {@link #DEVICES}:
 *
 * <pre>{@code
 * Map<String, ?> env = Map.of("devices", List.of("images/blob1.img"));
 * try (FileSystem image = FileSystems.newFileSystem(Path.of("images/boot.erofs"), env)) {
 *   Files.copy(image.getPath("/data"), Path.of("data"));
 * }
 * }</pre>
 *
 * <p>Paths have URIs, too, with {@code !} between image and path as in {@code jar:}, such as {@code
 * erofs:file:///images/app!/etc/os-release} or {@code erofs:http://host/app!/etc}; {@link
 * Path#of(URI)} takes them while the image is open that was opened by URI. A {@code !} in a name is
 * written {@code %21}.
 *
 * <p>Names are bytes. The text of a path is UTF-8 where that is possible, and has one of the
 * characters U+DC80 to U+DCFF for each other byte, so that every name survives being turned into
 * text and back; nothing folds case.
 *
 * <p>The views {@code basic}, {@code owner}, {@code posix}, {@code unix} and {@code user} are there
 * with the attributes that the JDK gives them on Linux; users and groups are numbers. Permissions
 * are shown, and keep nobody from reading. What would change something throws {@link
 * ReadOnlyFileSystemException}. Damaged data throws {@link dev.aquifer.io.CorruptDataException},
 * wherever it is met, and a directory inside itself {@link java.nio.file.FileSystemLoopException}.
 * An image that is not trusted may still have more paths than anybody can walk: who walks one sets
 * a limit.
 *
 * <p>Safe for use by many threads, and so are its file systems.
 */
public final class ErofsFileSystemProvider extends FileSystemProvider {
  /**
   * The extra devices, in the order of the device table: a {@code List} of paths and URLs, or one
   * of them. See {@link OpenOptions#devices}.
   */
  public static final String DEVICES = "devices";

  /**
   * Further places of an image layout: a {@code List} of paths and URLs, or one of them. See {@link
   * OpenOptions#mirrors}.
   */
  public static final String MIRRORS = "mirrors";

  /** Whether a temporary cache is in memory: a {@code Boolean}, or its text. */
  public static final String IN_MEMORY = "memory";

  /** Where the file system begins in the file, in bytes: a {@code Number}, or its text. */
  public static final String OFFSET = "offset";

  /** The domain in whose name space of the cache all is kept: a {@code String}. */
  public static final String DOMAIN = "domain";

  /** The directory of the cache: a {@code Path}, or its text. */
  public static final String CACHE = "cache";

  private static final Set<OpenOption> WRITING =
      Set.of(
          StandardOpenOption.WRITE, StandardOpenOption.APPEND, StandardOpenOption.DELETE_ON_CLOSE);

  /** Those opened by URI. */
  private final Map<FileSystemUri, ErofsFileSystem> fileSystems =
      new HashMap<>(); // guarded by itself

  /** Those being opened. */
  private final Set<FileSystemUri> opening = new HashSet<>(); // guarded by fileSystems

  /** For the JDK, which makes one for the process. */
  public ErofsFileSystemProvider() {}

  @Override
  public String getScheme() {
    return FileSystemUri.SCHEME;
  }

  /**
   * Opens the image that {@code uri} names; a path in it is left aside.
   *
   * @param env {@link #DEVICES}, {@link #OFFSET}, {@link #DOMAIN}, {@link #CACHE}; others are left
   *     aside
   * @throws FileSystemAlreadyExistsException if it is open by URI
   * @throws IOException as {@link OpenedImage#open(String, OpenOptions)}
   */
  @Override
  public FileSystem newFileSystem(URI uri, Map<String, ?> env) throws IOException {
    FileSystemUri key = FileSystemUri.of(uri);
    OpenOptions options = FileSystemEnv.options(env);
    synchronized (fileSystems) {
      if (fileSystems.containsKey(key) || !opening.add(key)) {
        throw new FileSystemAlreadyExistsException(key.shown());
      }
    }
    try {
      OpenedImage opened = OpenedImage.open(key.reference(), options);
      ErofsFileSystem made = new ErofsFileSystem(this, key, opened, () -> forget(key));
      synchronized (fileSystems) {
        fileSystems.put(key, made);
      }
      return made;
    } finally {
      synchronized (fileSystems) {
        opening.remove(key);
      }
    }
  }

  private void forget(FileSystemUri key) {
    synchronized (fileSystems) {
      fileSystems.remove(key);
    }
  }

  /**
   * Opens the image at {@code path}: a file with an EROFS file system, or the directory of an image
   * layout. Any number of them may be open; URIs find none of them.
   *
   * @throws UnsupportedOperationException if it is neither, so that another provider may take it
   */
  @Override
  public FileSystem newFileSystem(Path path, Map<String, ?> env) throws IOException {
    OpenOptions options = FileSystemEnv.options(env);
    if (!isImage(path, options.offsetBytes())) {
      throw new UnsupportedOperationException(
          "%s: expected an EROFS image or an image layout".formatted(path));
    }
    FileSystemUri uri = FileSystemUri.of(path);
    return new ErofsFileSystem(this, uri, OpenedImage.open(path, options), () -> {});
  }

  private static boolean isImage(Path path, long offsetBytes) throws IOException {
    BasicFileAttributes facts = Files.readAttributes(path, BasicFileAttributes.class);
    if (facts.isDirectory()) {
      return path.getFileSystem().equals(FileSystems.getDefault())
          && Files.exists(path.resolve("index.json"))
          && Files.exists(path.resolve("oci-layout"));
    }
    return facts.isRegularFile() && ErofsMagic.isAt(path, offsetBytes);
  }

  @Override
  public FileSystem getFileSystem(URI uri) {
    FileSystemUri key = FileSystemUri.of(uri);
    synchronized (fileSystems) {
      FileSystem found = fileSystems.get(key);
      if (found == null) {
        throw new FileSystemNotFoundException(
            "%s: is not open: expected FileSystems.newFileSystem with this URI before"
                .formatted(key.shown()));
      }
      return found;
    }
  }

  @Override
  public Path getPath(URI uri) {
    byte[] path = FileSystemUri.pathOf(uri);
    return ErofsPath.of((ErofsFileSystem) getFileSystem(uri), path);
  }

  private static ErofsFileSystem of(Path path) {
    return ErofsPath.of(path).getFileSystem();
  }

  @Override
  public FileChannel newFileChannel(
      Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
      throws IOException {
    boolean followsLast = true;
    for (OpenOption option : options) {
      if (WRITING.contains(option)) {
        throw new ReadOnlyFileSystemException();
      }
      if (option == LinkOption.NOFOLLOW_LINKS) {
        followsLast = false;
      } else if (!(Objects.requireNonNull(option) instanceof StandardOpenOption)) {
        throw new UnsupportedOperationException("option '%s'".formatted(option));
      }
    }
    return of(path).open(ErofsPath.of(path), followsLast);
  }

  @Override
  public SeekableByteChannel newByteChannel(
      Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
      throws IOException {
    return newFileChannel(path, options, attributes);
  }

  @Override
  public DirectoryStream<Path> newDirectoryStream(
      Path directory, DirectoryStream.Filter<? super Path> filter) throws IOException {
    return of(directory).list(ErofsPath.of(directory), Objects.requireNonNull(filter));
  }

  @Override
  public Path readSymbolicLink(Path link) throws IOException {
    return of(link).readLink(ErofsPath.of(link));
  }

  @Override
  public boolean isSameFile(Path path, Path other) throws IOException {
    if (path.equals(other)) {
      return true;
    }
    return other instanceof ErofsPath that
        && that.getFileSystem() == path.getFileSystem()
        && fileKey(path).equals(fileKey(that));
  }

  private static Object fileKey(Path path) throws IOException {
    return of(path).attributes(ErofsPath.of(path), true).fileKey();
  }

  /** Whether its name begins with a dot, as on Unix. */
  @Override
  public boolean isHidden(Path path) {
    Path name = path.getFileName();
    return name != null && name.toString().startsWith(".");
  }

  @Override
  public FileStore getFileStore(Path path) throws IOException {
    ErofsFileSystem fileSystem = of(path);
    fileSystem.attributes(ErofsPath.of(path), true);
    return fileSystem.store();
  }

  /** A file is there to read, and may be executed if its mode lets anybody. */
  @Override
  public void checkAccess(Path path, AccessMode... modes) throws IOException {
    int mode = of(path).attributes(ErofsPath.of(path), true).inode().mode();
    for (AccessMode wanted : modes) {
      boolean isGranted =
          switch (wanted) {
            case READ -> true;
            case WRITE -> false;
            case EXECUTE -> (mode & 0111) != 0;
          };
      if (!isGranted) {
        throw new AccessDeniedException(
            path.toString(), null, wanted == AccessMode.WRITE ? "read-only" : "not executable");
      }
    }
  }

  @Override
  public <V extends FileAttributeView> @Nullable V getFileAttributeView(
      Path path, Class<V> type, LinkOption... options) {
    AttributeMap.Reader reader =
        of(path).reader(ErofsPath.of(path), ErofsPath.followsLinks(options));
    if (type == BasicFileAttributeView.class) {
      return type.cast(new PosixView("basic", reader));
    }
    if (type == PosixFileAttributeView.class) {
      return type.cast(new PosixView("posix", reader));
    }
    if (type == FileOwnerAttributeView.class) {
      return type.cast(new PosixView("owner", reader));
    }
    return type == UserDefinedFileAttributeView.class ? type.cast(reader.user()) : null;
  }

  @Override
  public <A extends BasicFileAttributes> A readAttributes(
      Path path, Class<A> type, LinkOption... options) throws IOException {
    if (type != BasicFileAttributes.class && type != PosixFileAttributes.class) {
      throw new UnsupportedOperationException(
          "%s: expected BasicFileAttributes or PosixFileAttributes".formatted(type.getName()));
    }
    return type.cast(of(path).attributes(ErofsPath.of(path), ErofsPath.followsLinks(options)));
  }

  @Override
  public Map<String, Object> readAttributes(Path path, String attributes, LinkOption... options)
      throws IOException {
    return AttributeMap.read(
        attributes, of(path).reader(ErofsPath.of(path), ErofsPath.followsLinks(options)));
  }

  @Override
  public void setAttribute(Path path, String attribute, Object value, LinkOption... options) {
    throw new ReadOnlyFileSystemException();
  }

  @Override
  public void createDirectory(Path directory, FileAttribute<?>... attributes) {
    throw new ReadOnlyFileSystemException();
  }

  @Override
  public void createSymbolicLink(Path link, Path target, FileAttribute<?>... attributes) {
    throw new ReadOnlyFileSystemException();
  }

  @Override
  public void createLink(Path link, Path existing) {
    throw new ReadOnlyFileSystemException();
  }

  @Override
  public void delete(Path path) {
    throw new ReadOnlyFileSystemException();
  }

  @Override
  public void copy(Path source, Path target, CopyOption... options) {
    throw new ReadOnlyFileSystemException();
  }

  @Override
  public void move(Path source, Path target, CopyOption... options) {
    throw new ReadOnlyFileSystemException();
  }
}
