package dev.aquifer.blob;

import dev.aquifer.io.BackendException;
import dev.aquifer.io.FileSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/** Objects are files below a directory. */
final class DirectoryBackend implements Backend {
  private static final int STEP_BYTES = 1 << 20;

  private final Path root;

  DirectoryBackend(Path root) {
    this.root = root;
  }

  void checkIsThere() throws BackendException {
    if (!Files.isDirectory(root)) {
      throw new BackendException(
          "%s: %s: expected the directory of an image layout"
              .formatted(root, Files.exists(root) ? "is no directory" : "no such directory"),
          false,
          null);
    }
  }

  @Override
  public String name() {
    return root.toString();
  }

  @Override
  public ObjectInfo stat(String key) throws IOException {
    return stat(path(key));
  }

  @Override
  public byte[] readAll(String key, int maxBytes) throws IOException {
    Path path = path(key);
    long size = stat(path).sizeBytes();
    if (size > maxBytes) {
      throw new BackendException(
          "%s: has %d bytes: expected at most %d".formatted(path, size, maxBytes), false, null);
    }
    try {
      return Files.readAllBytes(path);
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  @Override
  public void read(
      String key, ObjectInfo expected, long offsetBytes, MemorySegment dst, ReadListener listener)
      throws IOException {
    Path path = path(key);
    listener.onRequest();
    checkUnchanged(path, expected);
    try (FileChannel channel = open(path)) {
      for (long done = 0; done < dst.byteSize(); ) {
        if (listener.isCancelled()) {
          throw new BackendException(path + ": cancelled", false, null);
        }
        long step = Math.min(STEP_BYTES, dst.byteSize() - done);
        readStep(path, channel, offsetBytes + done, dst.asSlice(done, step));
        // Bytes count only if the file is still the one that was asked for after they were read.
        checkUnchanged(path, expected);
        done += step;
        listener.onReceived(done);
      }
    }
  }

  private static void readStep(Path path, FileChannel channel, long position, MemorySegment dst)
      throws BackendException {
    try {
      FileSource.readFully(channel, position, dst, path.toString());
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  private static void checkUnchanged(Path path, ObjectInfo expected) throws IOException {
    ObjectInfo found = stat(path);
    if (found.sizeBytes() != expected.sizeBytes()) {
      throw new BackendException(
          "%s: has %d bytes: expected %d: it was changed or truncated"
              .formatted(path, found.sizeBytes(), expected.sizeBytes()),
          false,
          null);
    }
    if (expected.version() != null && !expected.version().equals(found.version())) {
      throw new BackendException(
          path + ": was changed while it is in use: mount it anew", false, null);
    }
  }

  private static ObjectInfo stat(Path path) throws IOException {
    BasicFileAttributes facts;
    Object changeTime;
    try {
      facts = Files.readAttributes(path, BasicFileAttributes.class);
      changeTime = Files.getAttribute(path, "unix:ctime");
    } catch (IOException e) {
      throw unreadable(path, e);
    }
    if (!facts.isRegularFile()) {
      throw new BackendException(path + ": is no regular file", false, null);
    }
    return new ObjectInfo(
        facts.size(),
        "%s modified %s changed %s"
            .formatted(facts.fileKey(), facts.lastModifiedTime(), changeTime));
  }

  private static FileChannel open(Path path) throws IOException {
    try {
      return FileChannel.open(path);
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  private static BackendException unreadable(Path path, IOException e) {
    return new BackendException(path + ": " + FileFailure.reason(e), false, e);
  }

  private Path path(String key) throws IOException {
    return root.resolve(ObjectKey.check(key));
  }

  @Override
  public void close() {}
}
