package dev.aquifer.blob;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.concurrent.TimeUnit;

/**
 * Which file this is, beyond its path.
 *
 * @param createdNanos when it was made; the JDK gives the modification time where the file system
 *     does not say
 * @param modifiedNanos when it was last written
 */
record FileIdentity(
    long device, long inode, long createdNanos, long modifiedNanos, long sizeBytes) {

  /** Reads it from {@code path}. */
  static FileIdentity of(Path path) throws IOException {
    BasicFileAttributes facts = Files.readAttributes(path, BasicFileAttributes.class);
    return new FileIdentity(
        (Long) Files.getAttribute(path, "unix:dev"),
        (Long) Files.getAttribute(path, "unix:ino"),
        nanos(facts.creationTime()),
        nanos(facts.lastModifiedTime()),
        facts.size());
  }

  private static long nanos(FileTime time) {
    return time.to(TimeUnit.NANOSECONDS);
  }
}
