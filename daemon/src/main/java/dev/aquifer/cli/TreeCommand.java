package dev.aquifer.cli;

import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.tool.ImageWalk;
import dev.aquifer.tool.PathText;
import dev.aquifer.tool.WalkEntry;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Draws the tree of an image. */
@CommandLine.Command(name = "tree", description = "Draw the tree of an image.", sortOptions = false)
final class TreeCommand extends ImageCommand {
  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "PATH",
      description = "Where to begin. Default: the root directory.")
  String start = "/";

  @Option(
      names = {"-L", "--depth"},
      paramLabel = "N",
      description = "How many levels to go down.")
  int depth = Integer.MAX_VALUE;

  private int directories;
  private int files;

  @Override
  ExitCode run(Image image) throws Exception {
    byte[] path = absolute(path(start));
    PrintWriter text = text();
    List<String> bars = new ArrayList<>();
    ImageWalk.walk(
        image,
        path,
        lookup(image, path),
        entry -> {
          print(image, entry, bars, text);
          checkOut();
          return entry.depth() < depth;
        });
    text.printf("%n%d directories, %d files%n", directories, files);
    text.flush();
    return ExitCode.OK;
  }

  private void print(Image image, WalkEntry entry, List<String> bars, PrintWriter text)
      throws IOException {
    if (entry.depth() == 0) {
      text.append(entry.shown()).append('\n');
      return;
    }
    // Of each directory on the way: whether more names follow in it.
    while (bars.size() >= entry.depth()) {
      bars.removeLast();
    }
    bars.forEach(text::append);
    text.append(entry.isLast() ? "└── " : "├── ").append(PathText.shown(entry.name()));
    bars.add(entry.isLast() ? "    " : "│   ");
    FileType type = entry.inode().type();
    if (type == FileType.SYMBOLIC_LINK) {
      text.append(" -> ").append(PathText.shown(image.readLink(entry.inode())));
    }
    text.append('\n');
    if (type == FileType.DIRECTORY) {
      directories++;
    } else {
      files++;
    }
  }
}
