package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Images whose digests are right and whose content is made to do harm. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostileImageTest {
  private static final BuildOptions OPTIONS = BuildOptions.defaults();

  @TempDir Path temp;

  private PatchedLayout built(MemoryTree tree) throws IOException {
    ImageBuilder.build(tree, temp.resolve("hostile"), List.of(), OPTIONS);
    return new PatchedLayout(temp.resolve("hostile"));
  }

  private BuildResult reuse() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("f", TestTrees.noise(1, 100_000));
    try (ReuseImage image = ReuseImage.open(temp.resolve("hostile"))) {
      return ImageBuilder.build(tree, temp.resolve("out"), List.of(image), OPTIONS);
    }
  }

  private void assertRefusedByWhoeverWalksIt() throws IOException {
    assertThatThrownBy(this::reuse)
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("expected one place");
    try (ReuseImage image = ReuseImage.open(temp.resolve("hostile"))) {
      SourceTree tree = ImageTree.of(image.image());
      assertThatThrownBy(() -> TreeDigest.of(tree)).hasMessageContaining("expected one place");
      assertThatThrownBy(() -> ImageBuilder.build(tree, temp.resolve("out"), List.of(), OPTIONS))
          .isInstanceOf(CorruptDataException.class)
          .hasMessageContaining("expected one place");
    }
    assertThat(temp.resolve("out")).doesNotExist();
  }

  @Test
  void aDirectoryInItselfIsRefused() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.directory("d");
    tree.directory("d/e");
    tree.directory("d/e/f");
    PatchedLayout layout = built(tree);
    layout.redirect("d/e/f", layout.nid("d/e")).write();
    assertRefusedByWhoeverWalksIt();
  }

  @Test
  void theRootInItselfIsRefused() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.directory("d");
    PatchedLayout layout = built(tree);
    layout.redirect("d", layout.nid("")).write();
    assertRefusedByWhoeverWalksIt();
  }

  @Test
  void directoriesThatShareTheirChildrenAreRefused() throws IOException {
    MemoryTree tree = new MemoryTree();
    // 2^40 paths if each y were walked as x is.
    String at = "";
    for (int i = 0; i < 40; i++) {
      tree.directory(at + "x");
      tree.directory(at + "y");
      at += "x/";
    }
    PatchedLayout layout = built(tree);
    for (int i = 0; i < 40; i++) {
      at = at.substring(2);
      layout.redirect(at + "y", layout.nid(at + "x"));
    }
    layout.write();
    assertRefusedByWhoeverWalksIt();
  }

  @Test
  void manyNamesOfOneFileAreOneFile() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("a", TestTrees.noise(1, 100_000));
    tree.file("b", TestTrees.noise(2, 100_000));
    PatchedLayout layout = built(tree);
    // The link count stays 1.
    layout.redirect("b", layout.nid("a")).write();
    assertThat(reuse().bytes().unique()).isZero();
    try (ReuseImage image = ReuseImage.open(temp.resolve("hostile"))) {
      List<String> lines = new ArrayList<>();
      TreeDigest.lines(ImageTree.of(image.image()), lines::add);
      assertThat(lines).contains("/b same as /a");
      BuildResult copy =
          ImageBuilder.build(ImageTree.of(image.image()), temp.resolve("copy"), List.of(), OPTIONS);
      assertThat(copy.counts().hardLinks()).isEqualTo(1);
    }
  }

  @Test
  void anEntryThatSaysRegularFileOfADirectoryIsRefused() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("a", TestTrees.noise(1, 100_000));
    tree.directory("d");
    PatchedLayout layout = built(tree);
    layout.redirect("a", layout.nid("d")).write();
    assertThatThrownBy(this::reuse)
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("a directory entry says regular file");
  }

  @Test
  void aHoleOfAnySizeIsDigestedAtOnce() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.sparse("hole", Long.MAX_VALUE);
    tree.sparse("data", Long.MAX_VALUE).data(1L << 62, TestTrees.noise(1, 3_000_000));
    List<String> lines = new ArrayList<>();
    TreeDigest.lines(tree, lines::add);
    assertThat(lines).hasSize(3);
  }

  @Test
  void theDigestDoesNotTellZerosFromHolesButAllElse() throws IOException {
    byte[] data = new byte[5 << 20];
    data[3 << 20] = 1;
    assertThat(digest(0, data)).isEqualTo(digest(3 << 20, new byte[] {1}));
    assertThat(digest(0, data)).isNotEqualTo(digest(2 << 20, new byte[] {1}));
    assertThat(digest(0, data)).isNotEqualTo(digest(3 << 20, new byte[] {2}));
    assertThat(digest(0, data)).isNotEqualTo(digest(3 << 20, new byte[] {0}));
  }

  private static String digest(long position, byte[] data) throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.sparse("f", 5 << 20).data(position, data);
    return TreeDigest.of(tree).hex();
  }
}
