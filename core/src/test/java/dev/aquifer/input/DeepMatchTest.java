package dev.aquifer.input;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.FutureTask;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class DeepMatchTest {
  private static final String PATH = "directory/".repeat(100_000);

  /** In a thread whose stack is full before the path ends. */
  private static boolean onSmallStack(BooleanSupplier test) throws Exception {
    FutureTask<Boolean> task = new FutureTask<>(test::getAsBoolean);
    Thread thread = new Thread(null, task, "small", 256 << 10);
    thread.start();
    thread.join();
    return task.get();
  }

  @Test
  void matchesRepeatedGroupsInLongPaths() throws Exception {
    Pattern found = PosixRegex.compile("^([a-z]|/)*$");
    assertThat(onSmallStack(() -> DeepMatch.find(found, PATH))).isTrue();
    assertThat(onSmallStack(() -> DeepMatch.find(found, PATH + "1"))).isFalse();
    Pattern matched = Pattern.compile("(directory|/)*");
    assertThat(onSmallStack(() -> DeepMatch.matches(matched, PATH))).isTrue();
    assertThat(onSmallStack(() -> DeepMatch.matches(matched, PATH + "d"))).isFalse();
  }

  @Test
  void keepsAnInterrupt() {
    Pattern pattern = PosixRegex.compile("^(x|y)*$");
    Thread.currentThread().interrupt();
    assertThat(DeepMatch.find(pattern, "xy".repeat(100_000))).isTrue();
    assertThat(Thread.interrupted()).isTrue();
  }
}
