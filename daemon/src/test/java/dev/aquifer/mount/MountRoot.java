package dev.aquifer.mount;

import dev.aquifer.linux.MountCalls;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The one directory below which tests mount. A lock lets one test process in at a time; what a
 * killed one left is unmounted first, and whatever is left is unmounted after each test.
 */
final class MountRoot
    implements BeforeAllCallback, AfterAllCallback, BeforeEachCallback, AfterEachCallback {
  /** Below the build directory: on a disk, where temporary files may be in memory. */
  private static final Path ROOT = Path.of("target", "mount-tests").toAbsolutePath();

  private static final AtomicInteger NUMBER = new AtomicInteger();

  private FileChannel lock;
  private Path directory;

  /** A directory of the running test alone; it goes with the test. */
  Path directory() {
    return directory;
  }

  /** A new directory in {@link #directory}. */
  Path make(String name) throws IOException {
    return Files.createDirectories(directory.resolve(name));
  }

  @Override
  public void beforeAll(ExtensionContext context) throws IOException {
    Requires.root();
    Requires.tool("mkfs.erofs");
    Files.createDirectories(ROOT);
    lock =
        FileChannel.open(
            ROOT.resolveSibling("mount-tests.lock"),
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE);
    lock.lock();
    clear(ROOT);
    Files.createDirectories(ROOT);
    String missing = KernelFeatures.probe(ROOT).missing();
    Requires.that(missing == null, "needs lazy kernel mounts: " + missing);
  }

  @Override
  public void beforeEach(ExtensionContext context) throws IOException {
    directory = Files.createDirectories(ROOT.resolve("t" + NUMBER.incrementAndGet()));
  }

  @Override
  public void afterEach(ExtensionContext context) throws IOException {
    clear(directory);
  }

  @Override
  public void afterAll(ExtensionContext context) throws IOException {
    if (lock != null) {
      lock.close();
    }
  }

  private static void clear(Path directory) throws IOException {
    for (MountTable.Entry entry : MountTable.read().entries().reversed()) {
      if (Path.of(entry.target()).startsWith(directory)) {
        MountCalls.umount(Path.of(entry.target()), true);
      }
    }
    if (Files.exists(directory)) {
      Files.walkFileTree(directory, new Deleter());
    }
  }

  private static final class Deleter extends SimpleFileVisitor<Path> {
    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
      Files.delete(file);
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult postVisitDirectory(Path directory, IOException e) throws IOException {
      if (e != null) {
        throw e;
      }
      Files.delete(directory);
      return FileVisitResult.CONTINUE;
    }
  }
}
