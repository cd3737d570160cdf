package dev.aquifer.nio;

import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.MemoryTree;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Path;

/** Images for tests of the provider. */
final class TestFileSystems {
  private TestFileSystems() {}

  /** An image layout of {@code tree} at {@code directory}, as a file system. */
  static FileSystem fileSystem(MemoryTree tree, Path directory) throws IOException {
    ImageBuilder.defaults().buildLayout(tree, directory);
    return FileSystems.newFileSystem(directory);
  }
}
