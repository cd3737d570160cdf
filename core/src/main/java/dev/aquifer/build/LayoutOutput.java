package dev.aquifer.build;

import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.FileSource;
import dev.aquifer.io.RefusedException;
import dev.aquifer.io.Sha256;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;

/**
 * An OCI image layout that is being written: a hidden directory beside its final place, which it
 * takes when it is whole. If it never is, closing leaves nothing of it. Used by one thread.
 */
final class LayoutOutput implements Closeable {
  private final Path output;
  private final Path directory;
  private final boolean force;

  /** Directories that were made on the way to the output, the outermost last. */
  private final Deque<Path> madeParents;

  /** Hashes objects of other layouts while more is written. */
  private final WorkerPool checker = WorkerPool.start(1);

  private final List<Future<?>> checks = new ArrayList<>();
  private boolean isCommitted;

  private LayoutOutput(Path output, Path directory, boolean force, Deque<Path> madeParents) {
    this.output = output;
    this.directory = directory;
    this.force = force;
    this.madeParents = madeParents;
  }

  /**
   * Makes the hidden directory.
   *
   * @param force whether an image layout at {@code output} may be replaced
   * @throws RefusedException EEXIST, if there is something at {@code output}
   */
  static LayoutOutput create(Path output, boolean force) throws IOException {
    Path absolute = output.toAbsolutePath().normalize();
    Path name = absolute.getFileName();
    Path parent = absolute.getParent();
    if (name == null || parent == null) {
      throw new RefusedException(
          Errno.EEXIST, output + ": is the root directory: expected a new directory's name");
    }
    checkFree(output, absolute, force);
    Deque<Path> madeParents = new ArrayDeque<>();
    try {
      makeParents(parent, madeParents);
      String random = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
      Path directory = parent.resolve("." + name + ".building-" + random);
      Files.createDirectory(directory);
      LayoutOutput layout = new LayoutOutput(absolute, directory, force, madeParents);
      try {
        Files.createDirectories(directory.resolve("blobs/sha256"));
      } catch (IOException e) {
        layout.close();
        throw e;
      }
      return layout;
    } catch (FileSystemException e) {
      removeParents(madeParents);
      throw OutputFile.failed(output, e);
    }
  }

  private static void checkFree(Path output, Path absolute, boolean force) throws IOException {
    if (!Files.exists(absolute, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!force) {
      throw new RefusedException(
          Errno.EEXIST, output + ": exists already: expected a new name, or --force to replace it");
    }
    // A slip of the hand must not cost a home directory.
    boolean isLayout = Files.isRegularFile(absolute.resolve("oci-layout"));
    boolean isDirectory = Files.isDirectory(absolute, LinkOption.NOFOLLOW_LINKS);
    if (!isDirectory || !(isLayout || isEmpty(absolute))) {
      throw new RefusedException(
          Errno.EEXIST, output + ": is no image layout, so it is not replaced: remove it yourself");
    }
  }

  private static boolean isEmpty(Path directory) throws IOException {
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      return !entries.iterator().hasNext();
    }
  }

  private static void makeParents(Path parent, Deque<Path> made) throws IOException {
    Deque<Path> missing = new ArrayDeque<>();
    for (Path at = parent; at != null && !Files.exists(at); at = at.getParent()) {
      missing.push(at);
    }
    for (Path at : missing) {
      Files.createDirectory(at);
      made.push(at);
    }
  }

  private static void removeParents(Deque<Path> made) {
    try {
      while (!made.isEmpty()) {
        Files.deleteIfExists(made.pop());
      }
    } catch (IOException e) {
      // Somebody else uses it by now.
      made.clear();
    }
  }

  /** The hidden directory. */
  Path directory() {
    return directory;
  }

  /** A new file's path; it vanishes with the directory unless it is added. */
  Path scratch(String name) {
    return directory.resolve(name);
  }

  /** Adds a finished file under its digest; returns its descriptor. */
  Descriptor add(
      Path file, String mediaType, Sha256 digest, long sizeBytes, Map<String, String> annotations)
      throws IOException {
    Descriptor descriptor = new Descriptor(mediaType, digest, sizeBytes, annotations);
    Files.move(file, directory.resolve(descriptor.path()), StandardCopyOption.REPLACE_EXISTING);
    return descriptor;
  }

  /** Adds a small file under its digest. */
  Descriptor add(byte[] bytes, String mediaType) throws IOException {
    Path file = scratch("small");
    try {
      Files.write(file, bytes);
    } catch (IOException e) {
      throw OutputFile.failed(file, e);
    }
    return add(file, mediaType, Sha256.hash(bytes), bytes.length, Map.of());
  }

  /**
   * Adds the object {@code descriptor} of another layout: as a link if that can be, else a copy.
   * What came into this layout is then hashed, whatever the other one said of it: until {@link
   * #commit}, which ends in a {@link CorruptDataException} if it is something else.
   */
  void addObject(Path object, Descriptor descriptor) throws IOException {
    Path target = directory.resolve(descriptor.path());
    if (Files.exists(target)) {
      return;
    }
    // A link to a symbolic link would be one itself, and lead nowhere.
    Path file = object.toRealPath();
    try {
      Files.createLink(target, file);
    } catch (FileSystemException | UnsupportedOperationException e) {
      // Another file system, or one without links, or no right to link it.
      try {
        Files.copy(file, target);
      } catch (IOException f) {
        throw OutputFile.failed(target, f);
      }
    }
    checks.add(
        checker
            .executor()
            .submit(
                () -> {
                  check(object, target, descriptor);
                  return null;
                }));
  }

  private static void check(Path object, Path target, Descriptor descriptor) throws IOException {
    try (FileSource added = FileSource.open(target)) {
      Sha256 found = Sha256.hash(added);
      if (added.sizeBytes() != descriptor.sizeBytes() || !found.equals(descriptor.digest())) {
        throw new CorruptDataException(
            "%s: has %d bytes with digest %s: expected %d bytes with %s"
                .formatted(
                    object, added.sizeBytes(), found, descriptor.sizeBytes(), descriptor.digest()));
      }
    }
  }

  /**
   * Writes index and marker, and gives the layout its place. Everything is on the disk before, so
   * that a crash leaves the earlier image or the whole new one under the name.
   */
  void commit(Descriptor manifest) throws IOException {
    for (Future<?> check : checks) {
      Object unused = Waiting.on(check);
    }
    try {
      Files.write(directory.resolve("index.json"), ImageManifest.indexJson(manifest));
      Files.writeString(
          directory.resolve("oci-layout"), ImageManifest.LAYOUT_FILE, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw OutputFile.failed(directory, e);
    }
    OutputFile.syncTree(directory);
    checkFree(output, output, force);
    if (Files.exists(output, LinkOption.NOFOLLOW_LINKS)) {
      replace();
    } else {
      move(directory, output);
      isCommitted = true;
      OutputFile.syncDirectory(output.resolveSibling(""));
    }
    for (Path made : madeParents) {
      OutputFile.syncDirectory(made.resolveSibling(""));
    }
  }

  private void replace() throws IOException {
    Path old = directory.resolveSibling(directory.getFileName() + ".old");
    move(output, old);
    try {
      move(directory, output);
    } catch (IOException e) {
      move(old, output);
      throw e;
    }
    isCommitted = true;
    OutputFile.syncDirectory(output.resolveSibling(""));
    try {
      delete(old);
    } catch (IOException e) {
      // The image is built all the same.
      System.getLogger(LayoutOutput.class.getName())
          .log(
              System.Logger.Level.WARNING,
              old + ": the image that was replaced could not be removed: " + e);
    }
  }

  private static void move(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      throw new IOException(to + ": can't be made by renaming " + from + ": " + e.getReason(), e);
    } catch (FileSystemException e) {
      throw OutputFile.failed(to, e);
    }
  }

  /** Removes what was not committed. */
  @Override
  public void close() throws IOException {
    // Nobody waits for them any more: a large object's would take minutes. An interrupt closes the
    // file that they read, which is theirs alone.
    checks.forEach(check -> check.cancel(true));
    checker.end();
    if (!isCommitted) {
      delete(directory);
      removeParents(madeParents);
    }
  }

  static void delete(Path path) throws IOException {
    if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
        for (Path entry : entries) {
          delete(entry);
        }
      }
    }
    Files.deleteIfExists(path);
  }
}
