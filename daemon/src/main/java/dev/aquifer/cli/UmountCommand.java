package dev.aquifer.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Unmounts an image. */
@CommandLine.Command(name = "umount", description = "Unmount an image.")
final class UmountCommand extends Command {
  @Parameters(paramLabel = "DIR", description = "The mount point.")
  Path target = Path.of("");

  @Option(
      names = {"-l", "--lazy"},
      description = "Hide it at once, even if it is in use, and let go of it later.")
  boolean lazy;

  @Mixin DaemonPlaces places = new DaemonPlaces();

  @Override
  ExitCode failureCode() {
    return ExitCode.MOUNT_FAILED;
  }

  @Override
  ExitCode run() throws IOException {
    JsonNode answer = new DaemonCalls(places.get()).umount(target, lazy);
    out()
        .printf(
            "%s: unmounted%s%n",
            target,
            answer.path("state").asText().equals("lingering")
                ? "; its data is served until the last open file is closed"
                : "");
    return ExitCode.OK;
  }
}
