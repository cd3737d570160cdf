package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.aquifer.codec.Compression;
import dev.aquifer.image.Feature;
import dev.aquifer.image.GoldenImages;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.FileSource;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Digests of data as attributes, held against those of mkfs.erofs --xattr-inode-digest. */
class InodeDigestsTest {
  private static final ImageBuilder BUILDER =
      ImageBuilder.defaults().inodeDigest(ImageBuilder.INODE_DIGEST);

  @TempDir Path temp;

  /** The digest of each file of an image by its path; of those that have none "". */
  private static Map<String, String> digests(Image image) throws IOException {
    Map<String, String> found = new TreeMap<>();
    add(image, ImageTree.of(image), ImageTree.of(image).root(), found);
    return found;
  }

  private static void add(
      Image image, ImageTree tree, SourceEntry directory, Map<String, String> found)
      throws IOException {
    for (SourceEntry entry : tree.children(directory)) {
      Inode inode = image.lookup(entry.path());
      found.put(entry.toString(), image.digest(inode).map(HexFormat.of()::formatHex).orElse(""));
      if (entry.stat().isDirectory()) {
        add(image, tree, entry, found);
      }
    }
  }

  static List<Encoding> encodings() {
    Encoding zstd = Encoding.compressed(Compression.parse("zstd")).withClusterBytes(64 << 10);
    return List.of(
        Encoding.plain(),
        Encoding.plain().withBlockBits(9),
        Encoding.compressed(Compression.parse("lz4")).withInlineTails(true),
        zstd.withFragments(Encoding.Fragments.ALL));
  }

  @ParameterizedTest
  @MethodSource("encodings")
  void areThoseOfMkfs(Encoding encoding) throws Exception {
    Image golden = GoldenImages.ofResources().open("26-ishare");
    Path file = temp.resolve("image");
    BUILDER.encoding(encoding).buildFile(ImageTree.of(golden), file);
    try (FileSource source = FileSource.open(file)) {
      Image image = Image.open(source);
      assertThat(digests(image)).isEqualTo(digests(golden)).containsValue("");
      assertThat(digests(image).values()).anyMatch(value -> value.length() == 2 * (7 + 32));
      assertThat(image.superblock().has(Feature.ISHARE_XATTRS)).isTrue();
      assertThat(TreeDigest.of(ImageTree.of(image))).isEqualTo(TreeDigest.of(ImageTree.of(golden)));
    }
  }

  @Test
  void ofLayoutsAreThoseOfMkfs() throws Exception {
    Image golden = GoldenImages.ofResources().open("26-ishare");
    Path out = temp.resolve("out");
    BUILDER.buildLayout(ImageTree.of(golden), out);
    try (ReuseImage image = ReuseImage.open(out)) {
      assertThat(digests(image.image())).isEqualTo(digests(golden));
    }
  }

  @Test
  void ofFilesWithSeveralPartsAndHolesAreOfAllTheirBytes() throws Exception {
    MemoryTree tree = new MemoryTree();
    byte[] large = TestTrees.noise(1, (9 << 20) + 77);
    tree.file("large", large);
    tree.sparse("sparse", 3 << 20).data(1_500_000, new byte[] {1});
    byte[] sparse = new byte[3 << 20];
    sparse[1_500_000] = 1;
    Path file = temp.resolve("image");
    BUILDER.buildFile(tree, file);
    try (FileSource source = FileSource.open(file)) {
      Map<String, String> found = digests(Image.open(source));
      assertThat(found.get("/large")).endsWith(Sha256.hash(large).hex());
      assertThat(found.get("/sparse")).endsWith(Sha256.hash(sparse).hex());
    }
  }

  @Test
  void replaceWhatTheTreeHasUnderTheName() throws Exception {
    MemoryTree tree = new MemoryTree();
    tree.file("f", new byte[] {1}).xattr("user.fp", "old").xattr("user.x", "kept");
    tree.file("empty", new byte[0]).xattr("user.fp", "old");
    Path file = temp.resolve("image");
    ImageBuilder.defaults().inodeDigest("user.fp").buildFile(tree, file);
    try (FileSource source = FileSource.open(file)) {
      Image image = Image.open(source);
      Map<String, byte[]> seen = image.xattrs(image.lookup("f"));
      assertThat(seen).containsOnlyKeys("user.fp", "user.x");
      assertThat(seen.get("user.fp"))
          .startsWith("sha256:".getBytes(StandardCharsets.US_ASCII))
          .isEqualTo(image.digest(image.lookup("f")).orElseThrow());
      assertThat(image.xattrs(image.lookup("empty"))).isEmpty();
    }
  }

  @Test
  void equalFilesShareOne() throws Exception {
    MemoryTree tree = new MemoryTree();
    for (int i = 0; i < 100; i++) {
      tree.file("f" + i, new byte[] {1});
    }
    Path file = temp.resolve("image");
    BUILDER.buildFile(tree, file);
    try (FileSource source = FileSource.open(file)) {
      Image image = Image.open(source);
      assertThat(image.sharedXattrs(image.lookup("f1")))
          .hasSize(1)
          .isEqualTo(image.sharedXattrs(image.lookup("f99")));
    }
  }

  @Test
  void doNotDependOnThreads() throws Exception {
    MemoryTree tree = SingleImageTest.files(1);
    tree.remove("hole");
    tree.remove("sparse");
    Path one = temp.resolve("one");
    Path eight = temp.resolve("eight");
    BUILDER.threads(1).buildFile(tree, one);
    BUILDER.threads(8).buildFile(tree, eight);
    assertThat(one).hasSameBinaryContentAs(eight);
  }

  @Test
  void nobodyWaitsForThatOfALargeFileAfterAnInterrupt() throws Exception {
    assertTimeoutPreemptively(
        Duration.ofMinutes(1),
        () -> {
          Thread builder = Thread.currentThread();
          MemoryTree tree = new MemoryTree();
          tree.sparse("endless", 1L << 60).onOpen = builder::interrupt;
          assertThatThrownBy(() -> BUILDER.buildFile(tree, temp.resolve("image")))
              .isInstanceOf(InterruptedIOException.class);
          assertThat(Thread.interrupted()).isTrue();
        });
    assertThat(temp).isEmptyDirectory();
  }

  @Test
  void aFileThatCannotBeReadEndsTheBuild() throws Exception {
    MemoryTree tree = new MemoryTree();
    tree.file("broken", new byte[5000]).failure = new IOException("broken");
    assertThatThrownBy(() -> BUILDER.buildFile(tree, temp.resolve("image"))).hasMessage("broken");
    try (var left = Files.list(temp)) {
      assertThat(left).isEmpty();
    }
  }
}
