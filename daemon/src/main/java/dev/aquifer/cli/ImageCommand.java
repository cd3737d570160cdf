package dev.aquifer.cli;

import dev.aquifer.image.ByteNames;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.nio.OpenedImage;
import dev.aquifer.tool.PathText;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Arrays;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** A command that reads one image; it needs no daemon and no root. */
abstract class ImageCommand extends Command {
  private static final int MAX_LINKS = 40;

  @Parameters(index = "0", paramLabel = "IMAGE", description = ImageOptions.IMAGE)
  String reference = "";

  @Mixin ImageOptions options = new ImageOptions();

  /** Does the work on the opened image. */
  abstract ExitCode run(Image image) throws Exception;

  @Override
  ExitCode run() throws Exception {
    if (options.offsetBytes < 0) {
      throw usage("invalid value for option '--offset': expected 0 or more");
    }
    try (OpenedImage opened = options.open(reference)) {
      return run(opened.image());
    }
  }

  /** The inode at a path that the user gave. */
  final Inode lookup(Image image, byte[] path) throws IOException, FailedException {
    String why;
    try {
      return image.lookup(path);
    } catch (NoSuchFileException e) {
      why = "no such file or directory";
    } catch (NotDirectoryException e) {
      why = "a name before the last is no directory";
    } catch (FileSystemLoopException e) {
      why = "too many symbolic links on the way";
    }
    throw new FailedException(
        failureCode(), "%s: %s: %s".formatted(reference, PathText.shown(path), why));
  }

  /** As {@link #lookup}; a link at the end of the path is followed, too. */
  final Inode lookupFollowing(Image image, byte[] path) throws IOException, FailedException {
    byte[] at = absolute(path);
    Inode inode = lookup(image, at);
    for (int links = 0; inode.type() == FileType.SYMBOLIC_LINK; links++) {
      if (links == MAX_LINKS) {
        throw new FailedException(
            failureCode(),
            "%s: %s: too many symbolic links".formatted(reference, PathText.shown(path)));
      }
      byte[] target = image.readLink(inode);
      at = target[0] == '/' ? target : inDirectoryOf(at, target);
      inode = lookup(image, at);
    }
    return inode;
  }

  private static byte[] inDirectoryOf(byte[] path, byte[] target) {
    int slash = path.length;
    while (path[slash - 1] != '/') {
      slash--;
    }
    byte[] joined = Arrays.copyOf(path, slash + target.length);
    System.arraycopy(target, 0, joined, slash, target.length);
    return joined;
  }

  /**
   * The bytes of a path argument; it may have bytes as {@code \xNN}, as the commands print them.
   */
  final byte[] path(String argument) {
    try {
      return ByteNames.toBytes(PathText.parse(argument));
    } catch (IllegalArgumentException e) {
      throw usage("'" + argument + "' is no path: " + e.getMessage());
    }
  }

  /** A path that begins with one slash and ends with none, for showing what is below it. */
  static byte[] absolute(byte[] path) {
    int from = 0;
    int to = path.length;
    while (from < to && path[from] == '/') {
      from++;
    }
    while (to > from && path[to - 1] == '/') {
      to--;
    }
    byte[] absolute = new byte[to - from + 1];
    absolute[0] = '/';
    System.arraycopy(path, from, absolute, 1, to - from);
    return absolute;
  }

  /** Standard output for much text; the caller flushes it at the end. */
  final PrintWriter text() {
    return out() instanceof StandardOut standard ? standard.buffered() : out();
  }

  /** Ends the command if nobody reads its output any more, or it can't be written. */
  final void checkOut() throws IOException {
    if (out() instanceof StandardOut standard) {
      standard.check();
    }
  }

  /** Standard output for bytes. */
  final StandardOut bytes() {
    if (out() instanceof StandardOut standard) {
      return standard;
    }
    throw new IllegalStateException("standard output takes no bytes");
  }
}
