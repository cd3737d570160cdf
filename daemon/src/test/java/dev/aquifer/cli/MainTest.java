package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MainTest {
  @TempDir Path scratch;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ''                            | no command given                                  | aquifer help
          frob                          | unknown command 'frob'                            | aquifer help
          --frob                        | unknown option: '--frob'                          | aquifer help
          status --frob                 | unknown option: '--frob'                          | aquifer help status
          build                         | missing required options                          | aquifer help build
          build /tmp                    | missing required option: '--output=OUT'           | aquifer help build
          build /tmp /var -o x          | unmatched argument at index 2: '/var'             | aquifer help build
          build /tmp -o x --compression lz4 | '--compression': 'lz4': expected none, zstd, or zstd:1 to zstd:19 | aquifer help build
          build /tmp -o x --compression zstd:99 | '--compression': 'zstd:99': expected none | aquifer help build
          build /tmp -o x --threads 0   | threads 0: expected 1 to 256                      | aquifer help build
          mount                         | missing required parameters: 'SOURCE', 'DIR'      | aquifer help mount
          mount /a                      | missing required parameter: 'DIR'                 | aquifer help mount
          umount                        | missing required parameter: 'DIR'                 | aquifer help umount
          status x                      | unmatched argument at index 1: 'x'                | aquifer help status
          origin --port x /tmp          | invalid value for option '--port': 'x' is not an int | aquifer help origin
          origin --port 65536 /tmp      | '--port': 65536: expected 0 to 65535              | aquifer help origin
          origin --delay -1 /tmp        | '--delay': -1: expected 0 to 3600000              | aquifer help origin
          unpack-blob x                 | missing required option: '--output=FILE'          | aquifer help unpack-blob
          help frob                     | no help on 'frob'                                 | aquifer help help
          """)
  void badUsageIsOneLineAndAHint(String command, String expected, String hint) {
    Object[] words = command.isEmpty() ? new Object[0] : (Object[]) command.split(" ");
    Program.Outcome outcome = Program.run(words);

    assertThat(outcome.exitCode()).isEqualTo(2);
    assertThat(outcome.out()).isEmpty();
    assertThat(outcome.errors()).hasSize(2);
    assertThat(outcome.errors().get(0)).startsWith("aquifer: ").contains(expected);
    assertThat(outcome.errors().get(1)).isEqualTo("Try `" + hint + "`.");
  }

  @Test
  void failuresAreOneLineWithTheDocumentedExitCode() throws IOException {
    Path file = Files.writeString(scratch.resolve("file"), "no blob");
    Path nowhere = scratch.resolve("nowhere");
    Path run = scratch.resolve("run");

    fails(1, nowhere + ": no such file or directory", "build", nowhere, "-o", scratch.resolve("x"));
    fails(
        1, file + ": is no tar archive: it has 7 bytes", "build", file, "-o", scratch.resolve("x"));
    fails(1, nowhere + "", "build", scratch, "-o", scratch + "x", "--reuse", nowhere);
    fails(1, file + "", "unpack-blob", file, "-o", scratch.resolve("x"));
    fails(1, nowhere + ": no such", "unpack-blob", nowhere, "-o", scratch.resolve("x"));
    fails(1, nowhere + ": no such directory", "origin", nowhere);
    fails(69, "no aquifer daemon runs here", "status", "--run-dir", run);
    fails(69, "no aquifer daemon runs here", "umount", nowhere, "--run-dir", run);
    fails(69, "no aquifer daemon runs here", "daemon", "--stop", "--run-dir", run);
    fails(32, "leave -N out", "mount.aquifer", "x", nowhere, "-N", "1", "-o", "ro");
    fails(1, file + ": is no link made by this command", "install-mount-helper", "--link", file);
    assertThat(Files.list(scratch)).containsExactly(file);
  }

  private static void fails(int exitCode, String expected, Object... command) {
    Program.Outcome outcome = Program.run(command);

    assertThat(outcome.err()).as(Arrays.toString(command)).contains(expected);
    assertThat(outcome.errors()).hasSize(1);
    assertThat(outcome.errors().get(0)).startsWith("aquifer: ").doesNotContain("Exception");
    assertThat(outcome.exitCode()).as(Arrays.toString(command)).isEqualTo(exitCode);
  }

  @Test
  void debugShowsTheStackTrace() {
    Program.Outcome before = Program.run("--debug", "build", "/nowhere", "-o", "x");
    Program.Outcome after = Program.run("build", "/nowhere", "-o", "x", "--debug");

    for (Program.Outcome outcome : List.of(before, after)) {
      assertThat(outcome.errors().get(0)).isEqualTo("aquifer: /nowhere: no such file or directory");
      assertThat(outcome.err()).contains("FailedException").contains("\tat dev.aquifer.cli.");
    }
  }

  @Test
  void helpListsTheCommandsButNotTheHiddenOnes() {
    Program.Outcome help = Program.run("help");

    assertThat(help.exitCode()).isZero();
    assertThat(help.out())
        .contains("demo", "build", "origin", "mount", "umount", "status", "daemon", "unpack-blob")
        .doesNotContain("warm-up")
        .doesNotContain("mount.aquifer  ");
    assertThat(Program.run("--help")).isEqualTo(help);
    assertThat(Program.run("-h")).isEqualTo(help);
  }

  @Test
  void eachCommandHasHelp() {
    for (String name :
        List.of(
            "demo",
            "build",
            "ls",
            "tree",
            "find",
            "stat",
            "cat",
            "extract",
            "fsck",
            "dump",
            "diff",
            "manifest",
            "origin",
            "mount",
            "umount",
            "status",
            "daemon",
            "dedupe-report",
            "unpack-blob")) {
      Program.Outcome help = Program.run("help", name);

      assertThat(help.exitCode()).isZero();
      assertThat(help.out()).startsWith("Usage: aquifer " + name + " ");
      assertThat(Program.run(name, "--help")).isEqualTo(help);
      assertThat(help.out().lines()).allMatch(line -> line.length() <= 100);
    }
  }

  @Test
  void theExitCodesAreTheOnesOfTheReadme() throws IOException {
    List<String> readme =
        Files.readAllLines(Program.checkout().resolve("README.md")).stream()
            .filter(line -> line.matches("\\| [0-9]+ \\|.*"))
            .toList();

    assertThat(
            Arrays.stream(ExitCode.values())
                .map(code -> "| %d | %s |".formatted(code.number(), code.meaning())))
        .isEqualTo(readme);
    Program.Outcome help = Program.run("help", "exit-codes");
    assertThat(help.out().lines()).hasSize(readme.size());
  }

  @Test
  void theVersionIsOneLine() {
    assertThat(Program.run("--version").out()).matches("aquifer [^\\n]+\\n");
  }

  @Test
  void helpBeforeACommandRunsNothing() {
    for (String option : new String[] {"--help", "-h"}) {
      Program.Outcome outcome = Program.run(option, "umount");

      assertThat(outcome.exitCode()).isZero();
      assertThat(outcome.out()).contains("Usage: aquifer umount");
      assertThat(outcome.err()).isEmpty();
    }
  }
}
