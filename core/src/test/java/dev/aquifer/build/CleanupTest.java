package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.codec.Compression;
import dev.aquifer.io.ByteSource;
import dev.aquifer.testing.Requires;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nothing half written is left, whatever ends a build. */
class CleanupTest {
  private static final Duration DEADLINE = Duration.ofMinutes(1);

  @TempDir Path temp;

  /** Interrupts itself when the nth of its methods is called. */
  private static final class InterruptingTree implements SourceTree {
    private final MemoryTree tree;
    private final Thread builder = Thread.currentThread();
    private final AtomicInteger callsLeft;

    InterruptingTree(MemoryTree tree, int calls) {
      this.tree = tree;
      this.callsLeft = new AtomicInteger(calls);
    }

    private MemoryTree counted() {
      if (callsLeft.getAndDecrement() == 0) {
        builder.interrupt();
      }
      return tree;
    }

    @Override
    public String name() {
      return tree.name();
    }

    @Override
    public SourceEntry root() {
      return counted().root();
    }

    @Override
    public List<SourceEntry> children(SourceEntry directory) {
      return counted().children(directory);
    }

    @Override
    public List<Xattr> xattrs(SourceEntry entry) {
      return counted().xattrs(entry);
    }

    @Override
    public byte[] linkTarget(SourceEntry link) {
      return counted().linkTarget(link);
    }

    @Override
    public SourceFile open(SourceEntry file) throws IOException {
      return counted().open(file);
    }

    @Override
    public void close() {}
  }

  @Test
  void anInterruptAtAnyMomentLeavesNothing() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.directory("d");
    tree.link("d/link", "target");
    tree.file("d/first", TestTrees.noise(1, 2_500_000)).xattr("user.a", "b");
    tree.file("last", TestTrees.noise(2, 100));
    int interrupted = 0;
    for (int calls = 0; ; calls++) {
      Path out = temp.resolve("new/out");
      try {
        ImageBuilder.defaults().buildLayout(new InterruptingTree(tree, calls), out);
      } catch (IOException e) {
        assertThat(Thread.interrupted()).isTrue();
        assertThat(temp).isEmptyDirectory();
        interrupted++;
        continue;
      }
      assertThat(out.resolve("index.json")).exists();
      break;
    }
    assertThat(interrupted).isGreaterThan(10);
  }

  @Test
  void anInterruptInALayerLeavesNothing() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("first", TestTrees.noise(1, 2_500_000));
    tree.file("last", TestTrees.noise(2, 10_000));
    int interrupted = 0;
    for (int calls = 0; ; calls++) {
      Path out = temp.resolve("new/out");
      ImageBuilder builder =
          ImageBuilder.defaults()
              .blobPerLayer(List.of(new MemoryTree(), tree, new InterruptingTree(tree, calls)));
      try {
        builder.buildLayout(tree, out);
      } catch (IOException e) {
        assertThat(Thread.interrupted()).isTrue();
        assertThat(temp).isEmptyDirectory();
        interrupted++;
        continue;
      }
      assertThat(out.resolve("index.json")).exists();
      break;
    }
    assertThat(interrupted).isGreaterThan(3);
  }

  private static Encoding packing() {
    return Encoding.compressed(Compression.parse("zstd,level=1"))
        .withClusterBytes(16 << 10)
        .withFragments(Encoding.Fragments.TAILS);
  }

  @Test
  void anInterruptOfAnImageOfOneFileLeavesNothing() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.directory("d");
    tree.link("d/link", "target");
    tree.file("d/first", TestTrees.noise(1, 5_000_000)).xattr("user.a", "b");
    tree.sparse("sparse", 1 << 30).data(1 << 29, new byte[] {1});
    for (int i = 0; i < 20; i++) {
      tree.file("last" + i, TestTrees.noise(2, 100 * i));
    }
    Path out = temp.resolve("out");
    Files.writeString(out, "old");
    int interrupted = 0;
    for (int calls = 0; ; calls++) {
      try {
        ImageBuilder.defaults()
            .force(true)
            .encoding(packing())
            .buildFile(new InterruptingTree(tree, calls), out);
      } catch (IOException e) {
        assertThat(Thread.interrupted()).isTrue();
        try (Stream<Path> entries = Files.list(temp)) {
          assertThat(entries).containsExactly(out);
        }
        assertThat(out).hasContent("old");
        interrupted++;
        continue;
      }
      break;
    }
    assertThat(interrupted).isGreaterThan(10);
    assertThat(Files.size(out)).isGreaterThan(5_000_000);
  }

  @Test
  void anInterruptOfAnImageInMemoryLeavesNothing() throws Exception {
    MemoryTree tree = new MemoryTree();
    tree.directory("d");
    tree.link("d/link", "target");
    tree.file("d/first", TestTrees.noise(1, 5_000_000)).xattr("user.a", "b");
    for (int i = 0; i < 20; i++) {
      tree.file("last" + i, TestTrees.noise(2, 100 * i));
    }
    ImageBuilder builder = ImageBuilder.defaults().encoding(packing());
    ByteSource image = null;
    int interrupted = 0;
    for (int calls = 0; image == null; calls++) {
      try {
        image = builder.buildInMemory(new InterruptingTree(tree, calls));
      } catch (IOException e) {
        assertThat(Thread.interrupted()).isTrue();
        interrupted++;
      }
      for (Thread thread : Thread.getAllStackTraces().keySet()) {
        // A pool is told of its end by its last thread, which is then about to end.
        assertThat(!thread.getName().startsWith("aquifer-build-") || thread.join(DEADLINE))
            .isTrue();
      }
    }
    assertThat(interrupted).isGreaterThan(10);
    assertThat(image.sizeBytes()).isGreaterThan(5_000_000);
  }

  @Test
  @Tag("root")
  void aFullDiskLeavesNothingOfAnImageOfOneFile() throws Exception {
    Requires.root();
    Path disk = Files.createDirectory(temp.resolve("disk"));
    run("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk.toString());
    try {
      MemoryTree data = new MemoryTree();
      data.file("data", TestTrees.noise(1, 5_000_000));
      MemoryTree ends = new MemoryTree();
      MemoryTree names = new MemoryTree();
      for (int i = 0; i < 3000; i++) {
        ends.file("end" + i, TestTrees.noise(i, 1500));
        names.file(i + "n".repeat(250), new byte[0]).xattr("user.x", "x" + i + "x".repeat(700));
      }
      for (MemoryTree tree : List.of(data, ends, names)) {
        for (Encoding encoding : List.of(Encoding.plain(), packing())) {
          assertThatThrownBy(
                  () ->
                      ImageBuilder.defaults()
                          .encoding(encoding)
                          .buildFile(tree, disk.resolve("out")))
              .hasMessageMatching(".*: can't be written: No space left on device");
          assertThat(disk).isEmptyDirectory();
        }
      }
    } finally {
      run("umount", disk.toString());
    }
  }

  @Test
  void anImageThatCannotBeReplacedKeepsItsDevice() throws Exception {
    Path out = temp.resolve("out");
    Path blob = Files.writeString(temp.resolve("blob"), "old");
    MemoryTree tree = TestTrees.thatTakesThePlaceOf(out);
    ImageBuilder builder =
        ImageBuilder.defaults().force(true).encoding(Encoding.plain().withChunkBits(12));
    assertThatThrownBy(() -> builder.buildFile(tree, out, blob, "blob"))
        .hasMessageStartingWith(out + ": can't be written: ");
    assertThat(blob).hasContent("old");
    try (Stream<Path> entries = Files.list(temp)) {
      assertThat(entries).containsExactlyInAnyOrder(out, blob);
    }
  }

  @Test
  void anInterruptLeavesNoPlainCopyEither() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("d", TestTrees.noise(1, 2_500_000));
    Path out = temp.resolve("out");
    Path plain = temp.resolve("plain");
    for (boolean isLayout : new boolean[] {true, false}) {
      int interrupted = 0;
      for (int calls = 0; ; calls++) {
        InterruptingTree source = new InterruptingTree(tree, calls);
        try (PlainCopy copy = PlainCopy.create(plain, false)) {
          copy.fill("archive", new ByteArrayInputStream(new byte[] {1, 2, 3})).close();
          ImageBuilder builder = ImageBuilder.defaults().plainCopy(copy);
          if (isLayout) {
            builder.buildLayout(source, out);
          } else {
            builder.buildFile(source, out);
          }
        } catch (IOException e) {
          assertThat(Thread.interrupted()).isTrue();
          interrupted++;
        }
        if (Files.exists(out)) {
          break;
        }
        assertThat(temp).isEmptyDirectory();
      }
      assertThat(interrupted).isGreaterThan(3);
      assertThat(plain).hasBinaryContent(new byte[] {1, 2, 3});
      LayoutOutput.delete(out);
      Files.delete(plain);
    }
  }

  @Test
  void anImageThatCannotBeReplacedKeepsWhatThePlainCopyWouldReplace() throws Exception {
    Path out = temp.resolve("out");
    Path plain = Files.writeString(temp.resolve("plain"), "old");
    MemoryTree tree = TestTrees.thatTakesThePlaceOf(out);
    try (PlainCopy copy = PlainCopy.create(plain, true)) {
      copy.fill("archive", new ByteArrayInputStream(new byte[3])).close();
      ImageBuilder builder = ImageBuilder.defaults().force(true).plainCopy(copy);
      assertThatThrownBy(() -> builder.buildFile(tree, out))
          .hasMessageStartingWith(out + ": can't be written: ");
      assertThat(plain).hasContent("old");
      assertThatThrownBy(() -> builder.buildFile(tree, temp.resolve("other")))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(plain + ": belongs to another image already");
      assertThatThrownBy(() -> copy.fill("again", new ByteArrayInputStream(new byte[3])))
          .isInstanceOf(IllegalStateException.class);
    }
    try (PlainCopy unused = PlainCopy.create(temp.resolve("unused"), false)) {
      assertThat(unused.path()).doesNotExist();
    }
    try (Stream<Path> entries = Files.list(temp)) {
      assertThat(entries).containsExactlyInAnyOrder(out, plain);
    }
  }

  /** On a file system that limits links, as ext4 does, it is the case of one without them. */
  @Test
  void whatHasAllItsLinksIsKeptToo() throws Exception {
    Path plain = Files.writeString(temp.resolve("plain"), "old");
    Path links = Files.createDirectory(temp.resolve("links"));
    int count = 0;
    try {
      for (; count < 65_100; count++) {
        Files.createLink(links.resolve("" + count), plain);
      }
    } catch (FileSystemException e) {
      assertThat(count).as(e.toString()).isGreaterThan(1000);
    }
    Path out = temp.resolve("out");
    MemoryTree tree = new MemoryTree();
    // Nothing takes the place of a directory.
    tree.file("data", TestTrees.noise(1, 100_000)).onOpen =
        () -> {
          try {
            Files.createDirectories(out.resolve("directory"));
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        };
    try (PlainCopy copy = PlainCopy.create(plain, true)) {
      copy.fill("archive", new ByteArrayInputStream(new byte[3])).close();
      ImageBuilder builder = ImageBuilder.defaults().force(true).plainCopy(copy);
      assertThatThrownBy(() -> builder.buildFile(tree, out))
          .hasMessageStartingWith(out + ": can't be written: ");
    }
    assertThat(plain).hasContent("old");
    try (Stream<Path> entries = Files.list(temp)) {
      assertThat(entries).containsExactlyInAnyOrder(links, out, plain);
    }
  }

  @Test
  void anImageIsNotItsOwnDeviceByAnotherWay() throws Exception {
    Path out = Files.writeString(temp.resolve("out"), "old");
    Path link = Files.createSymbolicLink(temp.resolve("link"), temp);
    ImageBuilder builder =
        ImageBuilder.defaults().force(true).encoding(Encoding.plain().withChunkBits(12));
    assertThatThrownBy(
            () -> builder.buildFile(new MemoryTree(), out, link.resolve("out"), "device"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(out + ": can't be the image and its device: expected two names");
    assertThat(out).hasContent("old");
  }

  @Test
  void anImageMayHaveTheLongestName() throws Exception {
    Path out = temp.resolve("\u00fc".repeat(127) + "x");
    MemoryTree tree = new MemoryTree();
    tree.file("a", TestTrees.noise(1, 100));
    ImageBuilder.defaults().encoding(packing()).buildFile(tree, out);
    assertThat(out).isNotEmptyFile();
    assertThatThrownBy(
            () ->
                ImageBuilder.defaults()
                    .encoding(packing())
                    .buildFile(tree, temp.resolve("x".repeat(256))))
        .hasMessageEndingWith(": can't be written: File name too long");
    try (Stream<Path> entries = Files.list(temp)) {
      assertThat(entries).containsExactly(out);
    }
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
      assertThatThrownBy(() -> ImageBuilder.defaults().buildLayout(tree, disk.resolve("out")))
          .hasMessageMatching(".*/object: can't be written: No space left on device");
      assertThat(disk).isEmptyDirectory();
      MemoryTree small = new MemoryTree();
      for (int i = 0; i < 3000; i++) {
        small.file("inline" + i, TestTrees.noise(i, 1500));
      }
      assertThatThrownBy(
              () ->
                  ImageBuilder.defaults()
                      .inlineMaxBytes(4000)
                      .buildLayout(small, disk.resolve("out")))
          .hasMessageMatching(".*/(spool|bootstrap): can't be written: No space left on device");
      assertThat(disk).isEmptyDirectory();

      MemoryTree fits = new MemoryTree();
      fits.file("data", TestTrees.noise(1, 1_600_000));
      BuildResult result = ImageBuilder.defaults().buildLayout(fits, disk.resolve("out"));
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
            () -> ImageBuilder.defaults().buildLayout(new MemoryTree(), file.resolve("out")))
        .hasMessageContaining("can't be written: Not a directory");
  }
}
