package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.image.Extent;
import dev.aquifer.image.Inode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a tree shares with earlier images; all trees have chunks of 64 KiB in spans of 1 MiB. */
class EarlierDataTest {
  private static final ImageBuilder BUILDER = ImageBuilder.defaults().force(true);
  private static final int CHUNK = 65536;

  @TempDir Path temp;

  private BuildResult build(String name, MemoryTree tree, ImageBuilder builder, String... earlier)
      throws IOException {
    return TestLayouts.build(temp, name, tree, builder, earlier);
  }

  /** Builds it upon the image "first", and reads it again. */
  private BuildResult.Bytes reusing(MemoryTree tree) throws IOException {
    return reusing(tree, "first");
  }

  private BuildResult.Bytes reusing(MemoryTree tree, String... earlier) throws IOException {
    BuildResult result = build("second", tree, BUILDER, earlier);
    assertHolds("second", tree);
    for (int threads : new int[] {1, 8}) {
      String name = "with" + threads;
      assertThat(build(name, tree, BUILDER.threads(threads), earlier).manifestDigest())
          .isEqualTo(result.manifestDigest());
    }
    return result.bytes();
  }

  private void assertHolds(String name, MemoryTree tree) throws IOException {
    TestLayouts.assertHolds(temp.resolve(name), tree);
  }

  /** Files of many sizes, so that chunks lie across the ends of spans. */
  private static MemoryTree files(String directory) {
    MemoryTree tree = new MemoryTree();
    String below = directory.isEmpty() ? "" : directory + "/";
    if (!directory.isEmpty()) {
      tree.directory(directory);
    }
    tree.directory(below + "d");
    for (int i = 0; i < 40; i++) {
      tree.file(below + (i % 2 == 0 ? "d/" : "") + "f" + i, TestTrees.noise(i, 1 + 7919 * i));
    }
    tree.file(below + "large", TestTrees.noise(100, 3_000_000));
    return tree;
  }

  private static void replace(MemoryTree tree, String path, byte[] data) {
    tree.remove(path);
    tree.file(path, data);
  }

  private static byte[] changed(byte[] data, int at) {
    byte[] changed = data.clone();
    changed[at] ^= 1;
    return changed;
  }

  @Test
  void aChunkInTheMiddleThatChangedIsNewAlone() throws IOException {
    build("first", files(""), BUILDER);
    MemoryTree tree = files("");
    replace(tree, "large", changed(TestTrees.noise(100, 3_000_000), 20 * CHUNK + 5));
    assertThat(reusing(tree).unique()).isEqualTo(CHUNK);
  }

  @Test
  void aFileThatGrewSharesItsWholeChunks() throws IOException {
    MemoryTree tree = files("");
    replace(tree, "large", TestTrees.noise(100, 1_000_000));
    build("first", tree, BUILDER);
    assertThat(reusing(files("")).unique()).isEqualTo(3_000_000 - 1_000_000 / CHUNK * CHUNK);
  }

  @Test
  void allThatMovedToAnotherDirectoryIsFound() throws IOException {
    build("first", files(""), BUILDER);
    assertThat(reusing(files("elsewhere")).unique()).isZero();
  }

  @Test
  void newNamesCopiesAndFilesThatChangedPlacesAreFound() throws IOException {
    MemoryTree first = files("");
    first.file("a", TestTrees.noise(200, 100_000));
    first.file("b", TestTrees.noise(201, 100_000));
    build("first", first, BUILDER);
    MemoryTree tree = files("");
    tree.remove("large");
    tree.file("renamed", TestTrees.noise(100, 3_000_000));
    tree.file("copy", TestTrees.noise(31, 1 + 7919 * 31));
    tree.file("a", TestTrees.noise(201, 100_000));
    tree.file("b", TestTrees.noise(200, 100_000));
    assertThat(reusing(tree).unique()).isZero();
  }

  @Test
  void equalNamesAndSizesProveNothing() throws IOException {
    build("first", files(""), BUILDER);
    MemoryTree tree = new MemoryTree();
    tree.directory("x");
    tree.file("x/large", TestTrees.noise(101, 3_000_000));
    tree.file("x/f31", changed(TestTrees.noise(31, 1 + 7919 * 31), 7919 * 31));
    BuildResult.Bytes bytes = reusing(tree);
    assertThat(bytes.unique()).isEqualTo(3_000_000 + 1 + 7919 * 31 - 7919 * 31 / CHUNK * CHUNK);
  }

  @Test
  void aFileIsNotWhatAnEarlierImageSaysOfIt() throws IOException {
    MemoryTree first = new MemoryTree();
    first.file("a", TestTrees.noise(1, 500_000));
    first.file("b", TestTrees.noise(2, 500_000));
    build("first", first, BUILDER);
    PatchedLayout layout = new PatchedLayout(temp.resolve("first"));
    long a = layout.nid("a");
    layout.redirect("a", layout.nid("b")).redirect("b", a).write();
    assertThat(reusing(first).unique()).isZero();
  }

  @Test
  void zerosBecomeHolesWhateverAnEarlierImageHas() throws IOException {
    MemoryTree tree = new MemoryTree();
    byte[] data = new byte[4 * CHUNK];
    System.arraycopy(TestTrees.noise(1, CHUNK), 0, data, CHUNK, CHUNK);
    tree.file("f", data);
    build("first", tree, BUILDER.dedupeChunkBits(18));
    BuildResult.Bytes bytes = reusing(tree);
    assertThat(bytes.holes()).isEqualTo(3 * CHUNK);
    assertThat(bytes.reused()).isEqualTo(CHUNK);
  }

  @Test
  void holesStayHoles() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.sparse("f", 100 << 20).data(50 << 20, TestTrees.noise(1, 3 * CHUNK));
    build("first", tree, BUILDER);
    tree.at("f").data.put(50L << 20, changed(TestTrees.noise(1, 3 * CHUNK), CHUNK));
    BuildResult.Bytes bytes = reusing(tree);
    assertThat(bytes.unique()).isEqualTo(CHUNK);
    assertThat(bytes.holes()).isEqualTo((100 << 20) - 3 * CHUNK);
  }

  @Test
  void hardLinksAreComparedByEachOfTheirNames() throws IOException {
    MemoryTree first = new MemoryTree();
    first.file("a", TestTrees.noise(1, 200_000));
    first.file("b", TestTrees.noise(2, 200_000));
    first.hardLink("c", "b");
    build("first", first, BUILDER);
    MemoryTree tree = new MemoryTree();
    tree.file("a", TestTrees.noise(2, 200_000));
    tree.hardLink("b", "a");
    tree.file("c", TestTrees.noise(1, 200_000));
    assertThat(reusing(tree).unique()).isZero();
  }

  @Test
  void chunksAndSpansOfOtherSizesAreFound() throws IOException {
    build("first", files(""), BUILDER.dedupeChunkBits(12).spanBits(12));
    assertThat(reusing(files("x")).unique()).isZero();
    build("large", files(""), BUILDER.dedupeChunkBits(20).spanBits(21));
    assertThat(build("small", files("x"), BUILDER.dedupeChunkBits(13), "large").bytes().unique())
        .isZero();
    assertHolds("small", files("x"));
  }

  @Test
  void ofEqualFilesOneMayChange() throws IOException {
    byte[] data = TestTrees.noise(1, 3 * CHUNK + 100);
    MemoryTree first = files("");
    first.file("p", data);
    first.file("q", data);
    build("first", first, BUILDER);
    for (String path : new String[] {"p", "q"}) {
      MemoryTree tree = files("");
      tree.file("p", data);
      tree.file("q", data);
      replace(tree, path, changed(data, CHUNK + 5));
      assertThat(reusing(tree).unique()).isEqualTo(CHUNK);
    }
    MemoryTree both = files("");
    both.file("p", changed(data, CHUNK + 5));
    both.file("q", changed(data, CHUNK + 6));
    assertThat(reusing(both).unique()).isEqualTo(2 * CHUNK);
  }

  /** Chunks of the new image that have a part of the earlier blob in common. */
  @Test
  void chunksThatOverlapAreKeptApart() throws IOException {
    byte[] data = TestTrees.noise(1, 16 * CHUNK);
    byte[] inner = Arrays.copyOfRange(data, CHUNK / 4, CHUNK / 4 + 2 * CHUNK);
    MemoryTree first = new MemoryTree();
    first.file("a", data);
    first.file("b", inner);
    BuildResult.Bytes stored = build("first", first, BUILDER.dedupeChunkBits(14)).bytes();
    assertThat(stored.unique()).isEqualTo(16 * CHUNK);
    assertThat(reusing(first).unique()).isZero();
    MemoryTree tree = new MemoryTree();
    tree.file("a", changed(data, CHUNK + 7));
    tree.file("b", inner);
    assertThat(reusing(tree).unique()).isEqualTo(CHUNK);
    for (int at : new int[] {0, CHUNK - 1, 2 * CHUNK - 1}) {
      replace(tree, "a", data);
      replace(tree, "b", changed(inner, at));
      assertThat(reusing(tree).unique()).isEqualTo(CHUNK);
    }
  }

  @Test
  void ofSeveralImagesEachGivesWhatItHas() throws IOException {
    build("first", files(""), BUILDER);
    MemoryTree other = files("");
    replace(other, "large", changed(TestTrees.noise(100, 3_000_000), 2_000_000));
    // With this before it, nothing lies at the same block of both blobs.
    other.file("0", TestTrees.noise(300, 5000));
    build("other", other, BUILDER);
    // At its path in the first image, too, but with other bytes.
    assertThat(reusing(other, "first", "other").unique()).isZero();
  }

  /** See {@link ChunkMap#continuesOtherBlob}: what is new ends where a known chunk begins. */
  @Test
  void aNewChunkBeforeAKnownOneDoesNotLeadIntoIt() throws IOException {
    MemoryTree tree = new MemoryTree();
    byte[] data = TestTrees.noise(1, 5 * CHUNK);
    tree.file("f", data);
    build("first", tree, BUILDER);
    replace(tree, "f", changed(changed(data, 0), 3 * CHUNK));
    assertThat(reusing(tree).unique()).isEqualTo(2 * CHUNK);
    try (ReuseImage image = ReuseImage.open(temp.resolve("second"))) {
      Inode file = image.image().lookup("f");
      List<Extent.Plain> runs = new ArrayList<>();
      for (long at = 0; at < file.sizeBytes(); ) {
        Extent.Plain run = (Extent.Plain) image.image().map(file, at);
        runs.add(run);
        at += run.lengthBytes();
      }
      assertThat(runs).hasSize(4);
      for (int i = 1; i < runs.size(); i++) {
        assertThat(runs.get(i).addressBytes())
            .isNotEqualTo(runs.get(i - 1).addressBytes() + runs.get(i - 1).lengthBytes());
      }
    }
  }
}
