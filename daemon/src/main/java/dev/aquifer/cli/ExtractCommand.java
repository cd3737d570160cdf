package dev.aquifer.cli;

import dev.aquifer.daemon.ErrorText;
import dev.aquifer.daemon.Places;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.linux.FileCalls;
import dev.aquifer.tool.Extractor;
import dev.aquifer.tool.PathText;
import dev.aquifer.tool.TarSink;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Extracts an image. */
@CommandLine.Command(
    name = "extract",
    description = "Extract an image to a directory or to a tar stream.",
    sortOptions = false,
    footer = {
      "",
      "Keeps owners (as root), modes, times with nanoseconds, extended attributes, hard links and holes.",
      "What could not be kept is counted on standard error. Nothing is written outside of DIR, whatever",
      "links the image has. After a failure DIR holds what was extracted until then."
    })
final class ExtractCommand extends ImageCommand {
  private static final int TAR_BUFFER_BYTES = 256 << 10;
  private static final int MAX_THREADS = 64;

  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "DIR",
      description = "Where the tree goes: an empty directory, or one that is made.")
  @Nullable Path directory;

  @Option(
      names = "--tar",
      paramLabel = "FILE",
      description = "Write a tar stream (pax) to FILE instead, or to standard output for -.")
  @Nullable String tar;

  @Option(
      names = "--path",
      paramLabel = "PATH",
      description = "The directory of the image that is extracted. Default: the root.")
  String start = "/";

  @Option(
      names = "--no-same-owner",
      description = "Leave owners and groups as they come, as for others than root.")
  boolean noSameOwner;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "How many threads write files. Default: 2.")
  int threads = 2;

  /** IMAGE DIR. */
  @Override
  boolean takeOperands(List<String> operands) {
    if (operands.size() != 2) {
      return false;
    }
    reference = operands.getFirst();
    try {
      directory = Path.of(operands.getLast());
    } catch (InvalidPathException e) {
      return false;
    }
    return true;
  }

  @Override
  ExitCode run(Image image) throws Exception {
    if ((directory == null) == (tar == null)) {
      throw usage("expected either DIR or --tar");
    }
    // Java takes it for the directory that the process is in, which nobody named.
    if (directory != null && directory.toString().isEmpty()) {
      throw usage("expected the name of a directory for DIR, as . for this one");
    }
    if (threads < 1 || threads > MAX_THREADS) {
      throw usage("--threads " + threads + ": expected 1 to " + MAX_THREADS);
    }
    byte[] path = absolute(path(start));
    Inode inode = lookupFollowing(image, path);
    if (inode.type() != FileType.DIRECTORY) {
      throw new FailedException(
          ExitCode.FAILED,
          "%s: %s: is a %s, no directory; `aquifer cat` reads a file"
              .formatted(reference, PathText.shown(path), inode.type()));
    }
    if (directory != null) {
      toDirectory(image, inode, directory);
    } else if (tar != null) {
      toTar(image, inode, tar);
    }
    return ExitCode.OK;
  }

  private void toDirectory(Image image, Inode inode, Path target)
      throws IOException, FailedException {
    makeTarget(target);
    LeftOut leftOut = new LeftOut();
    int root = FileCalls.open(LinuxTree.realPath(target), FileCalls.O_DIRECTORY);
    boolean withOwners = Places.isRoot() && !noSameOwner;
    try (OnSignal ignored = OnSignal.interrupt(target + ", which is not whole");
        Progress progress = Progress.of(err(), "extract");
        DirectorySink sink =
            new DirectorySink(
                target.toString(), root, withOwners, threads, leftOut, progress::add)) {
      Extractor.extract(image, inode, sink);
    } catch (IOException e) {
      throw new FailedException(
          ExitCode.FAILED,
          ErrorText.of(e) + "; " + target + " holds what was extracted until then",
          e);
    }
    tell(leftOut);
  }

  private void makeTarget(Path target) throws IOException, FailedException {
    if (!Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      Files.createDirectory(
          target,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      return;
    }
    directory(target);
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(target)) {
      if (entries.iterator().hasNext()) {
        throw new FailedException(
            ExitCode.FAILED, target + ": is not empty: extract to a new or an empty directory");
      }
    }
  }

  private void toTar(Image image, Inode inode, String file) throws IOException, FailedException {
    if (file.equals("-")) {
      try (OutputStream out = bytes().bytes()) {
        writeTar(image, inode, out);
      }
      return;
    }
    Path path = Path.of(file);
    boolean isNew = !Files.exists(path);
    try (OnSignal ignored = OnSignal.interrupt(file + ", which is not whole");
        OutputStream out = Files.newOutputStream(path)) {
      writeTar(image, inode, out);
    } catch (IOException | RuntimeException e) {
      if (isNew) {
        Files.deleteIfExists(path);
      }
      throw e;
    }
  }

  private void writeTar(Image image, Inode inode, OutputStream out) throws IOException {
    OutputStream buffered = new BufferedOutputStream(out, TAR_BUFFER_BYTES);
    LeftOut leftOut = new LeftOut();
    try (Progress progress = Progress.of(err(), "extract");
        TarSink sink = new TarSink(buffered, progress::add)) {
      Extractor.extract(image, inode, sink);
      for (long i = 0; i < sink.socketsLeftOut(); i++) {
        leftOut.add("sockets (tar has no form for them)");
      }
    }
    buffered.flush();
    tell(leftOut);
  }

  private void tell(LeftOut leftOut) {
    for (String line : leftOut.lines()) {
      err().println("aquifer: " + reference + ": " + line);
    }
  }
}
