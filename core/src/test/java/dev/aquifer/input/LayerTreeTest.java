package dev.aquifer.input;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each rule of the image specification about layers, by name. */
class LayerTreeTest {
  @TempDir Path temp;
  private int layouts;

  private Path layout(TarBytes... layers) throws IOException {
    byte[][] bytes = new byte[layers.length][];
    for (int i = 0; i < layers.length; i++) {
      bytes[i] = layers[i].end();
    }
    TestLayout layout = new TestLayout(temp.resolve("layout" + layouts++));
    return layout.finish(layout.image("linux/amd64", bytes));
  }

  private List<String> lines(Path layout) throws IOException {
    LayerTree.Wanted wanted = new LayerTree.Wanted(null, null, temp);
    try (LayerTree tree = LayerTree.ofLayout(layout, wanted)) {
      return Trees.lines(tree);
    }
  }

  /** All paths but the root, and of what is no directory its digest or target behind a colon. */
  private List<String> paths(TarBytes... layers) throws IOException {
    List<String> paths = new ArrayList<>();
    for (String line : lines(layout(layers))) {
      String[] words = line.split(" ");
      paths.add(words[0] + (words[1].startsWith("4") ? "/" : ""));
    }
    return paths.subList(1, paths.size());
  }

  private static TarBytes layer() {
    return new TarBytes();
  }

  private static TarBytes lower() {
    return layer().directory("d").file("d/a", "a").file("d/b", "b").file("f", "f");
  }

  @Test
  void whiteoutHidesAFileBelow() throws IOException {
    assertThat(paths(lower(), layer().file("d/.wh.a", ""))).containsExactly("/d/", "/d/b", "/f");
  }

  @Test
  void whiteoutHidesADirectoryWithAllInIt() throws IOException {
    assertThat(paths(lower(), layer().file(".wh.d", ""))).containsExactly("/f");
  }

  @Test
  void whiteoutOfNothingIsNothing() throws IOException {
    assertThat(paths(lower(), layer().file(".wh.x", "").file("no/.wh.y", "")))
        .containsExactly("/d/", "/d/a", "/d/b", "/f");
  }

  @Test
  void whiteoutHidesNothingOfItsOwnLayerBeforeIt() throws IOException {
    assertThat(paths(lower(), layer().file("f", "new").file(".wh.f", ""))).contains("/f");
  }

  @Test
  void whiteoutHidesNothingOfItsOwnLayerAfterIt() throws IOException {
    assertThat(paths(lower(), layer().file(".wh.d", "").file("d/c", "c")))
        .containsExactly("/d/", "/d/c", "/f");
  }

  @Test
  void whiteoutBehindItsOwnDirectoryLeavesOnlyThat() throws IOException {
    assertThat(paths(lower(), layer().directory("d").file("d/c", "c").file(".wh.d", "")))
        .containsExactly("/d/", "/d/c", "/f");
  }

  @Test
  void opaqueDirectoryHidesAllBelowBeforeAndAfterIt() throws IOException {
    TarBytes upper =
        layer().directory("d").file("d/c", "c").file("d/.wh..wh..opq", "").file("d/e", "e");
    assertThat(paths(lower(), upper)).containsExactly("/d/", "/d/c", "/d/e", "/f");
  }

  @Test
  void opaqueDirectoryBelowIsNotOpaqueForLayersAbove() throws IOException {
    TarBytes middle = layer().directory("d").file("d/.wh..wh..opq", "").file("d/c", "c");
    assertThat(paths(lower(), middle, layer().file("d/e", "e")))
        .containsExactly("/d/", "/d/c", "/d/e", "/f");
  }

  @Test
  void opaqueRootHidesEverythingBelow() throws IOException {
    assertThat(paths(lower(), layer().file(".wh..wh..opq", "").file("n", "n")))
        .containsExactly("/n");
  }

  @Test
  void whatIsHiddenMayComeAgainAbove() throws IOException {
    assertThat(paths(lower(), layer().file(".wh.d", ""), layer().directory("d")))
        .containsExactly("/d/", "/f");
  }

  @Test
  void directoryOnADirectoryKeepsItsFilesAndTakesNewMetadata() throws IOException {
    TarBytes upper =
        layer().pax('x', "uid", "7", "SCHILY.xattr.user.n", "1", "mtime", "5").directory("d");
    TarBytes first = layer().pax('x', "SCHILY.xattr.user.o", "1").directory("d").file("d/a", "");
    List<String> lines = lines(layout(first, upper));
    assertThat(lines.get(1)).isEqualTo("/d 40644 7:0 5.000000000 user.n=31");
    assertThat(lines).hasSize(3);
  }

  @Test
  void fileReplacesADirectory() throws IOException {
    assertThat(paths(lower(), layer().file("d", "now a file"))).containsExactly("/d", "/f");
  }

  @Test
  void directoryReplacesAFile() throws IOException {
    assertThat(paths(lower(), layer().directory("f").file("f/g", "")))
        .containsExactly("/d/", "/d/a", "/d/b", "/f/", "/f/g");
  }

  @Test
  void linkReplacesADirectoryAndIsFollowedAbove() throws IOException {
    TarBytes usr = layer().directory("usr/lib").directory("lib").file("lib/old", "");
    assertThat(
            paths(
                usr,
                layer().file(".wh.lib", "").symlink("lib", "usr/lib"),
                layer().file("lib/new", "")))
        .containsExactly("/lib", "/usr/", "/usr/lib/", "/usr/lib/new");
  }

  @Test
  void hardLinkToALowerLayerSharesItsFile() throws IOException {
    List<String> lines = lines(layout(lower(), layer().hardLink("g", "d/a")));
    assertThat(lines.getLast()).isEqualTo("/g same as /d/a");
  }

  @Test
  void hardLinkOutlivesItsHiddenTarget() throws IOException {
    assertThat(paths(lower(), layer().hardLink("g", "f"), layer().file(".wh.f", "")))
        .containsExactly("/d/", "/d/a", "/d/b", "/g");
  }

  @Test
  void newFileLeavesTheOtherNamesOfTheOldOne() throws IOException {
    List<String> lines =
        lines(layout(layer().file("a", "old").hardLink("b", "a"), layer().file("a", "new!")));
    assertThat(lines.get(1)).contains(" 4 ");
    assertThat(lines.get(2)).contains(" 3 ");
  }

  @Test
  void deviceOfAnOverlayIsNoWhiteout() throws IOException {
    assertThat(paths(lower(), layer().add('3', "f", "", new byte[0])))
        .containsExactly("/d/", "/d/a", "/d/b", "/f");
    assertThat(lines(layout(lower(), layer().add('3', "f", "", new byte[0]))).getLast())
        .startsWith("/f 20644 ")
        .endsWith(" rdev 0x0");
  }

  @Test
  void namesOfAufsAreLeftOut() throws IOException {
    assertThat(
            paths(
                lower(),
                layer()
                    .directory(".wh..wh.plnk")
                    .file(".wh..wh.plnk/1", "")
                    .file(".wh..wh.aufs", "")))
        .containsExactly("/d/", "/d/a", "/d/b", "/f");
  }

  @Test
  void noLayerIsAnEmptyTree() throws IOException {
    assertThat(paths()).isEmpty();
  }

  @Test
  void layerWithoutEndIsProvenByItsDigest() throws IOException {
    TestLayout layout = new TestLayout(temp.resolve("endless"));
    byte[] layer = layer().file("f", "f").bytes();
    assertThat(lines(layout.finish(layout.image("", layer)))).hasSize(2);
  }

  @Test
  void layersAreUnpacked() throws IOException {
    TestLayout layout = new TestLayout(temp.resolve("packed"));
    byte[] one = lower().end();
    byte[] two = layer().file("z", "z").end();
    String image =
        layout.manifest(
            "",
            layout.config("amd64", one, two),
            List.of(
                layout.blob(
                    "application/vnd.docker.image.rootfs.diff.tar.gzip", TestLayout.gzip(one), ""),
                layout.blob(
                    "application/vnd.oci.image.layer.v1.tar+zstd", Zstd.compress(two), "")));
    assertThat(lines(layout.finish(image))).hasSize(6);
  }
}
