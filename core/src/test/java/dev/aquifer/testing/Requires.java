package dev.aquifer.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;

/**
 * What a test needs of the machine. Without it the test is skipped and says why; where the
 * environment has {@code REQUIRE_ROOT_TESTS=1}, as in CI, it fails instead.
 */
public final class Requires {
  private Requires() {}

  /** Requires that the tests run as root. */
  public static void root() {
    that(isRoot(), "needs root");
  }

  /** Requires a program of this name in a directory of {@code PATH}. */
  public static void tool(String name) {
    that(hasTool(name), "needs the program " + name + " on PATH");
  }

  /** Requires {@code condition}; {@code why} tells a reader what is missing. */
  public static void that(boolean condition, String why) {
    that(condition, why, "1".equals(System.getenv("REQUIRE_ROOT_TESTS")));
  }

  static void that(boolean condition, String why, boolean failInsteadOfSkip) {
    if (condition) {
      return;
    }
    if (failInsteadOfSkip) {
      Assertions.fail(why + " (REQUIRE_ROOT_TESTS=1, so this is no skip)");
    }
    Assumptions.abort(why);
  }

  static boolean hasTool(String name) {
    String path = System.getenv("PATH");
    if (path == null) {
      return false;
    }
    for (String directory : path.split(":")) {
      if (Files.isExecutable(Path.of(directory.isEmpty() ? "." : directory, name))) {
        return true;
      }
    }
    return false;
  }

  private static boolean isRoot() {
    try {
      return Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0);
    } catch (IOException e) {
      return false;
    }
  }
}
