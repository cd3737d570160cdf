package dev.aquifer.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.SourceTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AufsTreeTest {
  private static final String OPAQUE = " trusted.overlay.opaque=79";
  private static final String ORIGIN = " trusted.overlay.origin=";

  @TempDir Path temp;

  private SourceTree layer(TarBytes archive) throws IOException {
    return TarTree.open(Files.write(temp.resolve("layer.tar"), archive.end()), temp);
  }

  /** Without owners and times, which are all the same. */
  private static List<String> lines(SourceTree tree) throws IOException {
    return Trees.lines(tree).stream()
        .map(line -> line.replaceFirst(" 0:0 [0-9.]+", "").replaceFirst(" [0-9a-f]{64}", ""))
        .toList();
  }

  private List<String> converted(TarBytes archive) throws IOException {
    try (SourceTree tree = AufsTree.of(layer(archive))) {
      return lines(tree);
    }
  }

  @Test
  void aMarkBecomesADeviceAndItsDirectoryIsNotShownAsItIs() throws IOException {
    TarBytes archive = new TarBytes().directory("d").file("d/.wh.gone", "").file("d/new", "n");
    assertThat(converted(archive))
        .containsExactly(
            "/ 40755", "/d 40644" + ORIGIN, "/d/gone 20000 rdev 0x0", "/d/new 100644 1");
  }

  @Test
  void anOpaqueDirectoryHasTheMarkOfOverlayfs() throws IOException {
    TarBytes archive =
        new TarBytes().directory("d").file("d/.wh..wh..opq", "").file("d/new", "").directory("e");
    assertThat(converted(archive))
        .containsExactly("/ 40755", "/d 40644" + OPAQUE, "/d/new 100644 0", "/e 40644");
  }

  @Test
  void theRootMayBeOpaqueAndHide() throws IOException {
    TarBytes archive = new TarBytes().file(".wh..wh..opq", "").file(".wh.a", "");
    assertThat(converted(archive))
        .containsExactly("/ 40755" + OPAQUE + ORIGIN, "/a 20000 rdev 0x0");
  }

  @Test
  void aMarkHidesNothingOfItsOwnLayer() throws IOException {
    TarBytes archive =
        new TarBytes()
            .file(".wh.d", "")
            .directory("d")
            .file("d/in", "")
            .file("f", "new")
            .file(".wh.f", "");
    assertThat(converted(archive))
        .containsExactly("/ 40755", "/d 40644" + OPAQUE, "/d/in 100644 0", "/f 100644 3");
  }

  @Test
  void whatAufsKeepsForItselfIsLeftOut() throws IOException {
    TarBytes archive =
        new TarBytes().directory(".wh..wh.plnk").file(".wh..wh.plnk/7.8", "x").file("f", "");
    assertThat(converted(archive)).containsExactly("/ 40755", "/f 100644 0");
  }

  @Test
  void marksThatAreOneFileBecomeTwoDevices() throws IOException {
    TarBytes archive = new TarBytes().file(".wh.a", "").hardLink(".wh.b", ".wh.a");
    assertThat(converted(archive))
        .containsExactly("/ 40755" + ORIGIN, "/a 20000 rdev 0x0", "/b 20000 rdev 0x0");
  }

  @Test
  void attributesOfTheArchiveStay() throws IOException {
    TarBytes archive =
        new TarBytes()
            .pax('x', "SCHILY.xattr.user.n", "1", "SCHILY.xattr.trusted.overlay.opaque", "x")
            .directory("d")
            .file("d/.wh..wh..opq", "");
    assertThat(converted(archive)).containsExactly("/ 40755", "/d 40644" + OPAQUE + " user.n=31");
  }

  @ParameterizedTest
  @ValueSource(strings = {".wh.", ".wh..", ".wh..."})
  void aMarkOfNothingIsRefused(String name) throws IOException {
    Path output = temp.resolve("out");
    try (SourceTree tree =
        AufsTree.of(layer(new TarBytes().directory("d").file("d/" + name, "")))) {
      assertThatThrownBy(() -> ImageBuilder.defaults().buildLayout(tree, output))
          .isInstanceOf(IOException.class)
          .hasMessage(temp.resolve("layer.tar") + ": /d/" + name + ": expected a name after .wh.");
    }
    assertThat(output).doesNotExist();
  }

  @Test
  void whatIsBelowAMarkIsRefused() throws IOException {
    TarBytes archive = new TarBytes().directory(".wh.d").file(".wh.d/f", "").directory(".wh.e");
    Path output = temp.resolve("out");
    try (SourceTree tree = AufsTree.of(layer(archive))) {
      assertThatThrownBy(() -> ImageBuilder.defaults().buildLayout(tree, output))
          .isInstanceOf(IOException.class)
          .hasMessage(
              temp.resolve("layer.tar")
                  + ": /.wh.d/f: is below a name that begins with .wh., which only hides: expected none there");
    }
    assertThat(output).doesNotExist();
  }

  @Test
  void whatHidesCanBeStrippedAgain() throws IOException {
    TarBytes archive =
        new TarBytes()
            .directory("d")
            .file("d/.wh.gone", "")
            .file("d/.wh..wh..opq", "")
            .file("d/new", "n")
            .file("empty", "")
            .pax('x', "SCHILY.xattr.trusted.overlay.whiteout", "")
            .file("hides", "")
            .pax('x', "SCHILY.xattr.user.overlay.opaque", "y", "SCHILY.xattr.user.n", "1")
            .directory("z");
    try (SourceTree tree = StrippedTree.of(AufsTree.of(layer(archive)))) {
      assertThat(lines(tree))
          .containsExactly(
              "/ 40755", "/d 40644", "/d/new 100644 1", "/empty 100644 0", "/z 40644 user.n=31");
    }
  }
}
