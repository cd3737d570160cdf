package dev.aquifer.nio;

import dev.aquifer.image.ByteNames;
import dev.aquifer.image.DirEntry;
import java.io.IOException;
import java.net.URI;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.ProviderMismatchException;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A path in an image: bytes, of which {@link ByteNames} gives the text. Two paths are equal if
 * their file systems and bytes are. Relative paths are taken from the root. Immutable.
 */
final class ErofsPath implements Path {
  private final ErofsFileSystem fileSystem;
  private final byte[] bytes;

  /** The entry of the last name, if a directory gave this path: spares who has it the search. */
  private final @Nullable DirEntry entry;

  private volatile @Nullable List<byte[]> names; // made at first use
  private volatile @Nullable String text; // made at first use

  private ErofsPath(ErofsFileSystem fileSystem, byte[] cleanBytes, @Nullable DirEntry entry) {
    this.fileSystem = fileSystem;
    this.bytes = cleanBytes;
    this.entry = entry;
  }

  /** The path of any bytes but NUL. */
  static ErofsPath of(ErofsFileSystem fileSystem, byte[] bytes) {
    for (byte b : bytes) {
      if (b == 0) {
        throw new InvalidPathException(ByteNames.toText(bytes), "a path has no NUL byte");
      }
    }
    return new ErofsPath(fileSystem, PathBytes.clean(bytes), null);
  }

  /** The path that {@code text} stands for. */
  static ErofsPath of(ErofsFileSystem fileSystem, String text) {
    try {
      return of(fileSystem, ByteNames.toBytes(text));
    } catch (InvalidPathException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw new InvalidPathException(text, String.valueOf(e.getMessage()));
    }
  }

  /**
   * {@code path} as one of these.
   *
   * @throws ProviderMismatchException if it is none
   */
  static ErofsPath of(Path path) {
    if (path instanceof ErofsPath erofs) {
      return erofs;
    }
    throw new ProviderMismatchException(
        "'%s' is a path of another file system: expected one of an EROFS image".formatted(path));
  }

  private ErofsPath with(boolean isAbsolute, List<byte[]> ofNames) {
    return new ErofsPath(fileSystem, PathBytes.join(isAbsolute, ofNames), null);
  }

  private List<byte[]> names() {
    List<byte[]> known = names;
    if (known == null) {
      known = PathBytes.names(bytes);
      names = known;
    }
    return known;
  }

  /** The bytes, which must not be changed. */
  byte[] bytesWithoutCopy() {
    return bytes;
  }

  @Nullable DirEntry entry() {
    return entry;
  }

  private boolean isEmpty() {
    return bytes.length == 0;
  }

  @Override
  public ErofsFileSystem getFileSystem() {
    return fileSystem;
  }

  @Override
  public boolean isAbsolute() {
    return PathBytes.isAbsolute(bytes);
  }

  @Override
  public @Nullable ErofsPath getRoot() {
    return isAbsolute() ? with(true, List.of()) : null;
  }

  @Override
  public @Nullable ErofsPath getFileName() {
    return names().isEmpty() ? null : getName(names().size() - 1);
  }

  @Override
  public @Nullable ErofsPath getParent() {
    int count = names().size();
    if (count == 0 || count == 1 && !isAbsolute()) {
      return null;
    }
    return with(isAbsolute(), names().subList(0, count - 1));
  }

  @Override
  public int getNameCount() {
    return names().size();
  }

  @Override
  public ErofsPath getName(int index) {
    return subpath(index, index + 1);
  }

  @Override
  public ErofsPath subpath(int beginIndex, int endIndex) {
    if (beginIndex < 0 || beginIndex >= endIndex || endIndex > names().size()) {
      throw new IllegalArgumentException(
          "'%s' has %d names: none from %d to before %d"
              .formatted(this, names().size(), beginIndex, endIndex));
    }
    return with(false, names().subList(beginIndex, endIndex));
  }

  private boolean isOfSameSystem(Path other) {
    return other instanceof ErofsPath that && that.fileSystem == fileSystem;
  }

  @Override
  public boolean startsWith(Path other) {
    if (!isOfSameSystem(other)) {
      return false;
    }
    ErofsPath that = of(other);
    if (that.isEmpty() || isEmpty()) {
      return that.isEmpty() && isEmpty();
    }
    int count = that.names().size();
    return isAbsolute() == that.isAbsolute()
        && count <= names().size()
        && areEqual(names().subList(0, count), that.names());
  }

  @Override
  public boolean endsWith(Path other) {
    if (!isOfSameSystem(other)) {
      return false;
    }
    ErofsPath that = of(other);
    if (that.isEmpty() || isEmpty()) {
      return that.isEmpty() && isEmpty();
    }
    int from = names().size() - that.names().size();
    if (that.isAbsolute()) {
      return equals(that);
    }
    return from >= 0 && areEqual(names().subList(from, names().size()), that.names());
  }

  private static boolean areEqual(List<byte[]> some, List<byte[]> others) {
    for (int i = 0; i < some.size(); i++) {
      if (!Arrays.equals(some.get(i), others.get(i))) {
        return false;
      }
    }
    return true;
  }

  @Override
  public ErofsPath normalize() {
    return with(isAbsolute(), PathBytes.normalize(isAbsolute(), names()));
  }

  @Override
  public ErofsPath resolve(Path other) {
    ErofsPath that = of(other);
    if (that.isAbsolute() || isEmpty()) {
      return that;
    }
    if (that.isEmpty()) {
      return this;
    }
    return child(that.bytes, null);
  }

  /** The path of what the directory at this path says that it has. */
  ErofsPath resolve(DirEntry listed) {
    byte[] name = listed.name();
    return isEmpty() ? new ErofsPath(fileSystem, name, listed) : child(name, listed);
  }

  private ErofsPath child(byte[] relative, @Nullable DirEntry listed) {
    byte[] joined = new byte[bytes.length + 1 + relative.length];
    System.arraycopy(bytes, 0, joined, 0, bytes.length);
    joined[bytes.length] = '/';
    System.arraycopy(relative, 0, joined, bytes.length + 1, relative.length);
    return new ErofsPath(fileSystem, PathBytes.clean(joined), listed);
  }

  @Override
  public ErofsPath relativize(Path other) {
    ErofsPath that = of(other);
    if (isAbsolute() != that.isAbsolute()) {
      throw new IllegalArgumentException(
          "'%s' and '%s': expected both absolute or both relative".formatted(this, other));
    }
    if (equals(that)) {
      return with(false, List.of());
    }
    if (isEmpty()) {
      return that;
    }
    List<byte[]> from = names();
    List<byte[]> to = that.isEmpty() ? List.of() : that.names();
    if (hasDots(from) || hasDots(to)) {
      from = PathBytes.normalize(isAbsolute(), from);
      to = PathBytes.normalize(isAbsolute(), to);
    }
    return with(false, PathBytes.relativize(from, to));
  }

  private static boolean hasDots(List<byte[]> someNames) {
    return someNames.stream().anyMatch(name -> PathBytes.isDot(name) || PathBytes.isDotDot(name));
  }

  @Override
  public URI toUri() {
    return fileSystem.uri().of(toAbsolutePath().bytes);
  }

  @Override
  public ErofsPath toAbsolutePath() {
    if (isAbsolute()) {
      return this;
    }
    return isEmpty()
        ? with(true, List.of())
        : new ErofsPath(fileSystem, PathBytes.join(true, names()), entry);
  }

  @Override
  public ErofsPath toRealPath(LinkOption... options) throws IOException {
    return fileSystem.realPath(this, followsLinks(options));
  }

  static boolean followsLinks(LinkOption... options) {
    return !Arrays.asList(options).contains(LinkOption.NOFOLLOW_LINKS);
  }

  /** Images don't change, so nothing of them can be watched. */
  @Override
  public WatchKey register(
      WatchService watcher, WatchEvent.Kind<?>[] events, WatchEvent.Modifier... modifiers) {
    throw new UnsupportedOperationException("an image does not change: nothing to watch");
  }

  /** By unsigned bytes, as directories are sorted. */
  @Override
  public int compareTo(Path other) {
    return Arrays.compareUnsigned(bytes, ((ErofsPath) other).bytes);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ErofsPath that
        && that.fileSystem == fileSystem
        && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  @Override
  public String toString() {
    String known = text;
    if (known == null) {
      known = ByteNames.toText(bytes);
      text = known;
    }
    return known;
  }
}
