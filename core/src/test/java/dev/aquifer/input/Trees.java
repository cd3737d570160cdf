package dev.aquifer.input;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.SourceTree;
import dev.aquifer.build.TreeDigest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What tests of trees do again and again. */
final class Trees {
  private Trees() {}

  /** See {@link TreeDigest#lines}. */
  static List<String> lines(SourceTree tree) throws IOException {
    List<String> lines = new ArrayList<>();
    TreeDigest.lines(tree, lines::add);
    return lines;
  }

  /** Runs a program; its output. */
  static String run(Path directory, String... command) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).directory(directory.toFile()).start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(String.join(" ", command) + ": " + output).isZero();
    return output;
  }

  /** Builds an image of {@code tree}; the digest of its manifest. */
  static String manifest(SourceTree tree, Path output) throws IOException {
    return ImageBuilder.defaults().buildLayout(tree, output).manifestDigest().toString();
  }
}
