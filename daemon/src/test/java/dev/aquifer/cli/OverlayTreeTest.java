package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.build.NioTree;
import dev.aquifer.build.SourceTree;
import dev.aquifer.build.TreeDigest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OverlayTreeTest {
  @TempDir Path scratch;

  @Test
  void looksLikeTheMergedDirectories() throws IOException {
    Path lower = scratch.resolve("lower");
    Path upper = scratch.resolve("upper");
    Path merged = scratch.resolve("merged");
    for (Path tree : List.of(lower, merged)) {
      write(tree, "both/kept", "lower");
      write(tree, "only-lower/file", "lower");
      Files.createSymbolicLink(tree.resolve("link"), Path.of("both/kept"));
    }
    for (Path tree : List.of(upper, merged)) {
      write(tree, "both/changed", "upper");
      write(tree, "both/deep/new", "upper");
      write(tree, "now-a-directory/file", "upper");
      write(tree, "now-a-file", "upper");
      write(tree, "top", "upper");
    }
    write(lower, "both/changed", "lower, and longer");
    write(lower, "now-a-directory", "lower");
    write(lower, "now-a-file/file", "lower");
    for (Path tree : List.of(lower, upper, merged)) {
      sameTimes(tree);
    }

    try (SourceTree overlay = new OverlayTree(NioTree.open(lower), NioTree.open(upper));
        SourceTree expected = NioTree.open(merged)) {
      assertThat(lines(overlay)).isEqualTo(lines(expected));
    }
  }

  private static List<String> lines(SourceTree tree) throws IOException {
    List<String> lines = new ArrayList<>();
    TreeDigest.lines(tree, lines::add);
    return lines;
  }

  private static void write(Path tree, String name, String text) throws IOException {
    Path file = tree.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private static void sameTimes(Path tree) throws IOException {
    try (Stream<Path> all = Files.walk(tree)) {
      for (Path path : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
        if (!Files.isSymbolicLink(path)) {
          Files.setLastModifiedTime(path, FileTime.fromMillis(1_000_000));
        } else {
          Files.getFileAttributeView(
                  path,
                  java.nio.file.attribute.BasicFileAttributeView.class,
                  java.nio.file.LinkOption.NOFOLLOW_LINKS)
              .setTimes(FileTime.fromMillis(1_000_000), null, null);
        }
      }
    }
  }
}
