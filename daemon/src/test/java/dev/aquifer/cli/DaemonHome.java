package dev.aquifer.cli;

import dev.aquifer.daemon.Places;
import dev.aquifer.mount.KernelFeatures;
import dev.aquifer.testing.Requires;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Places for a daemon of a test's own, on a disk; closing it ends the daemon and deletes
 * everything.
 */
final class DaemonHome implements Closeable {
  final Scratch scratch;
  final Path directory;
  final Places places;
  final Path aquifer;
  final Map<String, String> environment;

  private DaemonHome(Scratch scratch) throws IOException {
    this.scratch = scratch;
    this.directory = scratch.directory("");
    this.places = new Places(directory.resolve("run"), scratch.directory("cache"));
    this.aquifer = Program.script(scratch.directory("home"));
    this.environment =
        Map.of(
            Places.RUN_DIR,
            places.runDir().toString(),
            Places.CACHE_DIR,
            places.cacheDir().toString(),
            "AQUIFER_JAVA_HOME",
            System.getProperty("java.home"));
  }

  /** Makes one; skips the test where lazy mounts don't work. */
  static DaemonHome create() throws IOException {
    Requires.root();
    DaemonHome home = new DaemonHome(Scratch.create("aquifer-test-"));
    KernelFeatures features = KernelFeatures.probe(home.places.cacheDir());
    if (!features.isReady()) {
      home.close();
    }
    Requires.that(features.isReady(), String.valueOf(features.missing()));
    return home;
  }

  /** Runs the script to its end. */
  Program.Outcome run(Object... args) throws IOException, InterruptedException {
    Object[] command = new Object[args.length + 1];
    command[0] = aquifer;
    System.arraycopy(args, 0, command, 1, args.length);
    return Program.execute(directory, environment, command);
  }

  /** Runs any program to its end, in this directory and with this environment. */
  Program.Outcome execute(Object... command) throws IOException, InterruptedException {
    return Program.execute(directory, environment, command);
  }

  /** Starts the script; its output goes to the file {@code name}. */
  Process start(String name, Object... args) throws IOException {
    Object[] command = new Object[args.length + 1];
    command[0] = aquifer;
    System.arraycopy(args, 0, command, 1, args.length);
    Process process = Program.start(directory.resolve(name), environment, command);
    scratch.add(
        () -> {
          process.destroyForcibly();
          process.onExit().join();
        });
    return process;
  }

  /** Starts a daemon in the foreground and waits until it is ready. */
  Process startDaemon() throws IOException, InterruptedException {
    Process daemon = start("daemon.out", "daemon");
    Program.await("ready", () -> Program.has(directory.resolve("daemon.out"), "ready"));
    return daemon;
  }

  /** Sends a signal by process id and waits for the end. */
  static int end(Process process, String signal) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid())).start().waitFor();
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      throw new AssertionError("does not end by SIG" + signal);
    }
    return process.exitValue();
  }

  /** The daemon that a mount put in the background. */
  ProcessHandle background() {
    return ProcessHandle.of(places.ownerPid().orElseThrow()).orElseThrow();
  }

  /** Whether {@code aquifer status} prints {@code text}. */
  static boolean statusSays(DaemonHome home, String text) {
    try {
      return home.run("status").out().contains(text);
    } catch (IOException e) {
      throw new AssertionError(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  List<String> mounts() throws IOException {
    return Program.mountsBelow(directory);
  }

  @Override
  public void close() throws IOException {
    places
        .ownerPid()
        .flatMap(ProcessHandle::of)
        .filter(p -> p.pid() != ProcessHandle.current().pid())
        .ifPresent(
            process -> {
              process.destroy();
              process.onExit().orTimeout(60, TimeUnit.SECONDS).join();
            });
    for (String left : mounts()) {
      try {
        new ProcessBuilder("umount", "-l", left).start().waitFor();
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
    }
    scratch.close();
  }
}
