package dev.aquifer.cli;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A command: its fields are options and parameters, {@link #run} does the work. */
abstract class Command {
  @Spec
  @SuppressWarnings("NullAway.Init")
  CommandSpec spec;

  @Option(names = "--debug", description = "Show the stack trace of an error.")
  boolean debug;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  boolean help;

  /** Does the work; what it throws is told in one line by {@link Main}. */
  abstract ExitCode run() throws Exception;

  /** The exit code when {@link #run} throws and nothing better is known. */
  ExitCode failureCode() {
    return ExitCode.FAILED;
  }

  final PrintWriter out() {
    return spec.commandLine().getOut();
  }

  final PrintWriter err() {
    return spec.commandLine().getErr();
  }

  /** Bad usage that picocli can't see by itself. */
  final ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  /** Checks that {@code path} is a directory. */
  final Path directory(Path path) throws FailedException {
    if (!Files.isDirectory(path)) {
      throw new FailedException(
          failureCode(), path + (Files.exists(path) ? ": is no directory" : ": no such directory"));
    }
    return path;
  }
}
