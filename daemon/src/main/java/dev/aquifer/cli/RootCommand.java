package dev.aquifer.cli;

import picocli.CommandLine;
import picocli.CommandLine.Option;

/** The program itself. */
@CommandLine.Command(
    name = "aquifer",
    synopsisHeading = "",
    customSynopsis = "Usage: aquifer COMMAND [OPTIONS] [ARGUMENTS]",
    description = {
      "",
      "Builds, verifies and lazily mounts read-only EROFS images that share their data in domains.",
      ""
    },
    optionListHeading = "Options:%n",
    commandListHeading = "%nCommands:%n",
    footer = {
      "",
      "`aquifer help COMMAND` tells more of a command, `aquifer help exit-codes` what the exit codes mean."
    })
final class RootCommand extends Command {
  @Option(names = "--version", description = "Show the version.")
  boolean version;

  @Override
  ExitCode run() {
    if (!version) {
      throw usage("no command given");
    }
    String known = RootCommand.class.getPackage().getImplementationVersion();
    out().println("aquifer " + (known == null ? "(not packaged)" : known));
    return ExitCode.OK;
  }
}
