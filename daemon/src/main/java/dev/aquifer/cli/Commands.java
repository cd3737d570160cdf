package dev.aquifer.cli;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.ParameterException;

/** All commands by name. Only the one that is called gets a model: models are slow to make. */
final class Commands {
  private static final int HELP_WIDTH = 96;
  private static final Map<String, Supplier<Command>> ALL = new LinkedHashMap<>();

  static {
    ALL.put("demo", DemoCommand::new);
    ALL.put("build", BuildCommand::new);
    ALL.put("dedupe-report", DedupeReportCommand::new);
    ALL.put("merge", MergeCommand::new);
    ALL.put("ls", LsCommand::new);
    ALL.put("tree", TreeCommand::new);
    ALL.put("find", FindCommand::new);
    ALL.put("stat", StatCommand::new);
    ALL.put("cat", CatCommand::new);
    ALL.put("extract", ExtractCommand::new);
    ALL.put("fsck", FsckCommand::new);
    ALL.put("diff", DiffCommand::new);
    ALL.put("dump", DumpCommand::new);
    ALL.put("manifest", ManifestCommand::new);
    ALL.put("origin", OriginCommand::new);
    ALL.put("mount", MountCommand::new);
    ALL.put("umount", UmountCommand::new);
    ALL.put("status", StatusCommand::new);
    ALL.put("verify", VerifyCommand::new);
    ALL.put("gc", GcCommand::new);
    ALL.put("daemon", DaemonCommand::new);
    ALL.put("unpack-blob", UnpackBlobCommand::new);
    ALL.put("install-mount-helper", InstallMountHelperCommand::new);
    ALL.put("mount.aquifer", MountHelperCommand::new);
    ALL.put("warm-up", WarmUpCommand::new);
    ALL.put("help", HelpCommand::new);
  }

  private Commands() {}

  /** The command that {@code args} call, if they are its name and operands that it can take. */
  static @Nullable Command ofOperands(String[] args, PrintWriter out, PrintWriter err) {
    Supplier<Command> named = args.length == 0 ? null : ALL.get(args[0]);
    if (named == null) {
      return null;
    }
    for (String arg : args) {
      // The parser reads a file of arguments for @.
      if (arg.startsWith("-") || arg.startsWith("@")) {
        return null;
      }
    }
    Command command = named.get();
    command.use(out, err);
    List<String> operands = Arrays.asList(args).subList(1, args.length);
    return command.takeOperands(operands) ? command : null;
  }

  /**
   * The command line with the one command that {@code args} name; without any, if they name none.
   */
  static CommandLine commandLine(String[] args, PrintWriter out, PrintWriter err) {
    CommandLine root = prepare(new RootCommand(), out, err);
    String name = firstWord(args);
    if (name != null) {
      Supplier<Command> command = ALL.get(name);
      if (command == null) {
        throw new ParameterException(root, "unknown command '" + name + "'");
      }
      root.addSubcommand(name, prepare(command.get(), out, err));
    }
    return root;
  }

  /** The command line of a command that was called without one. */
  static CommandLine lineOf(Command command) {
    CommandLine line = prepare(command, command.out(), command.err());
    CommandLine root = prepare(new RootCommand(), command.out(), command.err());
    root.addSubcommand(line.getCommandName(), line);
    return line;
  }

  /** The command line with every command, for help. */
  static CommandLine all(PrintWriter out, PrintWriter err) {
    CommandLine root = prepare(new RootCommand(), out, err);
    ALL.forEach((name, command) -> root.addSubcommand(name, prepare(command.get(), out, err)));
    return root;
  }

  private static CommandLine prepare(Command command, PrintWriter out, PrintWriter err) {
    command.use(out, err);
    CommandLine line = new CommandLine(command);
    UsageMessageSpec usage = line.getCommandSpec().usageMessage();
    usage.width(HELP_WIDTH);
    usage.autoWidth(false);
    return line.setOut(out).setErr(err).setUnmatchedOptionsArePositionalParams(false);
  }

  // Options before the command take no values, so the first word is the command.
  private static @Nullable String firstWord(String[] args) {
    for (String arg : args) {
      if (!arg.startsWith("-")) {
        return arg;
      }
    }
    return null;
  }
}
