package dev.aquifer.cli;

import dev.aquifer.daemon.ControlClient.NoDaemonException;
import dev.aquifer.daemon.ErrorText;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** The program's entry point: finds the command, runs it, tells an error in one line. */
public final class Main {
  private Main() {}

  /** Runs the command line in {@code args} and ends the process with its exit code. */
  public static void main(String[] args) {
    // In the locale "C" Java would print what is not ASCII as question marks.
    PrintWriter err =
        new PrintWriter(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
    int exitCode = run(args, new StandardOut(new FileOutputStream(FileDescriptor.out)), err);
    // Not System.exit: that asks for a logger first, and setting up logging takes far longer than
    // most commands. Whoever has a shutdown hook has done its work by now.
    Runtime.getRuntime().halt(exitCode);
  }

  /** Runs a command line in this process and returns its exit code. */
  static int run(String[] args, PrintWriter out, PrintWriter err) {
    boolean debug = Arrays.asList(args).contains("--debug");
    ExitCode exitCode;
    try {
      exitCode = execute(args, out, err);
      checkWritten(out);
    } catch (ParameterException e) {
      tell(err, e, usageText(e), debug);
      err.println("Try `" + helpFor(e.getCommandLine()) + "`.");
      exitCode = ExitCode.USAGE;
    } catch (FailedException e) {
      exitCode = e.exitCode();
      if (exitCode != ExitCode.READER_LEFT) {
        tell(err, e, String.valueOf(e.getMessage()), debug);
      }
    }
    out.flush();
    err.flush();
    return exitCode.number();
  }

  /** What could not be written to standard output is a failure, too. */
  private static void checkWritten(PrintWriter out) throws FailedException {
    out.flush();
    if (out instanceof StandardOut standard) {
      try {
        standard.check();
      } catch (StandardOut.ReaderLeft e) {
        throw new FailedException(ExitCode.READER_LEFT, "", e);
      } catch (IOException e) {
        throw new FailedException(ExitCode.FAILED, ErrorText.of(e), e);
      }
    }
  }

  private static ExitCode execute(String[] args, PrintWriter out, PrintWriter err)
      throws FailedException {
    Command plain = Commands.ofOperands(args, out, err);
    if (plain != null) {
      return run(plain);
    }
    CommandLine root = Commands.commandLine(args, out, err);
    ParseResult parsed = root.parseArgs(args);
    boolean wantsHelp = parsed.isUsageHelpRequested();
    while (parsed.hasSubcommand()) {
      parsed = parsed.subcommand();
      wantsHelp |= parsed.isUsageHelpRequested();
    }
    if (wantsHelp) {
      CommandLine asked = parsed.commandSpec().commandLine();
      (asked == root ? Commands.all(out, err) : asked).usage(out);
      return ExitCode.OK;
    }
    return run((Command) parsed.commandSpec().userObject());
  }

  private static ExitCode run(Command command) throws FailedException {
    try {
      return command.run();
    } catch (ParameterException | FailedException e) {
      throw e;
    } catch (NoDaemonException e) {
      throw new FailedException(
          ExitCode.UNAVAILABLE,
          ErrorText.of(e) + "; `aquifer mount` or `aquifer daemon` starts one",
          e);
    } catch (StandardOut.ReaderLeft e) {
      throw new FailedException(ExitCode.READER_LEFT, "", e);
    } catch (Throwable e) {
      throw new FailedException(command.failureCode(), ErrorText.of(e), e);
    }
  }

  private static void tell(PrintWriter err, Throwable error, String message, boolean debug) {
    err.println("aquifer: " + message);
    if (debug) {
      error.printStackTrace(err);
    }
  }

  private static String usageText(ParameterException error) {
    String message = String.valueOf(error.getMessage()).strip().replaceAll("\\s*\\R\\s*", "; ");
    return message.isEmpty()
        ? "bad usage"
        : Character.toLowerCase(message.charAt(0)) + message.substring(1);
  }

  private static String helpFor(CommandLine commandLine) {
    return commandLine.getParent() == null
        ? "aquifer help"
        : "aquifer help " + commandLine.getCommandName();
  }
}
