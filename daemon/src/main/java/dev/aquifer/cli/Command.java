package dev.aquifer.cli;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A command: its fields are options and parameters, {@link #run} does the work. */
abstract class Command {
  /** Null where the parser was not needed. */
  @Spec @Nullable CommandSpec spec;

  @SuppressWarnings("NullAway.Init")
  private PrintWriter out;

  @SuppressWarnings("NullAway.Init")
  private PrintWriter err;

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

  /** Says where its words go, before all else. */
  final void use(PrintWriter out, PrintWriter err) {
    this.out = out;
    this.err = err;
  }

  /**
   * Takes the words that follow the command's name, none of which is an option. Making a model and
   * parsing by it takes longer than much of what is done then.
   *
   * @return whether the command is ready to run; if not, the parser is asked
   */
  boolean takeOperands(List<String> operands) {
    return false;
  }

  final PrintWriter out() {
    return out;
  }

  final PrintWriter err() {
    return err;
  }

  /** Bad usage that picocli can't see by itself. */
  final ParameterException usage(String message) {
    CommandLine line = spec == null ? Commands.lineOf(this) : spec.commandLine();
    return new ParameterException(line, message);
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
