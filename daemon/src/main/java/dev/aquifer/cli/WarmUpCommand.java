package dev.aquifer.cli;

import dev.aquifer.build.BuildOptions;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.daemon.Daemon;
import dev.aquifer.daemon.ErrorText;
import dev.aquifer.daemon.Places;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine;

/**
 * Does a little of everything, so that the JVM sees which classes start-up needs: the {@code
 * aquifer} script records this run as its start-up cache. Leaves nothing behind.
 */
@CommandLine.Command(
    name = "warm-up",
    hidden = true,
    description = "Do a little of everything, to record a start-up cache.")
final class WarmUpCommand extends Command {
  @Override
  ExitCode run() throws IOException {
    Scratch scratch = Scratch.create("aquifer-warm-up-");
    try (OnSignal ignored = OnSignal.close(scratch);
        scratch) {
      Path source = scratch.directory("source");
      Files.writeString(source.resolve("file"), "data".repeat(5000));
      step("help", () -> inner("help"));
      step("build", () -> build(source, scratch.directory("images").resolve("image")));
      step("daemon", () -> serve(scratch));
    }
    return ExitCode.OK;
  }

  private interface Step {
    void run() throws Exception;
  }

  // Where something is missing (root, a kernel feature) the rest is still worth recording.
  private void step(String name, Step step) {
    try {
      step.run();
    } catch (Exception e) {
      out().printf("%s: %s%n", name, ErrorText.of(e));
    }
  }

  private static void build(Path source, Path image) throws IOException {
    try (LinuxTree tree = LinuxTree.open(source)) {
      ImageBuilder.build(tree, image, List.of(), BuildOptions.defaults());
    }
  }

  private void serve(Scratch scratch) throws IOException {
    LogSetup.forDaemon();
    Places places = new Places(scratch.directory("run"), scratch.directory("cache"));
    try (Daemon daemon = scratch.add(Daemon.open(places, List.of()))) {
      daemon.unmountAtEnd();
      daemon.serve();
      String image = scratch.directory("images").resolve("image").toString();
      String target = scratch.directory("mnt").toString();
      String[] at = {"--run-dir", places.runDir().toString()};
      inner("mount", image, target, "-o", "fsid=warm-up", at[0], at[1]);
      inner("status", at[0], at[1]);
      inner("status", "--json", at[0], at[1]);
      inner("umount", target, at[0], at[1]);
    }
  }

  private static void inner(String... args) {
    PrintWriter nowhere = new PrintWriter(new StringWriter());
    Main.run(args, nowhere, nowhere);
  }
}
