package dev.aquifer.cli;

import dev.aquifer.daemon.ControlClient;
import dev.aquifer.daemon.Daemon;
import dev.aquifer.daemon.Places;
import java.io.IOException;
import java.time.Duration;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Runs the daemon in the foreground. */
@CommandLine.Command(
    name = "daemon",
    description = "Run the daemon in the foreground. `aquifer mount` starts one by itself.")
final class DaemonCommand extends Command {
  private static final Duration STOP_LIMIT = Duration.ofMinutes(2);

  @Mixin DaemonPlaces places = new DaemonPlaces();

  @Option(
      names = "--stop",
      description =
          "End the daemon that runs, unmounting everything; refused if a mount is in use.")
  boolean stop;

  @Override
  ExitCode run() throws IOException, InterruptedException {
    return stop ? stop(places.get()) : serve(places.get());
  }

  private ExitCode stop(Places at) throws IOException {
    int count =
        new ControlClient(at.socket(), STOP_LIMIT)
            .request("POST", "/v1/shutdown", null)
            .path("unmounted")
            .asInt();
    out().printf("daemon of %s: ends, %d unmounted%n", at.runDir(), count);
    return ExitCode.OK;
  }

  private ExitCode serve(Places at) throws IOException, InterruptedException {
    LogSetup.forDaemon();
    try (Daemon daemon = Daemon.open(at);
        OnSignal ignored = OnSignal.endWith(ExitCode.OK, daemon)) {
      daemon.serve();
      String missing = daemon.features().missing();
      if (missing != null) {
        err().println("aquifer: " + missing);
      }
      out().printf("aquifer daemon: ready on %s, cache in %s%n", at.socket(), at.cacheDir());
      out().flush();
      daemon.awaitEnd();
    }
    return ExitCode.OK;
  }
}
