package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.image.Extent;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImageBuilderTest {
  private static final ImageBuilder BUILDER = ImageBuilder.defaults();

  @TempDir Path temp;

  private BuildResult build(MemoryTree tree, String name, ImageBuilder builder) throws IOException {
    return builder.buildLayout(tree, temp.resolve(name));
  }

  private static List<String> lines(SourceTree tree) throws IOException {
    List<String> lines = new ArrayList<>();
    TreeDigest.lines(tree, lines::add);
    return lines;
  }

  private void assertHolds(String name, MemoryTree tree) throws IOException {
    try (ReuseImage image = ReuseImage.open(temp.resolve(name))) {
      assertThat(lines(ImageTree.of(image.image()))).isEqualTo(lines(tree));
    }
  }

  private List<String> left() throws IOException {
    try (Stream<Path> entries = Files.list(temp)) {
      return entries.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void keepsEveryOddThing() throws IOException {
    MemoryTree tree = TestTrees.odd();
    BuildResult result = build(tree, "out", BUILDER);
    assertHolds("out", tree);
    assertThat(result.counts().hardLinks()).isEqualTo(4);
    assertThat(result.counts().special()).isEqualTo(5);
    assertThat(left()).containsExactly("out");
  }

  @Test
  void countsWhereBytesGo() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("inline", new byte[100]);
    tree.file("a", TestTrees.noise(1, 100_000));
    tree.file("b", TestTrees.noise(1, 100_000));
    tree.file("zeros", new byte[1 << 17]);
    tree.sparse("sparse", 1L << 30).data(1 << 20, TestTrees.noise(2, 10));
    BuildResult.Bytes bytes = build(tree, "out", BUILDER).bytes();
    assertThat(bytes.source()).isEqualTo(100 + 200_000 + (1 << 17) + (1L << 30));
    assertThat(bytes.inline()).isEqualTo(100);
    assertThat(bytes.unique()).isEqualTo(100_000 + (1 << 16));
    assertThat(bytes.duplicate()).isEqualTo(100_000);
    assertThat(bytes.holes()).isEqualTo((1 << 17) + (1L << 30) - (1 << 16));
    assertThat(bytes.reused()).isZero();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
  void keepsRandomTrees(long seed) throws IOException {
    MemoryTree tree = TestTrees.random(seed);
    ImageBuilder builder =
        BUILDER
            .zstdLevel((int) (seed % 3))
            .spanBits(12 + (int) (seed % 9))
            .dedupeChunkBits(12 + (int) (seed * 5 % 9))
            .inlineMaxBytes((int) (seed * 371 % 4001))
            .threads(1 + (int) (seed % 4));
    build(tree, "out", builder);
    assertHolds("out", tree);
  }

  @Test
  void givesTheSameBytesAtAnyCountOfThreads() throws IOException {
    for (long seed : new long[] {0, 20, 21}) {
      MemoryTree tree = seed == 0 ? TestTrees.odd() : TestTrees.random(seed);
      BuildResult one = build(tree, seed + "-1", BUILDER.threads(1));
      for (int threads : new int[] {2, 7}) {
        BuildResult other = build(tree, seed + "-" + threads, BUILDER.threads(threads));
        assertThat(other.manifestDigest()).isEqualTo(one.manifestDigest());
        assertThat(other.blobs()).isEqualTo(one.blobs());
      }
    }
  }

  @Test
  void theBlobDoesNotDependOnCompression() throws IOException {
    MemoryTree tree = TestTrees.odd();
    BuildResult plain = build(tree, "plain", BUILDER.zstdLevel(0));
    BuildResult small = build(tree, "small", BUILDER.zstdLevel(9));
    assertThat(plain.blobs().getFirst().id()).isEqualTo(small.blobs().getFirst().id());
    assertThat(plain.bootstrapDigest()).isEqualTo(small.bootstrapDigest());
    assertThat(plain.manifestDigest()).isNotEqualTo(small.manifestDigest());
    assertHolds("plain", tree);
  }

  @Test
  void theUuidFollowsTheContent() throws IOException {
    MemoryTree tree = TestTrees.random(30);
    build(tree, "a", BUILDER);
    tree.at("").permissions(0700);
    build(tree, "b", BUILDER);
    UUID fixed = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");
    build(tree, "c", BUILDER.uuid(fixed).volumeName("fünfzehn Byte!"));
    try (ReuseImage a = ReuseImage.open(temp.resolve("a"));
        ReuseImage b = ReuseImage.open(temp.resolve("b"));
        ReuseImage c = ReuseImage.open(temp.resolve("c"))) {
      UUID uuid = a.image().superblock().uuid();
      assertThat(uuid.version()).isEqualTo(8);
      assertThat(uuid.variant()).isEqualTo(2);
      assertThat(b.image().superblock().uuid()).isNotEqualTo(uuid);
      assertThat(c.image().superblock().uuid()).isEqualTo(fixed);
      assertThat(c.image().superblock().volumeName()).isEqualTo("fünfzehn Byte!");
    }
  }

  @Test
  void aTimestampIsGivenToAllFiles() throws IOException {
    MemoryTree tree = TestTrees.odd();
    build(tree, "out", BUILDER.timestamp(Instant.ofEpochSecond(1_600_000_000, 5)));
    try (ReuseImage image = ReuseImage.open(temp.resolve("out"))) {
      assertThat(lines(ImageTree.of(image.image())))
          .allMatch(line -> line.contains(" 1600000000.000000005") || line.contains(" same as "));
    }
  }

  @Test
  void extendedAttributesCanBeLeftOut() throws IOException {
    MemoryTree tree = TestTrees.odd();
    tree.at("size1").xattr("system.nfs4_acl", "x");
    assertThatThrownBy(() -> build(tree, "out", BUILDER))
        .hasMessage(
            "memory: /size1: extended attribute system.nfs4_acl: EROFS keeps user.*, trusted.*,"
                + " security.* and POSIX ACLs; remove it, or build without extended attributes");
    build(tree, "out", BUILDER.xattrs(false));
    try (ReuseImage image = ReuseImage.open(temp.resolve("out"))) {
      assertThat(lines(ImageTree.of(image.image()))).noneMatch(line -> line.contains("user."));
    }
  }

  @Test
  void aTreeWithoutDataHasNoBlob() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.sparse("hole", 1L << 42);
    tree.file("inline", new byte[10]);
    BuildResult result = build(tree, "out", BUILDER);
    assertThat(result.blobs()).isEmpty();
    try (ReuseImage image = ReuseImage.open(temp.resolve("out"))) {
      assertThat(image.image().deviceSlots()).isEmpty();
    }
    assertHolds("out", tree);
    build(new MemoryTree(), "empty", BUILDER);
    assertHolds("empty", new MemoryTree());
  }

  @Test
  void aLargeDirectoryIsSearchable() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.directory("d");
    for (int i = 0; i < 100_000; i++) {
      tree.file("d/" + i, new byte[0]);
    }
    build(tree, "out", BUILDER);
    try (ReuseImage image = ReuseImage.open(temp.resolve("out"))) {
      List<String> names = new ArrayList<>();
      Image opened = image.image();
      opened
          .directory(opened.lookup("d"))
          .forEach(
              entry ->
                  names.add(new String(entry.name(), java.nio.charset.StandardCharsets.US_ASCII)));
      assertThat(names).hasSize(100_000).isSorted();
      for (int i = 0; i < 100_000; i += 997) {
        assertThat(opened.lookup("d/" + i).sizeBytes()).isZero();
      }
    }
  }

  @Test
  void aContiguousFileIsOneExtent() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("a", TestTrees.noise(1, 5000));
    tree.file("b", TestTrees.noise(2, 10_000_000));
    build(tree, "out", BUILDER);
    try (ReuseImage image = ReuseImage.open(temp.resolve("out"))) {
      Inode b = image.image().lookup("b");
      assertThat(image.image().map(b, 0)).isEqualTo(new Extent.Plain(0, 10_000_000, 1, 8192));
    }
  }

  @Test
  void aChangedFileIsAnErrorAndLeavesNothing() throws IOException {
    MemoryTree tree = TestTrees.odd();
    MemoryTree.Item victim = tree.at("many/699" + "x".repeat(699 % 240));
    victim.onOpen = () -> victim.changes++;
    assertThatThrownBy(() -> build(tree, "new/out", BUILDER))
        .hasMessageMatching("memory: /many/699x*: changed while it was read");
    assertThat(left()).isEmpty();
  }

  @Test
  void anUnreadableFileIsAnErrorAndLeavesNothing() throws IOException {
    MemoryTree tree = TestTrees.odd();
    tree.at("size3000000").failure = new IOException("memory: /size3000000: no");
    assertThatThrownBy(() -> build(tree, "out", BUILDER)).hasMessage("memory: /size3000000: no");
    assertThat(left()).isEmpty();
  }

  @Test
  void anInterruptLeavesNothing() throws IOException {
    MemoryTree tree = TestTrees.odd();
    Thread builder = Thread.currentThread();
    tree.at("size3000000").onOpen = builder::interrupt;
    assertThatThrownBy(() -> build(tree, "out", BUILDER)).isInstanceOf(IOException.class);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(left()).isEmpty();
  }

  @Test
  void anExistingOutputIsRefused() throws IOException {
    MemoryTree tree = TestTrees.random(40);
    Files.writeString(temp.resolve("file"), "precious");
    Files.createDirectory(temp.resolve("directory"));
    Files.writeString(temp.resolve("directory/precious"), "precious");
    assertThatThrownBy(() -> build(tree, "file", BUILDER))
        .isInstanceOf(RefusedException.class)
        .hasMessage(
            temp.resolve("file")
                + ": exists already: expected a new name, or --force to replace it");
    for (String name : List.of("file", "directory")) {
      assertThatThrownBy(() -> build(tree, name, BUILDER.force(true)))
          .isInstanceOf(RefusedException.class)
          .hasMessageContaining("is no image layout, so it is not replaced");
    }
    assertThat(Files.readString(temp.resolve("directory/precious"))).isEqualTo("precious");
    assertThat(left()).containsExactly("directory", "file");
  }

  @Test
  void forceReplacesAnImage() throws IOException {
    MemoryTree first = TestTrees.random(41);
    MemoryTree second = TestTrees.random(42);
    build(first, "out", BUILDER);
    build(second, "out", BUILDER.force(true));
    assertHolds("out", second);
    second.file("later", new byte[1]).failure = new IOException("no");
    assertThatThrownBy(() -> build(second, "out", BUILDER.force(true))).hasMessage("no");
    second.at("").children.remove("later");
    assertHolds("out", second);
    assertThat(left()).containsExactly("out");
  }

  @Test
  void aLinkIsAsLongAsItsTarget() throws IOException {
    MemoryTree tree = new MemoryTree();
    for (int size : new int[] {0, 3, 4096, Integer.MAX_VALUE}) {
      tree.link("listed" + size, "target").sizeBytes = size;
    }
    build(tree, "out", BUILDER);
    assertHolds("out", tree);
    tree.link("x", "");
    assertThatThrownBy(() -> build(tree, "empty", BUILDER))
        .hasMessage("memory: /x: a link with a target of 0 bytes: expected 1 to 4095");
  }

  @Test
  void impossibleNamesAreRefused() {
    for (String name : List.of("..", ".", "n".repeat(256), "a\0b")) {
      MemoryTree tree = new MemoryTree();
      tree.at("").children.put(name, new MemoryTree().file("x", new byte[0]));
      assertThatThrownBy(() -> build(tree, "out", BUILDER))
          .hasMessageContaining("an impossible name");
    }
  }

  @Test
  void unknownFileTypesAreRefused() {
    MemoryTree tree = new MemoryTree();
    tree.special("x", FileType.FIFO, 0).mode = 050000;
    assertThatThrownBy(() -> build(tree, "out", BUILDER))
        .hasMessageContaining("memory: /x: has mode 050000");
  }
}
