package dev.aquifer.cli;

import dev.aquifer.build.BuildOptions;
import dev.aquifer.build.BuildResult;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.ReuseImage;
import dev.aquifer.build.SourceTree;
import dev.aquifer.input.SelectedTree;
import dev.aquifer.input.Selection;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Builds an image. */
@CommandLine.Command(
    name = "build",
    description =
        "Build an image from a directory, a tar archive, a container image or another EROFS image, as an OCI image layout.",
    sortOptions = false)
final class BuildCommand extends Command {
  private static final Pattern COMPRESSION = Pattern.compile("none|zstd(?::([0-9]{1,2}))?");
  private static final int MAX_ZSTD_LEVEL = 19;

  @Parameters(paramLabel = "INPUT", description = BuildInput.DESCRIPTION)
  String source = "";

  @Option(
      names = {"-o", "--output"},
      paramLabel = "OUT",
      required = true,
      description = "Where the image layout goes; must not exist, or see --force.")
  Path output = Path.of("");

  @Option(
      names = "--reuse",
      paramLabel = "IMAGE",
      description =
          "An earlier image (a layout) whose blobs the new one refers to instead of storing the same data again. May be given several times.")
  List<Path> reuse = new ArrayList<>();

  @Option(
      names = "--compression",
      paramLabel = "none|zstd[:N]",
      description = "How spans are stored; N is 1 (fast) to 19 (small). Default: zstd:3.")
  @Nullable String compression;

  @Option(names = "--force", description = "Replace an image layout that is at OUT.")
  boolean force;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "How many threads read, hash and compress. Default: one for each processor.")
  @Nullable Integer threads;

  @Mixin BuildInput input = new BuildInput();

  @Mixin SelectionOptions selection = new SelectionOptions();

  @Override
  ExitCode run() throws IOException, FailedException {
    BuildOptions options = options();
    Selection selected = selected();
    BuildResult result;
    try (OnSignal ignored = OnSignal.interrupt("." + output.getFileName() + ".building-*");
        SourceTree tree = SelectedTree.of(open(), selected)) {
      result = build(tree, options);
    }
    print(result);
    return ExitCode.OK;
  }

  private SourceTree open() throws IOException, FailedException {
    try {
      return input.open(source, output);
    } catch (IllegalArgumentException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
  }

  private Selection selected() throws IOException {
    try {
      return selection.selection();
    } catch (IllegalArgumentException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
  }

  private BuildResult build(SourceTree tree, BuildOptions options) throws IOException {
    List<ReuseImage> earlier = new ArrayList<>();
    try {
      for (Path image : reuse) {
        earlier.add(ReuseImage.open(image));
      }
      return ImageBuilder.build(tree, output, earlier, options);
    } finally {
      for (ReuseImage image : earlier) {
        image.close();
      }
    }
  }

  private BuildOptions options() {
    BuildOptions options =
        BuildOptions.defaults().withForce(force).withXattrs(selection.takesXattrs());
    try {
      if (compression != null) {
        options = options.withZstdLevel(zstdLevel(compression, options.zstdLevel()));
      }
      if (threads != null) {
        options = options.withThreads(threads);
      }
      return options.withTimestamp(selection.timestamp());
    } catch (IllegalArgumentException | java.time.DateTimeException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
  }

  private int zstdLevel(String text, int usual) {
    Matcher matcher = COMPRESSION.matcher(text);
    if (matcher.matches()) {
      if (text.equals("none")) {
        return 0;
      }
      int level = matcher.group(1) == null ? usual : Integer.parseInt(matcher.group(1));
      if (level >= 1 && level <= MAX_ZSTD_LEVEL) {
        return level;
      }
    }
    throw usage(
        "invalid value for option '--compression': '%s': expected none, zstd, or zstd:1 to zstd:%d"
            .formatted(text, MAX_ZSTD_LEVEL));
  }

  private void print(BuildResult result) {
    out()
        .printf(Locale.ROOT, "%s: built in %.1f s%n", output, result.elapsed().toMillis() / 1000.0);
    out().printf("  manifest   %s%n", result.manifestDigest());
    out()
        .printf(
            "  bootstrap  %s  %s%n",
            result.bootstrapDigest(), ByteCount.text(result.bootstrapBytes()));
    for (BuildResult.Blob blob : result.blobs()) {
      out()
          .printf(
              "  blob       %s  %s, stored in %s%s%n",
              blob.id(),
              ByteCount.text(blob.plainBytes()),
              ByteCount.text(blob.objectBytes()),
              blob.reusedFrom().isEmpty() ? "" : ", of " + blob.reusedFrom());
    }
    BuildResult.Counts counts = result.counts();
    out()
        .printf(
            "  files      %d regular, %d directories, %d symlinks, %d special, %d hard links%n",
            counts.regular(),
            counts.directories(),
            counts.symlinks(),
            counts.special(),
            counts.hardLinks());
    BuildResult.Bytes bytes = result.bytes();
    out()
        .printf(
            "  data       %s: %s new, %s reused, %s duplicate, %s holes, %s in the bootstrap%n",
            ByteCount.text(bytes.source()),
            ByteCount.text(bytes.unique()),
            ByteCount.text(bytes.reused()),
            ByteCount.text(bytes.duplicate()),
            ByteCount.text(bytes.holes()),
            ByteCount.text(bytes.inline()));
    for (BuildResult.Reuse from : bytes.reusedFrom()) {
      out().printf("  reused     %s of %s%n", ByteCount.text(from.bytes()), from.image());
    }
  }
}
