package dev.aquifer.cli;

import dev.aquifer.daemon.ControlClient;
import dev.aquifer.daemon.Places;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Starts a daemon that outlives this process and its terminal. */
final class BackgroundDaemon {
  private static final Duration START_LIMIT = Duration.ofSeconds(30);
  private static final Duration HEALTH_LIMIT = Duration.ofSeconds(5);
  private static final long POLL_MILLIS = 10;
  private static final long MAX_LOG_BYTES = 16 << 20;

  /** The option of a daemon that nobody watches: who kills it finds another one soon. */
  static final String BACKGROUND = "--background";

  /** The option of a daemon that first has the one that runs hand over. */
  static final String REPLACING = "--replacing";

  private BackgroundDaemon() {}

  /**
   * Starts a daemon and returns when it answers; also when another process started it meanwhile.
   *
   * @throws FailedException if it does not answer within the limit; tells the log's last line
   */
  static void start(Places places) throws IOException, FailedException, InterruptedException {
    start(places, command(places), -1);
  }

  /** Starts one that takes over from the daemon with this process id; returns when it has. */
  static void replace(Places places, long pid)
      throws IOException, FailedException, InterruptedException {
    List<String> command = new ArrayList<>(command(places));
    command.add(REPLACING);
    start(places, command, pid);
  }

  private static void start(Places places, List<String> command, long otherPid)
      throws IOException, FailedException, InterruptedException {
    places.makeRunDir();
    Path log = places.log();
    if (Files.exists(log) && Files.size(log) > MAX_LOG_BYTES) {
      Files.move(log, log.resolveSibling("aquifer.log.1"), StandardCopyOption.REPLACE_EXISTING);
    }
    Process process =
        new ProcessBuilder(command)
            // Not in anybody's way: no directory, terminal or pipe of the caller stays in use.
            .directory(new File("/"))
            .redirectInput(new File("/dev/null"))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
            .start();
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    while (!answers(places, otherPid)) {
      boolean isGone = process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS);
      if (isGone && !isAnotherStarting(places)) {
        throw failed("ended", log);
      }
      if (isGone) {
        Thread.sleep(POLL_MILLIS);
      }
      if (System.nanoTime() > deadline) {
        throw failed("does not answer after " + START_LIMIT.toSeconds() + " s", log);
      }
    }
  }

  private static boolean answers(Places places, long otherPid) throws IOException {
    try {
      return new ControlClient(places.socket(), HEALTH_LIMIT)
              .request("GET", "/v1/health", null)
              .path("pid")
              .asLong()
          != otherPid;
    } catch (IOException e) {
      // There is none yet, or the one that is to be replaced is just ending.
      return false;
    }
  }

  // Ours was refused the run directory: by one that is about to answer.
  private static boolean isAnotherStarting(Places places) {
    return places.ownerPid().flatMap(ProcessHandle::of).map(ProcessHandle::isAlive).orElse(false);
  }

  /**
   * The daemon's command line, in a session of its own, so that no terminal's signal reaches it.
   */
  static List<String> command(Places places) {
    List<String> command = new ArrayList<>(List.of("setsid"));
    Optional<String> launcher = Launcher.path();
    if (launcher.isPresent()) {
      command.add(launcher.get());
    } else {
      command.addAll(Launcher.javaCommand());
    }
    command.addAll(
        List.of(
            "daemon",
            BACKGROUND,
            "--run-dir",
            places.runDir().toString(),
            "--cache-dir",
            places.cacheDir().toString()));
    return command;
  }

  private static FailedException failed(String how, Path log) throws IOException {
    List<String> lines = Files.readAllLines(log);
    String last = lines.isEmpty() ? "its log is empty" : lines.getLast();
    return new FailedException(
        ExitCode.UNAVAILABLE,
        "the daemon %s: %s (log: %s)".formatted(how, last.replaceFirst("^aquifer: ", ""), log));
  }
}
