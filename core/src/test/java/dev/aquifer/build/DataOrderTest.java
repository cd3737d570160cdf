package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.image.Extent;
import dev.aquifer.image.Image;
import dev.aquifer.io.FileSource;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which data lies first. */
class DataOrderTest {
  private static final List<String> NAMES = List.of("/a", "/b", "/d/c", "/d/e/f", "/g", "/\udcff");

  @TempDir Path temp;

  private static MemoryTree tree() {
    MemoryTree tree = new MemoryTree();
    tree.directory("d");
    tree.directory("d/e");
    for (String name : NAMES) {
      String latin1 = name.equals("/\udcff") ? "\u00ff" : name.substring(1);
      tree.file(latin1, TestTrees.noise(name.hashCode(), 100_000));
    }
    return tree;
  }

  /** The files as their data lies. */
  private static List<String> laidOut(Image image, List<String> names) throws IOException {
    Map<Long, String> byAddress = new TreeMap<>();
    for (String name : names) {
      Extent.Plain extent = (Extent.Plain) image.map(image.lookup(name), 0);
      byAddress.put(extent.addressBytes(), name);
    }
    return List.copyOf(byAddress.values());
  }

  private List<String> ofLayout(String name, String... order) throws IOException {
    ImageBuilder builder = ImageBuilder.defaults().order(List.of(order));
    builder.buildLayout(tree(), temp.resolve(name));
    try (ReuseImage image = ReuseImage.open(temp.resolve(name))) {
      assertThat(TreeDigest.of(ImageTree.of(image.image()))).isEqualTo(TreeDigest.of(tree()));
      return laidOut(image.image(), NAMES);
    }
  }

  @Test
  void withoutAListItIsThatOfTheNames() throws IOException {
    List<String> expected = new ArrayList<>(List.of("/a", "/b", "/g", "/\udcff", "/d/c", "/d/e/f"));
    assertThat(ofLayout("image")).isEqualTo(expected);
  }

  @Test
  void whatIsListedComesFirst() throws IOException {
    assertThat(ofLayout("image", "d/e/f", "/\udcff", "./b", "/b"))
        .containsExactly("/d/e/f", "/\udcff", "/b", "/a", "/g", "/d/c");
  }

  @Test
  void aDirectoryStandsForAllBelow() throws IOException {
    assertThat(ofLayout("image", "/d", "/g"))
        .containsExactly("/d/c", "/d/e/f", "/g", "/a", "/b", "/\udcff");
  }

  @Test
  void whatIsNotThereIsLeftOut() throws IOException {
    assertThat(ofLayout("image", "/a/b", "/no", "/g/", "//d//c")).startsWith("/g", "/d/c");
  }

  @Test
  void oneFileHasItToo() throws IOException {
    List<String> reversed = new ArrayList<>(NAMES);
    reversed.sort(Comparator.naturalOrder());
    Collections.reverse(reversed);
    Path file = temp.resolve("file");
    ImageBuilder.defaults().order(reversed).buildFile(tree(), file);
    try (FileSource source = FileSource.open(file)) {
      assertThat(laidOut(Image.open(source), NAMES)).isEqualTo(reversed);
    }
  }

  @Test
  void aTreeInMemoryHasTheOrderInWhichItWasDescribed() throws IOException {
    dev.aquifer.input.MemoryTree tree = new dev.aquifer.input.MemoryTree("described");
    tree.directory("d").permissions(0700);
    List<String> described = List.of("/g", "/d/c", "/a");
    for (String name : described) {
      tree.file(name, TestTrees.noise(name.hashCode(), 100_000));
    }
    ImageBuilder builder = ImageBuilder.defaults().sourceOrder(true);
    assertThat(laidOut(Image.open(builder.buildInMemory(tree)), described)).isEqualTo(described);
    assertThat(laidOut(Image.open(builder.order(List.of("a")).buildInMemory(tree)), described))
        .containsExactly("/a", "/g", "/d/c");
  }

  @Test
  void aSourceWithoutAnOrderIsRefused() {
    ImageBuilder builder = ImageBuilder.defaults().sourceOrder(true);
    assertThatThrownBy(() -> builder.buildLayout(tree(), temp.resolve("image")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            tree().name()
                + ": has its files in no order of its own: expected a tar archive or a container image, or --sort=path");
    assertThat(temp).isEmptyDirectory();
  }
}
