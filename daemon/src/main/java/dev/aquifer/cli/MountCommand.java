package dev.aquifer.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Mounts an image. */
@CommandLine.Command(
    name = "mount",
    description = "Mount an image; its data is fetched when it is read.",
    sortOptions = false,
    footer = {
      "",
      "Options after -o:",
      "  domain_id=NAME  share fetched data with the other mounts of this domain",
      "  fsid=NAME       the mount's name in its domain; default: made from DIR",
      "  device=PATH     a blob of an image made by mkfs.erofs; once for each, in order",
      "  mirror=URL      another place that has the same image; asked when SOURCE fails",
      "  prefetch=WHAT   0, a size such as 8M, or all: what is fetched ahead of readers",
      "  ro, nosuid, nodev, noexec and other options of mount(8)"
    })
final class MountCommand extends Command {
  @Parameters(
      index = "0",
      paramLabel = "SOURCE",
      description = "A URL or directory of an image layout, or an EROFS image file.")
  String source = "";

  @Parameters(index = "1", paramLabel = "DIR", description = "The mount point.")
  String target = "";

  @Option(names = "-o", paramLabel = "OPTIONS", description = "Mount options, comma-separated.")
  List<String> options = new ArrayList<>();

  @Mixin DaemonPlaces places = new DaemonPlaces();

  @Override
  ExitCode failureCode() {
    return ExitCode.MOUNT_FAILED;
  }

  @Override
  ExitCode run() throws IOException, FailedException, InterruptedException {
    JsonNode mount = new DaemonCalls(places.get()).mount(source, target, String.join(",", options));
    out()
        .printf(
            "%s: mounted %s as %s%n",
            mount.path("target").asText(), mount.path("source").asText(), DaemonCalls.name(mount));
    return ExitCode.OK;
  }
}
