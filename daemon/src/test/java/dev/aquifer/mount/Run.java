package dev.aquifer.mount;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** Programs that tests run. Each has a limit of time and is ended by its process id. */
final class Run {
  private Run() {}

  /** What a program said and how it ended. */
  record Result(int exit, String output) {}

  /** Runs a program to its end, two minutes at most; its output and errors together. */
  static Result program(String... command) throws IOException, InterruptedException {
    Path output = Files.createTempFile("aquifer-run", ".txt");
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
      process.getOutputStream().close();
      if (!process.waitFor(120, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new AssertionError(String.join(" ", command) + ": did not end in two minutes");
      }
      String text = new String(Files.readAllBytes(output), StandardCharsets.ISO_8859_1);
      return new Result(process.exitValue(), text);
    } finally {
      Files.delete(output);
    }
  }

  /** Runs a program that must succeed. */
  static String ok(String... command) throws IOException, InterruptedException {
    Result result = program(command);
    assertThat(result.exit()).as("%s: %s", String.join(" ", command), result.output()).isZero();
    return result.output();
  }
}
