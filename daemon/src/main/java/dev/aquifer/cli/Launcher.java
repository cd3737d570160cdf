package dev.aquifer.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** How this program is started again. */
final class Launcher {
  /** Set by the {@code aquifer} script to its own path. */
  static final String PROPERTY = "aquifer.launcher";

  private Launcher() {}

  /** The path of the script that started this process; empty if java was called directly. */
  static Optional<String> path() {
    return Optional.ofNullable(System.getProperty(PROPERTY)).filter(path -> !path.isEmpty());
  }

  /** The command line of a Java that runs this program's classes. */
  static List<String> javaCommand() {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:+UseSerialGC",
        "-Xmx256m",
        "--enable-native-access=ALL-UNNAMED",
        "-cp",
        System.getProperty("java.class.path"),
        Main.class.getName());
  }
}
