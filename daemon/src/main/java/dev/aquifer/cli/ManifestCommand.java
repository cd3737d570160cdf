package dev.aquifer.cli;

import dev.aquifer.image.Image;
import dev.aquifer.tool.Manifest;
import java.io.IOException;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** Prints the manifest of an image. */
@CommandLine.Command(
    name = "manifest",
    description = "Print one JSON line for each path of an image: all that Linux would show of it.",
    sortOptions = false)
final class ManifestCommand extends ImageCommand {
  @Option(names = "--no-data", description = "Read no file data: leave the digests out.")
  boolean noData;

  @Override
  ExitCode run(Image image) throws IOException {
    PrintWriter text = text();
    try (Progress progress = Progress.of(err(), "manifest")) {
      Manifest.write(
          image,
          !noData,
          line -> {
            text.append(line).append('\n');
            checkOut();
          },
          file -> progress.add(file.sizeBytes()));
    } finally {
      text.flush();
    }
    return ExitCode.OK;
  }
}
