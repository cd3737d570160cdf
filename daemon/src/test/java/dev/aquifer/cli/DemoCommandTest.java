package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("slow")
class DemoCommandTest {
  private Scratch scratch;
  private Path temporary;
  private Path aquifer;
  private Map<String, String> environment;

  @BeforeEach
  void open() throws IOException {
    scratch = Scratch.create("aquifer-test-");
    temporary = scratch.directory("tmp");
    aquifer = Program.script(scratch.directory("home"));
    environment = new HashMap<>();
    environment.put("AQUIFER_JAVA_HOME", System.getProperty("java.home"));
    environment.put("AQUIFER_JAVA_OPTS", "-Djava.io.tmpdir=" + temporary);
  }

  @AfterEach
  void close() throws IOException {
    scratch.close();
  }

  private Program.Outcome demo(String... options) throws IOException, InterruptedException {
    Object[] command = Stream.concat(Stream.of(aquifer, "demo"), Stream.of(options)).toArray();
    return Program.execute(scratch.directory(""), environment, command);
  }

  private void nothingIsLeft() throws IOException {
    assertThat(Program.mountsBelow(temporary)).isEmpty();
    assertThat(Files.list(temporary)).isEmpty();
  }

  private static JsonNode json(Program.Outcome outcome) throws IOException {
    assertThat(outcome.exitCode()).as(outcome.out() + outcome.err()).isZero();
    return new ObjectMapper().readTree(outcome.out());
  }

  private static void plausible(JsonNode result) {
    long first = result.path("imageBytes").get(0).asLong();
    long second = result.path("imageBytes").get(1).asLong();

    assertThat(first).isGreaterThan(20 << 20);
    // The second image has 2 MiB of data that can't be compressed, and the first one's blob.
    assertThat(second).isGreaterThan(first + (2 << 20));
    assertThat(result.path("firstMountFetchedBytes").asLong()).isBetween(1L << 20, first);
    assertThat(result.path("secondMountFetchedBytes").asLong())
        .isBetween(1L << 20, result.path("firstMountFetchedBytes").asLong());
    assertThat(result.path("requests").asLong())
        .isEqualTo(
            result.path("firstMountRequests").asLong()
                + result.path("secondMountRequests").asLong());
    assertThat(result.path("cacheBytes").asLong()).isGreaterThan(1 << 20);
    assertThat(result.path("fullDownloadBytes").asLong()).isEqualTo(first + second);
  }

  @Test
  void readsBothImagesWithinTheProcess() throws Exception {
    JsonNode result = json(demo("--json", "--library"));

    assertThat(result.path("mountMode").asText()).isEqualTo("library");
    plausible(result);
    nothingIsLeft();
  }

  @Test
  @Tag("root")
  void mountsBothImagesAndRunsPrograms() throws Exception {
    DaemonHome.create().close();
    Program.Outcome outcome = demo();

    assertThat(outcome.exitCode()).as(outcome.out() + outcome.err()).isZero();
    assertThat(outcome.out())
        .contains("bin/java -version: ")
        .contains("4 files checked by " + temporary.toRealPath())
        .contains("fetched by the first mount", "fetched by the second mount")
        .contains("on disk in the cache", "full download of both");
    assertThat(outcome.err()).isEmpty();
    nothingIsLeft();
  }

  @Test
  @Tag("root")
  void interruptedWhileMountedItLeavesNothing() throws Exception {
    DaemonHome.create().close();
    Path output = scratch.directory("").resolve("output");
    Process demo = Program.start(output, environment, aquifer, "demo", "--json");
    Program.await("a mount", () -> !demo.isAlive() || !mounts().isEmpty());

    assertThat(DaemonHome.end(demo, "INT")).isEqualTo(130);
    nothingIsLeft();
    assertThat(Files.readString(output)).isEmpty();
  }

  @Test
  void interruptedWhileBuildingItLeavesNothing() throws Exception {
    Path output = scratch.directory("").resolve("output");
    Process demo = Program.start(output, environment, aquifer, "demo");
    Program.await("the build", () -> Program.has(output, "building"));

    assertThat(DaemonHome.end(demo, "TERM")).isEqualTo(143);
    nothingIsLeft();
  }

  private List<String> mounts() {
    try {
      return Program.mountsBelow(temporary);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
