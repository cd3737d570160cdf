package dev.aquifer.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What mount(8) runs for the type {@code aquifer}: its "external helper" interface. */
@CommandLine.Command(
    name = "mount.aquifer",
    hidden = true,
    description = "What mount(8) calls for `mount -t aquifer` and for lines in fstab.",
    sortOptions = false)
final class MountHelperCommand extends Command {
  @Parameters(index = "0", paramLabel = "SOURCE", description = "As of `aquifer mount`.")
  String source = "";

  @Parameters(index = "1", paramLabel = "DIR", description = "The mount point.")
  String target = "";

  @Option(names = "-o", paramLabel = "OPTIONS", description = "As of `aquifer mount`.")
  List<String> options = new ArrayList<>();

  @Option(names = "-s", description = "Tolerate unknown options; none is tolerated.")
  boolean sloppy;

  @Option(names = "-f", description = "Only pretend.")
  boolean fake;

  @Option(names = "-n", description = "Don't write to mtab; it is never written to.")
  boolean noMtab;

  @Option(names = "-v", description = "Say what was mounted.")
  boolean verbose;

  @Option(names = "-N", paramLabel = "NAMESPACE", description = "Not supported.")
  @Nullable String namespace;

  @Option(names = "-t", paramLabel = "TYPE", description = "The type with its subtype.")
  @Nullable String type;

  @Mixin DaemonPlaces places = new DaemonPlaces();

  @Override
  ExitCode failureCode() {
    return ExitCode.MOUNT_FAILED;
  }

  @Override
  ExitCode run() throws IOException, FailedException, InterruptedException {
    if (namespace != null) {
      throw new FailedException(
          ExitCode.MOUNT_FAILED,
          target + ": the daemon mounts in its own mount namespace: leave -N out");
    }
    if (fake) {
      return ExitCode.OK;
    }
    var mount = new DaemonCalls(places.get()).mount(source, target, String.join(",", options));
    if (verbose) {
      out().printf("%s: mounted %s as %s%n", target, source, DaemonCalls.name(mount));
    }
    return ExitCode.OK;
  }
}
