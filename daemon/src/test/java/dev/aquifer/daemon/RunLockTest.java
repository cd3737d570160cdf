package dev.aquifer.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunLockTest {
  @TempDir Path scratch;

  @Test
  void isHeldOnceAndFreeAgainAfterwards() throws IOException {
    Path file = scratch.resolve("lock");
    try (RunLock ignored = RunLock.take(file)) {
      assertThatThrownBy(() -> RunLock.take(file))
          .isInstanceOf(RefusedException.class)
          .hasMessageContaining(scratch.toString())
          .hasMessageContaining("(process " + ProcessHandle.current().pid() + ")");
    }
    RunLock.take(file).close();
    assertThat(file).exists();
  }
}
