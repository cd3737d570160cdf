package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a daemon tries out before it replaces another one. */
@Tag("root")
class RehearsalTest {
  @Test
  void playsToItsEndAndLeavesNothing() throws IOException {
    List<Path> before = scratchDirectories();
    LogSetup.silence();
    try {
      assertThat(Rehearsal.run()).isTrue();
    } finally {
      LogSetup.forDaemon();
    }
    assertThat(scratchDirectories()).isEqualTo(before);
    assertThat(Files.readString(Path.of("/proc/self/mountinfo"))).doesNotContain(Rehearsal.PREFIX);
  }

  private static List<Path> scratchDirectories() throws IOException {
    try (Stream<Path> all =
        Stream.of(Path.of(System.getProperty("java.io.tmpdir")), Path.of("/var/tmp"))
            .flatMap(RehearsalTest::list)) {
      return all.filter(path -> path.getFileName().toString().startsWith(Rehearsal.PREFIX))
          .sorted()
          .toList();
    }
  }

  private static Stream<Path> list(Path directory) {
    try {
      return Files.list(directory);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
