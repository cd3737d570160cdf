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

  @Mixin DaemonPlaces places = new DaemonPlaces();

  @Option(
      names = "--stop",
      description =
          "End the daemon that runs, unmounting everything; refused if a mount is in use.")
  boolean stop;

  @Option(
      names = "--replace",
      description =
          "Let a new daemon in the background take over from the one that runs; no reader notices.")
  boolean replace;

  @Option(
      names = "--unmount",
      description = "At the end, unmount what nobody uses. Without it mounts wait for a successor.")
  boolean unmount;

  @Option(names = BackgroundDaemon.BACKGROUND, hidden = true)
  boolean background;

  @Option(names = BackgroundDaemon.REPLACING, hidden = true)
  boolean replacing;

  @Override
  ExitCode run() throws IOException, FailedException, InterruptedException {
    Places at = places.get();
    if ((stop ? 1 : 0) + (replace ? 1 : 0) + (unmount ? 1 : 0) > 1) {
      throw new FailedException(
          ExitCode.USAGE, "--stop, --replace and --unmount: expected one of them");
    }
    if (stop) {
      return stop(at);
    }
    return replace ? replace(at) : serve(at);
  }

  private ExitCode replace(Places at) throws IOException, FailedException, InterruptedException {
    JsonNode old;
    try {
      old = new DaemonCalls(at).status();
    } catch (NoDaemonException e) {
      BackgroundDaemon.start(at);
      out().printf("daemon of %s: started, as none ran%n", at.runDir());
      return ExitCode.OK;
    }
    String cacheDir = old.path("cacheDir").asText();
    if (!cacheDir.equals(at.cacheDir().toString())) {
      throw new RefusedException(
          Errno.EINVAL,
          "%s: the daemon that runs has the cache in %s: expected the same: --cache-dir %s"
              .formatted(at.cacheDir(), cacheDir, cacheDir));
    }
    long pid = old.path("pid").asLong();
    BackgroundDaemon.replace(at, pid);
    out().printf("daemon of %s: process %d is replaced%n", at.runDir(), pid);
    return ExitCode.OK;
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
    if (replacing) {
      LogSetup.silence();
      boolean unused = Rehearsal.run();
    }
    LogSetup.forDaemon();
    try (Daemon daemon = open(at);
        OnSignal ignored = OnSignal.endWith(ExitCode.OK, daemon)) {
      if (unmount) {
        daemon.unmountAtEnd();
      }
      try {
        daemon.serve();
      } catch (IOException | RuntimeException e) {
        daemon.fail();
        throw e;
      }
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

  private Daemon open(Places at) throws IOException {
    List<String> revive = background ? BackgroundDaemon.command(at) : List.of();
    return replacing ? Daemon.replace(at, revive) : Daemon.open(at, revive);
  }
}
