package dev.aquifer.cli;

import dev.aquifer.image.Image;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.tool.Checker;
import dev.aquifer.tool.Finding;
import dev.aquifer.tool.JsonObject;
import java.io.IOException;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** Checks an image. */
@CommandLine.Command(
    name = "fsck",
    description = "Check an image; prints one line for each finding.",
    sortOptions = false,
    footer = {
      "",
      "Checks the superblock and its checksum, all inodes, names and their order, . and .., counts of",
      "links and inodes, extended attributes, targets, where data is, and that nothing lies on something",
      "else. Exits with 0 if all is well, 4 if the image is damaged, 1 if it could not be read or has",
      "something that this version can't check, 2 after bad usage."
    })
final class FsckCommand extends ImageCommand {
  @Option(names = "--data", description = "Read and decompress every byte, too.")
  boolean withData;

  @Option(
      names = "--json",
      description = "Print each finding as a JSON object in one line, and at the end a summary.")
  boolean json;

  @Override
  ExitCode run() throws Exception {
    try {
      return super.run();
    } catch (CorruptDataException e) {
      // Then the image could not even be opened.
      print(new Finding(Finding.Kind.SUPERBLOCK, null, null, String.valueOf(e.getMessage())));
      summary(new Checker.Result(0, 0, 1, 0));
      return ExitCode.DAMAGED;
    }
  }

  @Override
  ExitCode run(Image image) throws IOException {
    Checker.Result result;
    try (Progress progress = Progress.of(err(), "fsck")) {
      result = Checker.check(image, withData, this::print, progress::add);
    }
    checkOut();
    summary(result);
    if (result.damages() > 0) {
      return ExitCode.DAMAGED;
    }
    return result.unsupported() > 0 ? ExitCode.FAILED : ExitCode.OK;
  }

  private void print(Finding finding) {
    if (json) {
      out().println(finding.json());
    } else {
      out().println(finding.kind().text() + ": " + finding.message());
    }
  }

  private void summary(Checker.Result result) {
    if (json) {
      JsonObject counts =
          new JsonObject()
              .put("damages", result.damages())
              .put("unsupported", result.unsupported())
              .put("inodes", result.inodes())
              .put("dataBytes", result.dataBytes());
      out().println(new JsonObject().put("summary", counts));
      return;
    }
    String verdict = "clean";
    if (result.damages() > 0) {
      verdict = "damaged, %d findings".formatted(result.damages());
    } else if (result.unsupported() > 0) {
      verdict = "%d things could not be checked".formatted(result.unsupported());
    }
    out()
        .printf(
            Locale.ROOT,
            "%s: %s: %d inodes, %s of data read%n",
            reference,
            verdict,
            result.inodes(),
            ByteCount.text(result.dataBytes()));
  }
}
