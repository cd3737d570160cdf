package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.aquifer.testing.Requires;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The short form of {@code bench/chaos}: a daemon is killed under readers of every kind. */
@Tag("root")
@Tag("slow")
class ChaosTest {
  @Test
  void killsCostNobodyAByte() throws Exception {
    Requires.root();
    try (DaemonHome home = DaemonHome.create()) {
      Path chaos = Program.checkout().resolve("bench/chaos");
      Map<String, String> environment =
          Map.of(
              "SCRATCH",
              home.directory.toString(),
              "AQUIFER",
              home.aquifer.toString(),
              "AQUIFER_JAVA_HOME",
              System.getProperty("java.home"));

      Program.Outcome outcome =
          Program.execute(
              home.directory, environment, chaos, "--kills", "3", "--size", "48", "--json");

      assertThat(outcome.exitCode()).as(outcome.err() + outcome.out()).isZero();
      JsonNode result = new ObjectMapper().readTree(outcome.out());
      assertThat(result.path("kills").asInt()).isEqualTo(3);
      assertThat(result.path("reads").asInt()).isPositive();
      for (String zero : new String[] {"wrongBytes", "readerErrors", "stuckReaders", "warnings"}) {
        assertThat(result.path(zero).asInt(-1)).as(zero).isZero();
      }
    }
  }
}
