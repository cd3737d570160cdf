package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.testing.Requires;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nothing half written is left, whatever ends a build. */
class CleanupTest {
  @TempDir Path temp;

  /** Builds to {@code args[0]} and waits for ever in the middle. */
  static final class EndlessBuild {
    public static void main(String[] args) throws IOException {
      MemoryTree tree = new MemoryTree();
      tree.file("first", TestTrees.noise(1, 5_000_000));
      tree.file("last", TestTrees.noise(2, 5_000_000)).onOpen =
          () -> {
            System.out.println("building");
            try {
              new CountDownLatch(1).await();
            } catch (InterruptedException e) {
              throw new AssertionError(e);
            }
          };
      ImageBuilder.build(tree, Path.of(args[0]), List.of(), BuildOptions.defaults());
    }
  }

  @Test
  void aSignalLeavesNothing() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                EndlessBuild.class.getName(),
                temp.resolve("new/out").toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader output = process.inputReader(StandardCharsets.UTF_8)) {
      assertThat(output.readLine()).isEqualTo("building");
      try (Stream<Path> entries = Files.list(temp.resolve("new"))) {
        assertThat(entries).hasSize(1);
      }
      process.destroy();
      assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    assertThat(temp).isEmptyDirectory();
  }

  @Test
  @Tag("root")
  void aFullDiskLeavesNothing() throws Exception {
    Requires.root();
    Path disk = Files.createDirectory(temp.resolve("disk"));
    run("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk.toString());
    try {
      MemoryTree tree = new MemoryTree();
      tree.file("data", TestTrees.noise(1, 5_000_000));
      assertThatThrownBy(
              () ->
                  ImageBuilder.build(tree, disk.resolve("out"), List.of(), BuildOptions.defaults()))
          .hasMessageMatching(".*/object: can't be written: No space left on device");
      assertThat(disk).isEmptyDirectory();
      MemoryTree small = new MemoryTree();
      for (int i = 0; i < 3000; i++) {
        small.file("inline" + i, TestTrees.noise(i, 1500));
      }
      assertThatThrownBy(
              () ->
                  ImageBuilder.build(
                      small,
                      disk.resolve("out"),
                      List.of(),
                      BuildOptions.defaults().withInlineMaxBytes(4000)))
          .hasMessageMatching(".*/(spool|bootstrap): can't be written: No space left on device");
      assertThat(disk).isEmptyDirectory();

      MemoryTree fits = new MemoryTree();
      fits.file("data", TestTrees.noise(1, 1_600_000));
      BuildResult result =
          ImageBuilder.build(fits, disk.resolve("out"), List.of(), BuildOptions.defaults());
      Path object =
          disk.resolve("out/blobs/sha256/" + result.blobs().getFirst().objectDigest().hex());
      assertThatThrownBy(() -> BlobUnpacker.unpack(object, disk.resolve("plain"), null, false))
          .hasMessageContaining("can't be written: No space left on device");
      try (Stream<Path> entries = Files.list(disk)) {
        assertThat(entries).containsExactly(disk.resolve("out"));
      }
    } finally {
      run("umount", disk.toString());
    }
  }

  private static void run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).inheritIO().start();
    assertThat(process.waitFor()).isZero();
  }

  @Test
  void aDirectoryWithoutWritePermissionIsSaidSo() throws Exception {
    // Root may write everywhere, but nobody can write below a file.
    Path file = Files.writeString(temp.resolve("file"), "");
    assertThatThrownBy(
            () ->
                ImageBuilder.build(
                    new MemoryTree(), file.resolve("out"), List.of(), BuildOptions.defaults()))
        .hasMessageContaining("can't be written: Not a directory");
  }
}
