package dev.aquifer.cli;

import dev.aquifer.image.ByteNames;
import dev.aquifer.nio.OpenedImage;
import dev.aquifer.tool.DiffTree;
import dev.aquifer.tool.Differ;
import dev.aquifer.tool.Difference;
import dev.aquifer.tool.PathText;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Compares two images, or an image with a directory. */
@CommandLine.Command(
    name = "diff",
    description =
        "Compare two images, or an image and a directory; prints one line for each difference.",
    sortOptions = false,
    footer = {
      "",
      "A directory with index.json in it is an image. Options for images hold for both.",
      "Exits with 0 if there is no difference, 1 if there is one, 2 if they can't be compared."
    })
final class DiffCommand extends Command {
  /** What {@code --ignore} takes. */
  private static final List<String> PROPERTIES =
      List.of(
          "type", "mode", "uid", "gid", "nlink", "mtime", "rdev", "target", "size", "data",
          "xattrs", "only");

  @Parameters(index = "0", paramLabel = "A", description = "An image or a directory.")
  String first = "";

  @Parameters(index = "1", paramLabel = "B", description = "An image or a directory.")
  String second = "";

  @Option(
      names = "--ignore",
      paramLabel = "WHAT",
      split = ",",
      description =
          "What does not count, with commas: type, mode, uid, gid, nlink, mtime, rdev, target, size, data, xattrs, only.")
  Set<String> ignored = Set.of();

  @Option(names = "--json", description = "Print each difference as a JSON object in one line.")
  boolean json;

  @Mixin ImageOptions options = new ImageOptions();

  @Override
  ExitCode failureCode() {
    return ExitCode.USAGE;
  }

  /** One side, and what is closed after it. */
  private record Side(DiffTree tree, AutoCloseable source) implements AutoCloseable {
    @Override
    public void close() throws Exception {
      source.close();
    }
  }

  @Override
  ExitCode run() throws Exception {
    for (String what : ignored) {
      // A misspelt word would count as if nothing had been said.
      if (!PROPERTIES.contains(what) && !what.startsWith("xattr ")) {
        throw usage("--ignore '%s': expected %s".formatted(what, String.join(", ", PROPERTIES)));
      }
    }
    long count;
    try (Side a = open(first);
        Side b = open(second)) {
      PrintWriter text = out();
      count =
          Differ.compare(
              a.tree(),
              b.tree(),
              ignored,
              difference -> {
                text.println(json ? difference.json().toString() : line(difference));
                if (text instanceof StandardOut standard) {
                  standard.check();
                }
              });
    }
    return count == 0 ? ExitCode.OK : ExitCode.FAILED;
  }

  private Side open(String reference) throws IOException {
    if (!reference.isEmpty() && !reference.contains("://")) {
      Path path = Path.of(reference);
      if (Files.isDirectory(path) && !Files.exists(path.resolve("index.json"))) {
        LinuxTree tree = LinuxTree.open(path);
        return new Side(DiffTree.of(tree), tree);
      }
    }
    OpenedImage image = options.open(reference);
    return new Side(DiffTree.of(image.image()), image);
  }

  private String line(Difference difference) {
    String a = difference.a();
    String b = difference.b();
    if (difference.what().equals("only")) {
      return "%s: only in %s (%s)"
          .formatted(difference.path(), a != null ? first : second, a != null ? a : b);
    }
    return "%s: %s: %s, %s"
        .formatted(
            difference.path(),
            // It may have the name of an attribute.
            PathText.shown(ByteNames.toBytes(difference.what())),
            a != null ? a : "(none)",
            b != null ? b : "(none)");
  }
}
