package dev.aquifer.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.aquifer.daemon.ControlClient;
import dev.aquifer.daemon.ControlClient.NoDaemonException;
import dev.aquifer.daemon.Daemon;
import dev.aquifer.daemon.Places;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Runs the daemon in the foreground. */
@CommandLine.Command(
    name = "daemon",
    description = "Run the daemon in the foreground. `aquifer mount` starts one by itself.")
final class DaemonCommand extends Command {
  private static final Duration STOP_LIMIT = Duration.ofMinutes(2);
  private static final Duration HAND_OVER_LIMIT = Duration.ofSeconds(30);
  private static final long POLL_MILLIS = 5;

  @Mixin DaemonPlaces places = new DaemonPlaces();

  @Option(
      names = "--stop",
      description =
          "End the daemon that runs, unmounting everything; refused if a mount is in use.")
  boolean stop;

  @Option(
      names = "--replace",
      description = "Take over from the daemon that runs, if any; no mount or reader notices.")
  boolean replace;

  @Option(
      names = "--unmount",
      description = "At the end, unmount what nobody uses. Without it mounts wait for a successor.")
  boolean unmount;

  @Option(names = BackgroundDaemon.REVIVED, hidden = true)
  boolean revived;

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
    try (Daemon daemon = open(at);
        OnSignal ignored = OnSignal.endWith(ExitCode.OK, daemon)) {
      if (unmount) {
        daemon.unmountAtEnd();
      }
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

  private Daemon open(Places at) throws IOException, InterruptedException {
    List<String> revive = revived ? BackgroundDaemon.command(at) : List.of();
    if (!replace) {
      return Daemon.open(at, revive);
    }
    try {
      JsonNode unused =
          new ControlClient(at.socket(), HAND_OVER_LIMIT).request("POST", "/v1/hand-over", null);
    } catch (NoDaemonException e) {
      return Daemon.open(at, revive);
    }
    long deadline = System.nanoTime() + HAND_OVER_LIMIT.toNanos();
    while (true) {
      try {
        return Daemon.open(at, revive);
      } catch (RefusedException e) {
        if (e.errno() != Errno.EBUSY || System.nanoTime() > deadline) {
          throw e;
        }
        Thread.sleep(POLL_MILLIS);
      }
    }
  }
}
