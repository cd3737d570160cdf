package dev.aquifer.cli;

import dev.aquifer.daemon.Daemon;
import dev.aquifer.mount.MountOptions;
import dev.aquifer.mount.MountSpec;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Mounts the demo's images by the kernel and runs programs from the mounts. */
final class DemoKernel implements DemoReader {
  private static final long RUN_LIMIT_SECONDS = 60;

  private final Scratch scratch;
  private final Daemon daemon;

  DemoKernel(Scratch scratch, Daemon daemon) {
    this.scratch = scratch;
    this.daemon = daemon;
  }

  @Override
  public String mode() {
    return "kernel";
  }

  @Override
  public String use(String url, String fsid, boolean isSecond)
      throws IOException, InterruptedException {
    Path target = scratch.directory("mnt/" + fsid);
    daemon.mount(
        new MountSpec(
            url, target, MountOptions.parse("domain_id=" + DemoCommand.DOMAIN + ",fsid=" + fsid)));
    String java = target.resolve("bin/java").toString();
    String version = run(java, "-version");
    if (!isSecond) {
      return "bin/java -version: " + version;
    }
    Path app = target.resolve("app");
    return run(
        java,
        "-cp",
        app.resolve("classes").toString(),
        DemoProgram.class.getName(),
        app.toString());
  }

  /** Runs a program of a mount; returns the first line that it prints. */
  private String run(String... command) throws IOException, InterruptedException {
    File output = scratch.directory("").resolve("output").toFile();
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(new File("/"))
            .redirectErrorStream(true)
            .redirectInput(new File("/dev/null"))
            .redirectOutput(output);
    builder.environment().keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"));
    Process process = scratch.start(builder);
    boolean isDone = process.waitFor(RUN_LIMIT_SECONDS, TimeUnit.SECONDS);
    List<String> lines =
        new ArrayList<>(java.nio.file.Files.readAllLines(output.toPath(), StandardCharsets.UTF_8));
    if (!isDone || process.exitValue() != 0 || lines.isEmpty()) {
      throw new IOException(
          "%s: %s: expected exit code 0; it printed %s"
              .formatted(
                  Arrays.toString(command),
                  isDone ? "exit code " + process.exitValue() : "does not end",
                  lines));
    }
    return lines.getFirst();
  }
}
