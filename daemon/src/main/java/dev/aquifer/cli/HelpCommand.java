package dev.aquifer.cli;

import picocli.CommandLine;
import picocli.CommandLine.Parameters;

/** Shows help. */
@CommandLine.Command(
    name = "help",
    description = "Show help: of a command, or of exit-codes.",
    sortOptions = false)
final class HelpCommand extends Command {
  private static final String EXIT_CODES = "exit-codes";

  @Parameters(arity = "0..1", paramLabel = "COMMAND", description = "A command, or exit-codes.")
  String topic = "";

  @Override
  ExitCode run() {
    CommandLine all = Commands.all(out(), err());
    CommandLine command = all.getSubcommands().get(topic);
    if (topic.isEmpty()) {
      all.usage(out());
    } else if (topic.equals(EXIT_CODES)) {
      for (ExitCode code : ExitCode.values()) {
        out().printf("%4d  %s%n", code.number(), code.meaning());
      }
    } else if (command != null) {
      command.usage(out());
    } else {
      throw usage("no help on '" + topic + "': there is no such command");
    }
    return ExitCode.OK;
  }
}
