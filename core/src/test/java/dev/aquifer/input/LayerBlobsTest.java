package dev.aquifer.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.build.BlobUnpacker;
import dev.aquifer.build.BuildResult;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.ReuseImage;
import dev.aquifer.build.SourceTree;
import dev.aquifer.io.Sha256;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A blob for each layer: what is in it, and what an image of several layers takes of it. */
class LayerBlobsTest {
  @TempDir Path temp;
  private int places;

  private static String noise(int seed, int length) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static TarBytes base() {
    return new TarBytes()
        .directory("d")
        .file("d/z", noise(1, 200_000))
        .file("d/a", noise(2, 70_000))
        .file("small", "small")
        .file("last", noise(3, 5_000));
  }

  private LayerTree open(TarBytes... layers) throws IOException {
    byte[][] bytes = new byte[layers.length][];
    for (int i = 0; i < layers.length; i++) {
      bytes[i] = layers[i].end();
    }
    TestLayout layout = new TestLayout(temp.resolve("in" + places++));
    Path input = layout.finish(layout.image("linux/amd64", bytes));
    return LayerTree.ofLayout(input, new LayerTree.Wanted(null, null, temp));
  }

  private Path last;

  private BuildResult build(ImageBuilder builder, TarBytes... layers) throws IOException {
    last = temp.resolve("out" + places++);
    try (LayerTree tree = open(layers)) {
      return builder.blobPerLayer(tree.layers()).buildLayout(tree, last);
    }
  }

  private BuildResult build(TarBytes... layers) throws IOException {
    return build(ImageBuilder.defaults(), layers);
  }

  private static List<Sha256> ids(BuildResult result) {
    return result.blobs().stream().map(BuildResult.Blob::id).toList();
  }

  /** What fsck.erofs finds in the image that was built last. */
  private Path extract() throws Exception {
    Requires.tool("fsck.erofs");
    Path target = temp.resolve("extracted" + places++);
    List<String> command = new ArrayList<>(List.of("fsck.erofs", "--extract=" + target));
    try (ReuseImage image = ReuseImage.open(last)) {
      for (var object : image.manifest().blobs()) {
        Path plain = temp.resolve("device" + places++);
        BlobUnpacker.unpack(last.resolve(object.path()), plain, null, false);
        command.add("--device=" + plain);
      }
      command.add(last.resolve(image.manifest().bootstrap().path()).toString());
    }
    Trees.run(temp, command.toArray(String[]::new));
    return target;
  }

  private static void assertHolds(Path directory, String name, String data) throws IOException {
    assertThat(Files.readAllBytes(directory.resolve(name)))
        .as(name)
        .isEqualTo(TarBytes.latin1(data));
  }

  @Test
  void imagesWithACommonLayerHaveItsBlobInCommon() throws Exception {
    BuildResult alone = build(base());
    TarBytes other = new TarBytes().file("e", noise(4, 90_000)).file("d/a", noise(5, 60_000));
    BuildResult one = build(base(), new TarBytes().file("new", noise(6, 100_000)));
    BuildResult two = build(base(), other);
    assertThat(ids(alone)).hasSize(1);
    assertThat(ids(one)).hasSize(2).contains(ids(alone).getFirst());
    assertThat(ids(two)).hasSize(2).contains(ids(alone).getFirst());
    assertThat(ids(one).get(1)).isNotEqualTo(ids(two).get(1));
    assertThat(one.blobs().getFirst().objectDigest())
        .isEqualTo(two.blobs().getFirst().objectDigest());
    // Below another layer and above it a layer is the same.
    assertThat(ids(build(other, base()))).containsExactlyInAnyOrderElementsOf(ids(two));
  }

  @Test
  void theBlobHasTheDataInTheOrderOfTheArchive() throws Exception {
    BuildResult result = build(base());
    Path plain = temp.resolve("plain");
    Path object = last.resolve("blobs/sha256/" + result.blobs().getFirst().objectDigest().hex());
    BlobUnpacker.unpack(object, plain, null, false);
    String found = new String(Files.readAllBytes(plain), StandardCharsets.ISO_8859_1);
    int second = (200_000 + 4095) / 4096 * 4096;
    int third = second + (70_000 + 4095) / 4096 * 4096;
    assertThat(found).startsWith(noise(1, 200_000));
    assertThat(found.substring(second)).startsWith(noise(2, 70_000));
    assertThat(found.substring(third)).startsWith(noise(3, 5_000));
  }

  @Test
  void theDataIsRightAndTheLayersAreNamed() throws Exception {
    TarBytes upper =
        new TarBytes()
            .hardLink("d/hard", "d/z")
            .file("d/a", noise(7, 120_000))
            .file("d/.wh.nothing", "")
            // Equal data of two layers.
            .file("again", noise(3, 5_000))
            .file("two", noise(1, 65_536) + noise(8, 65_536));
    TarBytes base = base();
    BuildResult result = build(base, upper);
    Path found = extract();
    assertHolds(found, "d/z", noise(1, 200_000));
    assertHolds(found, "d/hard", noise(1, 200_000));
    assertHolds(found, "d/a", noise(7, 120_000));
    assertHolds(found, "small", "small");
    assertHolds(found, "last", noise(3, 5_000));
    assertHolds(found, "again", noise(3, 5_000));
    assertHolds(found, "two", noise(1, 65_536) + noise(8, 65_536));
    assertThat(result.counts().hardLinks()).isEqualTo(1);
    assertThat(result.bytes().unique()).isZero();
    // TarBytes.end() of both is what was hashed.
    assertThat(result.blobs().stream().map(BuildResult.Blob::reusedFrom))
        .containsExactly(
            "layer " + Sha256.hash(base.bytes()), "layer " + Sha256.hash(upper.bytes()));
    try (Stream<Path> files = Files.list(last)) {
      assertThat(files.map(path -> path.getFileName() + ""))
          .containsExactlyInAnyOrder("blobs", "index.json", "oci-layout");
    }
  }

  @Test
  void aLayerWhoseDataNobodySeesHasNoBlob() throws Exception {
    Sha256 base = ids(build(base())).getFirst();
    TarBytes links = new TarBytes().directory("x").symlink("x/s", "../d/z").hardLink("h", "last");
    assertThat(ids(build(base(), links))).containsExactly(base);
    TarBytes hides = new TarBytes().file(".wh.d", "").file(".wh.last", "");
    BuildResult hidden = build(base(), hides, new TarBytes().file("f", noise(9, 9_000)));
    assertThat(ids(hidden)).hasSize(1).doesNotContain(base);
    assertHolds(extract(), "f", noise(9, 9_000));
    assertThat(ids(build(base(), new TarBytes().file(".wh..wh..opq", "")))).isEmpty();
    assertThat(ids(build(new TarBytes().directory("d")))).isEmpty();
  }

  @Test
  void theSameLayerTwiceIsOneBlob() throws Exception {
    assertThat(ids(build(base(), base()))).isEqualTo(ids(build(base())));
  }

  @Test
  void whatIsLeftOutOfTheImageChangesNoBlob() throws Exception {
    Sha256 base = ids(build(base())).getFirst();
    Path output = temp.resolve("selected");
    try (LayerTree tree = open(base())) {
      SourceTree some = SelectedTree.of(tree, Selection.ALL.withoutPath("d/a"));
      BuildResult result =
          ImageBuilder.defaults()
              .order(List.of("last"))
              .inodeDigest(ImageBuilder.INODE_DIGEST)
              .blobPerLayer(tree.layers())
              .buildLayout(some, output);
      assertThat(ids(result)).containsExactly(base);
    }
  }

  @Test
  void progressIsThatOfLayersAndTree() throws Exception {
    List<Long> done = new ArrayList<>();
    List<Long> total = new ArrayList<>();
    ImageBuilder builder =
        ImageBuilder.defaults()
            .progress(
                (bytes, all) -> {
                  done.add(bytes);
                  total.add(all);
                });
    build(builder, base(), new TarBytes().file("more", noise(6, 100_000)));
    assertThat(done).isSorted();
    // The small file counts, too.
    assertThat(done.getLast()).isEqualTo(2 * 375_005);
    assertThat(total.getLast()).isEqualTo(2 * 375_005);
  }

  @Test
  void notTogetherWithImagesToReuse() throws Exception {
    build(base());
    try (LayerTree tree = open(base());
        ReuseImage earlier = ReuseImage.open(last)) {
      ImageBuilder builder =
          ImageBuilder.defaults().reuse(List.of(earlier)).blobPerLayer(tree.layers());
      assertThatThrownBy(() -> builder.buildLayout(tree, temp.resolve("no")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageEndingWith("expected one of both");
      assertThat(temp.resolve("no")).doesNotExist();
    }
  }
}
