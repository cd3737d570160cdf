package dev.aquifer.cli;

import dev.aquifer.build.BlobUnpacker;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Turns a blob object into the plain blob. */
@CommandLine.Command(
    name = "unpack-blob",
    description =
        "Turn a blob object of an image into the plain blob, for `mount -t erofs -o device=...`.")
final class UnpackBlobCommand extends Command {
  @Parameters(paramLabel = "OBJECT", description = "The blob object: OUT/blobs/sha256/<digest>.")
  Path object = Path.of("");

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      required = true,
      description = "Where the plain blob goes.")
  Path output = Path.of("");

  @Option(names = "--force", description = "Replace a file that is at FILE.")
  boolean force;

  @Override
  ExitCode run() throws IOException {
    BlobUnpacker.Result result;
    try (OnSignal ignored = OnSignal.interrupt("unpacking", output)) {
      result = BlobUnpacker.unpack(object, output, null, force);
    }
    out().printf("%s: blob %s, %s%n", output, result.id(), ByteCount.text(result.plainBytes()));
    return ExitCode.OK;
  }
}
