package dev.aquifer.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** Makes {@code mount -t aquifer} work. */
@CommandLine.Command(
    name = "install-mount-helper",
    description = "Link /sbin/mount.aquifer to this program, for `mount -t aquifer` and fstab.")
final class InstallMountHelperCommand extends Command {
  @Option(names = "--remove", description = "Remove the link again.")
  boolean remove;

  @Option(
      names = "--link",
      paramLabel = "PATH",
      description = "The link. Default: ${DEFAULT-VALUE}, where mount(8) looks.")
  Path link = Path.of("/sbin/mount.aquifer");

  @Override
  ExitCode run() throws IOException, FailedException {
    if (Files.exists(link, LinkOption.NOFOLLOW_LINKS)) {
      if (!isOurs(link)) {
        throw new FailedException(
            ExitCode.FAILED, link + ": is no link made by this command: remove it by hand");
      }
      Files.delete(link);
      if (remove) {
        out().println(link + ": removed");
      }
    } else if (remove) {
      out().println(link + ": is not there");
    }
    if (!remove) {
      Path launcher =
          Path.of(
              Launcher.path()
                  .orElseThrow(
                      () ->
                          new FailedException(
                              ExitCode.FAILED,
                              "the path of the aquifer script is not known: call this command through it")));
      Files.createSymbolicLink(link, launcher);
      out().println(link + " -> " + launcher);
    }
    return ExitCode.OK;
  }

  /** Whether it leads to an aquifer script, this one or another. */
  private static boolean isOurs(Path link) throws IOException {
    return Files.isSymbolicLink(link) && Files.readSymbolicLink(link).endsWith("aquifer");
  }
}
