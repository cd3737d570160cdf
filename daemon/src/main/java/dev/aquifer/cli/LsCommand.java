package dev.aquifer.cli;

import dev.aquifer.image.DirEntry;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.tool.PathText;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Lists directories of an image. */
@CommandLine.Command(
    name = "ls",
    description = "List files and directories of an image.",
    sortOptions = false,
    footer = {
      "",
      "Names are sorted by their bytes; what is no printable text in them is shown as \\xNN."
    })
final class LsCommand extends ImageCommand {
  @Parameters(
      index = "1..*",
      paramLabel = "PATH",
      description = "What to list. Default: the root directory.")
  List<String> paths = new ArrayList<>();

  @Option(names = "-l", description = "Mode, links, owner, group, size, time and target, too.")
  boolean isLong;

  @Option(names = "-R", description = "List directories in directories, too.")
  boolean isRecursive;

  @Option(names = "-d", description = "List directories themselves, not what is in them.")
  boolean isDirectoryItself;

  @Option(names = "--full-time", description = "As -l, with whole times.")
  boolean isFullTime;

  /** A directory still to be listed. */
  @SuppressWarnings("ArrayRecordComponent")
  private record Pending(byte[] path, Inode inode) {}

  @Override
  ExitCode run(Image image) throws Exception {
    PrintWriter text = text();
    LongListing rows = new LongListing(image, isLong || isFullTime, isFullTime);
    Deque<Pending> directories = new ArrayDeque<>();
    for (String argument : paths.isEmpty() ? List.of("/") : paths) {
      byte[] path = path(argument);
      Inode inode = lookup(image, path);
      if (inode.type() == FileType.DIRECTORY && !isDirectoryItself) {
        directories.add(new Pending(absolute(path), inode));
      } else {
        rows.add(path, inode);
      }
    }
    boolean isFirst = rows.isEmpty();
    boolean hasTitles = isRecursive || paths.size() > 1;
    rows.print(text);
    Set<Long> seen = new HashSet<>();
    while (!directories.isEmpty()) {
      Pending next = directories.pop();
      if (!seen.add(next.inode().nid()) && isRecursive) {
        throw new dev.aquifer.io.CorruptDataException(
            "%s: %s: is listed already under another name: directories have one"
                .formatted(image.name(), PathText.shown(next.path())));
      }
      if (hasTitles) {
        text.append(isFirst ? "" : "\n").append(PathText.shown(next.path())).append(":\n");
      }
      isFirst = false;
      List<Pending> below = new ArrayList<>();
      list(image, next, rows, below, text);
      below.reversed().forEach(directories::push);
      checkOut();
    }
    text.flush();
    return ExitCode.OK;
  }

  private void list(
      Image image, Pending directory, LongListing rows, List<Pending> below, PrintWriter text)
      throws IOException {
    image
        .directory(directory.inode())
        .forEach(
            entry -> {
              if (!isRecursive && !rows.isLong()) {
                rows.addName(entry.name());
              } else {
                add(image, directory, entry, rows, below);
              }
              if (rows.size() == LongListing.MAX_ROWS) {
                rows.print(text);
                checkOut();
              }
            });
    rows.print(text);
  }

  private void add(
      Image image, Pending directory, DirEntry entry, LongListing rows, List<Pending> below)
      throws IOException {
    Inode inode = image.inode(entry);
    byte[] name = entry.name();
    rows.add(name, inode);
    if (isRecursive && inode.type() == FileType.DIRECTORY) {
      below.add(new Pending(join(directory.path(), name), inode));
    }
  }

  private static byte[] join(byte[] parent, byte[] name) {
    int length = parent.length == 1 ? 0 : parent.length;
    byte[] path = new byte[length + 1 + name.length];
    System.arraycopy(parent, 0, path, 0, length);
    path[length] = '/';
    System.arraycopy(name, 0, path, length + 1, name.length);
    return path;
  }
}
