package dev.aquifer.build;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;

/** Two names with the same key are one file. */
record FileKey(long dev, long ino) {
  /** That of no file. */
  static final FileKey NONE = new FileKey(Long.MIN_VALUE, Long.MIN_VALUE);

  // Written out, since those of a record take the JVM longer to make than to use for a while.
  @Override
  public int hashCode() {
    return Long.hashCode(ino) + 31 * Long.hashCode(dev);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof FileKey that && ino == that.ino && dev == that.dev;
  }

  /** That of the file at {@code path} itself, also if it is a link. */
  static FileKey of(Path path) throws IOException {
    Map<String, Object> found =
        Files.readAttributes(path, "unix:dev,ino", LinkOption.NOFOLLOW_LINKS);
    return new FileKey(
        ((Number) Objects.requireNonNull(found.get("dev"))).longValue(),
        ((Number) Objects.requireNonNull(found.get("ino"))).longValue());
  }

  static FileKey of(FileStat stat) {
    return new FileKey(stat.dev(), stat.ino());
  }
}
