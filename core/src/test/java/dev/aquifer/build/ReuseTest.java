package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.image.Extent;
import dev.aquifer.image.Inode;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Sha256;
import dev.aquifer.testing.ProcessIo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReuseTest {
  private static final ImageBuilder BUILDER = ImageBuilder.defaults();

  @TempDir Path temp;
  private MemoryTree first;
  private BuildResult firstResult;

  @BeforeEach
  void buildFirst() throws IOException {
    first = new MemoryTree();
    first.file("a", TestTrees.noise(1, 300_000));
    first.file("b", TestTrees.noise(2, 5000));
    first.file("c", TestTrees.noise(3, 3_000_000));
    first.file("small", TestTrees.noise(4, 100));
    first.sparse("sparse", 1 << 24).data(1 << 20, TestTrees.noise(5, 1 << 18));
    firstResult = build("first", first, BUILDER);
  }

  private BuildResult build(String name, MemoryTree tree, ImageBuilder builder, String... reused)
      throws IOException {
    return TestLayouts.build(temp, name, tree, builder, reused);
  }

  private void assertHolds(String name, MemoryTree tree) throws IOException {
    TestLayouts.assertHolds(temp.resolve(name), tree);
  }

  private MemoryTree second() {
    MemoryTree second = new MemoryTree();
    second.file("0new", TestTrees.noise(10, 100_000));
    second.file("a2", TestTrees.noise(1, 300_000));
    second.file("b", TestTrees.noise(2, 5000));
    second.file("c", TestTrees.noise(3, 2_500_000));
    second.directory("d").xattr("user.x", "y");
    second.file("d/small", TestTrees.noise(4, 100));
    second.sparse("d/sparse", 1 << 25).data(1 << 20, TestTrees.noise(5, 1 << 18));
    return second;
  }

  @Test
  void whatAnEarlierImageHasIsNotStoredAgain() throws IOException {
    MemoryTree second = second();
    BuildResult result = build("second", second, BUILDER, "first");
    // Of c the last 64 KiB chunk differs: it is cut short.
    assertThat(result.bytes().unique()).isEqualTo(100_000 + 2_500_000 % 65536);
    assertThat(result.bytes().reused())
        .isEqualTo(300_000 + 5000 + 2_500_000 / 65536 * 65536 + (1 << 18));
    assertThat(result.bytes().reusedFrom())
        .containsExactly(
            new BuildResult.Reuse(temp.resolve("first").toString(), result.bytes().reused()));
    assertThat(result.blobs()).hasSize(2);
    assertThat(result.blobs().get(0).reusedFrom()).isEmpty();
    assertThat(result.blobs().get(1))
        .isEqualTo(
            new BuildResult.Blob(
                firstResult.blobs().getFirst().id(),
                firstResult.blobs().getFirst().objectDigest(),
                firstResult.blobs().getFirst().plainBytes(),
                firstResult.blobs().getFirst().objectBytes(),
                temp.resolve("first").toString()));
    assertHolds("second", second);
  }

  /** Linux would join the reads of both and take all from one, where blobs are block devices. */
  @Test
  void noChunkGoesOnWhereAnotherBlobEnded() throws IOException {
    byte[] old = first.at("a").data.get(0L);
    MemoryTree tree = new MemoryTree();
    // The own blob's first 16 blocks, and what has the next 16 in the other one.
    tree.file("1", joined(TestTrees.noise(10, 65536), 0, 65536, old, 65536, 131072));
    // The other one's first 16, and what would get the next 16 here.
    tree.file("2", joined(old, 0, 65536, TestTrees.noise(11, 131072), 65536, 131072));
    tree.file("3", joined(TestTrees.noise(12, 65536), 0, 65536, old, 0, 65536));
    build("second", tree, BUILDER, "first");
    assertHolds("second", tree);
    try (ReuseImage image = ReuseImage.open(temp.resolve("second"))) {
      for (String name : List.of("1", "2", "3")) {
        Inode inode = image.image().lookup("/" + name);
        if (image.image().map(inode, 0) instanceof Extent.Plain before
            && before.lengthBytes() == 65536
            && image.image().map(inode, 65536) instanceof Extent.Plain after) {
          assertThat(after.addressBytes()).isNotEqualTo(before.addressBytes() + 65536);
        }
      }
    }
  }

  private static byte[] joined(byte[] a, int from, int to, byte[] b, int fromB, int toB) {
    byte[] joined = Arrays.copyOf(Arrays.copyOfRange(a, from, to), to - from + toB - fromB);
    System.arraycopy(b, fromB, joined, to - from, toB - fromB);
    return joined;
  }

  @Test
  void theReusedObjectIsInTheLayoutAsALink() throws IOException {
    build("second", second(), BUILDER, "first");
    String object = "blobs/sha256/" + firstResult.blobs().getFirst().objectDigest().hex();
    assertThat(
            Files.isSameFile(
                temp.resolve("first").resolve(object), temp.resolve("second").resolve(object)))
        .isTrue();
  }

  @Test
  void theSameTreeNeedsNoBlobOfItsOwn() throws IOException {
    BuildResult again = build("again", first, BUILDER, "first");
    assertThat(again.bytes().unique()).isZero();
    assertThat(again.blobs()).hasSize(1);
    assertThat(again.blobs().getFirst().id()).isEqualTo(firstResult.blobs().getFirst().id());
    assertHolds("again", first);
  }

  @Test
  void anImageThatSharesNothingLeavesNoTrace() throws IOException {
    MemoryTree other = new MemoryTree();
    other.file("x", TestTrees.noise(77, 100_000));
    BuildResult alone = build("alone", other, BUILDER);
    BuildResult reusing = build("reusing", other, BUILDER, "first");
    assertThat(reusing.manifestDigest()).isEqualTo(alone.manifestDigest());
    assertThat(reusing.bytes().reusedFrom().getFirst().bytes()).isZero();
  }

  @Test
  void imagesInARowShareBlobsOnce() throws IOException {
    MemoryTree second = second();
    build("second", second, BUILDER, "first");
    MemoryTree third = second();
    third.file("e", TestTrees.noise(11, 70_000));
    // The first image's blob comes with both.
    BuildResult result = build("third", third, BUILDER.threads(3), "first", "second");
    assertThat(result.bytes().unique()).isEqualTo(70_000);
    assertThat(result.blobs()).hasSize(3);
    assertThat(result.bytes().reusedFrom().get(1).bytes()).isEqualTo(100_000 + 2_500_000 % 65536);
    assertHolds("third", third);
    BuildResult same = build("same", third, BUILDER.threads(1), "first", "second");
    assertThat(same.manifestDigest()).isEqualTo(result.manifestDigest());
  }

  @Test
  @Tag("slow")
  void aBlobThatSeveralImagesHaveIsReadOnce() throws IOException {
    // More than the decoded spans that are kept.
    int size = 80 << 20;
    MemoryTree large = new MemoryTree();
    large.file("large", TestTrees.noise(6, size));
    build("large", large, BUILDER.zstdLevel(0));
    large.file("x", TestTrees.noise(7, 1000));
    build("larger", large, BUILDER, "large");
    MemoryTree other = new MemoryTree();
    other.file("x", TestTrees.noise(77, 1000));
    long start = ProcessIo.bytesRead();
    build("once", other, BUILDER, "large", "larger");
    assertThat(ProcessIo.bytesRead() - start).isBetween((long) size, size + size / 2L);
  }

  @Test
  void otherChunkSizesFindLessButNothingWrong() throws IOException {
    for (int bits : new int[] {12, 14, 18, 20}) {
      MemoryTree second = second();
      build("second" + bits, second, BUILDER.dedupeChunkBits(bits), "first");
      assertHolds("second" + bits, second);
    }
  }

  @Test
  void randomTreesOnTopOfEachOther() throws IOException {
    List<String> earlier = new ArrayList<>();
    for (long seed = 50; seed < 56; seed++) {
      MemoryTree tree = TestTrees.random(seed);
      build("" + seed, tree, BUILDER, earlier.toArray(String[]::new));
      assertHolds("" + seed, tree);
      earlier.add("" + seed);
    }
  }

  @Test
  void anImageIsATreeToBuildFrom() throws IOException {
    try (ReuseImage image = ReuseImage.open(temp.resolve("first"))) {
      BuildResult copy = BUILDER.buildLayout(ImageTree.of(image.image()), temp.resolve("copy"));
      assertThat(copy.manifestDigest()).isEqualTo(firstResult.manifestDigest());
    }
  }

  private Path object() {
    return temp.resolve(
        "first/blobs/sha256/" + firstResult.blobs().getFirst().objectDigest().hex());
  }

  private static void flip(Path file, long position) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      ByteBuffer one = ByteBuffer.allocate(1);
      channel.read(one, position);
      channel.write(ByteBuffer.wrap(new byte[] {(byte) (one.get(0) ^ 1)}), position);
    }
  }

  @Test
  void aDamagedBlobIsNotReused() throws IOException {
    flip(object(), 200_000);
    assertThatThrownBy(() -> build("second", second(), BUILDER, "first"))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining(object() + ": span 0");
    assertThat(temp.resolve("second")).doesNotExist();
  }

  /** Nothing needs to be decoded, but what comes into the layout is what its digest says. */
  @Test
  void aDamagedBlobIsNotReusedByTheSameTree() throws IOException {
    flip(object(), 200_000);
    assertThatThrownBy(() -> build("second", first, BUILDER, "first"))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining(object() + ": has ");
    assertThat(temp.resolve("second")).doesNotExist();
  }

  /** Its digest is right, so no copy was damaged: it never decoded. */
  @Test
  void anObjectThatNeverDecodedGivesNoWrongByte() throws IOException {
    byte[] bytes = Files.readAllBytes(object());
    bytes[200_000] ^= 1;
    Sha256 digest = Sha256.hash(bytes);
    Files.write(object().resolveSibling(digest.hex()), bytes);
    new PatchedLayout(temp.resolve("first"))
        .write(
            found ->
                new Descriptor(found.mediaType(), digest, found.sizeBytes(), found.annotations()));
    build("second", first, BUILDER, "first");
    assertThatThrownBy(() -> assertHolds("second", first))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("span 0");
    assertThatThrownBy(() -> build("third", second(), BUILDER, "first"))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("span 0");
  }

  @Test
  void aDamagedBootstrapManifestOrTailIsRefused() throws IOException {
    Descriptor bootstrap;
    try (ReuseImage image = ReuseImage.open(temp.resolve("first"))) {
      bootstrap = image.manifest().bootstrap();
    }
    Path layout = temp.resolve("first");
    List<Path> files =
        List.of(
            layout.resolve(bootstrap.path()),
            layout.resolve("blobs/sha256/" + firstResult.manifestDigest().hex()));
    for (Path file : files) {
      flip(file, Files.size(file) - 3);
      assertThatThrownBy(() -> ReuseImage.open(layout))
          .isInstanceOf(CorruptDataException.class)
          .hasMessageContaining("has digest");
      flip(file, Files.size(file) - 3);
    }
    flip(object(), Files.size(object()) - 100);
    assertThatThrownBy(() -> ReuseImage.open(layout)).isInstanceOf(CorruptDataException.class);
    flip(object(), Files.size(object()) - 100);
    ReuseImage.open(layout).close();
  }

  @Test
  void whatIsNoLayoutIsRefused() {
    assertThatThrownBy(() -> ReuseImage.open(temp))
        .hasMessage(temp + ": is no image layout: expected a directory that aquifer build made");
  }

  @Test
  void anObjectUnderAnotherDigestIsNotTakenOver() throws IOException {
    Sha256 wrong = Sha256.hash(new byte[0]);
    new PatchedLayout(temp.resolve("first"))
        .write(
            found ->
                new Descriptor(found.mediaType(), wrong, found.sizeBytes(), found.annotations()));
    Files.move(object(), object().resolveSibling(wrong.hex()));
    MemoryTree other = new MemoryTree();
    other.file("x", TestTrees.noise(77, 100_000));
    // Nothing of it is used, so it is not looked at.
    build("other", other, BUILDER, "first");
    assertThatThrownBy(() -> build("second", second(), BUILDER, "first"))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining(object().resolveSibling(wrong.hex()) + ": has ")
        .hasMessageContaining("with digest " + firstResult.blobs().getFirst().objectDigest());
    assertThat(temp.resolve("second")).doesNotExist();
  }

  @Test
  void aWrongTailOffsetIsNotTakenOver() throws IOException {
    new PatchedLayout(temp.resolve("first"))
        .write(
            found -> {
              Map<String, String> annotations = new HashMap<>(found.annotations());
              annotations.put(ImageManifest.TAIL_OFFSET, "1000");
              return new Descriptor(
                  found.mediaType(), found.digest(), found.sizeBytes(), annotations);
            });
    assertThatThrownBy(() -> ReuseImage.open(temp.resolve("first")))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("tail-offset says 1000: expected");
  }

  @Test
  void anObjectThatIsASymbolicLinkIsTakenOverItself() throws IOException {
    Path elsewhere = Files.createDirectory(temp.resolve("elsewhere")).resolve("object");
    Files.move(object(), elsewhere);
    Files.createSymbolicLink(object(), Path.of("../../../elsewhere/object"));
    build("second", second(), BUILDER, "first");
    Path taken = temp.resolve("second").resolve(temp.resolve("first").relativize(object()));
    assertThat(Files.isRegularFile(taken, LinkOption.NOFOLLOW_LINKS)).isTrue();
    Files.delete(elsewhere);
    assertHolds("second", second());
  }
}
