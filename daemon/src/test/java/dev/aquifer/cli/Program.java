package dev.aquifer.cli;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;

/** Runs the program as a user does: in this process, or by its script. */
final class Program {
  private static final Duration LIMIT = Duration.ofMinutes(3);

  private Program() {}

  /** How a run ended. */
  record Outcome(int exitCode, String out, String err) {
    /** The lines on standard error. */
    List<String> errors() {
      return err.lines().toList();
    }
  }

  /** Runs a command in this process. */
  static Outcome run(Object... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    StringWriter err = new StringWriter();
    String[] words = Arrays.stream(args).map(Object::toString).toArray(String[]::new);
    int exitCode = Main.run(words, new StandardOut(out), new PrintWriter(err, true));
    return new Outcome(exitCode, out.toString(StandardCharsets.UTF_8), err.toString());
  }

  /**
   * A copy of the checkout's script in {@code home} that runs the classes under test. The
   * checkout's own would build a jar of its own while Maven builds here.
   */
  static Path script(Path home) throws IOException {
    Path checkout = checkout();
    Path target = Files.createDirectories(home.resolve("daemon/target"));
    Files.createDirectories(home.resolve("bin"));
    for (String file : List.of("bin/find-jdk.sh", "bin/jit.json")) {
      copy(checkout.resolve(file), home.resolve(file));
    }
    copy(checkout.resolve("aquifer"), home.resolve("aquifer"));
    Manifest manifest = new Manifest();
    Attributes attributes = manifest.getMainAttributes();
    attributes.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    attributes.put(Attributes.Name.MAIN_CLASS, Main.class.getName());
    attributes.put(new Attributes.Name("Enable-Native-Access"), "ALL-UNNAMED");
    attributes.put(
        Attributes.Name.CLASS_PATH,
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .map(path -> Path.of(path).toUri().toString())
            .collect(Collectors.joining(" ")));
    Path jar = target.resolve("aquifer-daemon-test.jar");
    try (OutputStream file = Files.newOutputStream(jar)) {
      new JarOutputStream(file, manifest).close();
    }
    Path ready = Files.createFile(target.resolve("aquifer.ready"));
    Files.setLastModifiedTime(ready, FileTime.from(Instant.now().plusSeconds(5)));
    return home.resolve("aquifer");
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.copy(from, to, StandardCopyOption.COPY_ATTRIBUTES);
  }

  /** The root of the source checkout. */
  static Path checkout() {
    Path at = Path.of("").toAbsolutePath();
    while (!Files.exists(at.resolve("aquifer"))) {
      at = at.getParent();
    }
    return at;
  }

  /** Starts a process; its output goes to {@code output}. */
  static Process start(Path output, Map<String, String> environment, Object... command)
      throws IOException {
    ProcessBuilder builder = builder(command);
    builder.environment().putAll(environment);
    return builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
  }

  // Whoever started the tests may ignore SIGINT, as shells do for what they put in the background;
  // a child would inherit that.
  private static ProcessBuilder builder(Object... command) {
    List<String> words = new ArrayList<>(List.of("env", "--default-signal=INT"));
    Arrays.stream(command).map(Object::toString).forEach(words::add);
    return new ProcessBuilder(words).redirectInput(new File("/dev/null"));
  }

  /** Runs a process to its end. */
  static Outcome execute(Path scratch, Map<String, String> environment, Object... command)
      throws IOException, InterruptedException {
    Path out = Files.createTempFile(scratch, "out", null);
    Path err = Files.createTempFile(scratch, "err", null);
    ProcessBuilder builder = builder(command);
    builder.environment().putAll(environment);
    Process process =
        builder
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .directory(scratch.toFile())
            .start();
    if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError(
          Arrays.toString(command)
              + " does not end: "
              + Files.readString(out)
              + Files.readString(err));
    }
    return new Outcome(process.exitValue(), Files.readString(out), Files.readString(err));
  }

  /** Waits until {@code condition} holds; fails after a while. */
  static void await(String what, BooleanSupplier condition) throws InterruptedException {
    Instant deadline = Instant.now().plus(LIMIT);
    while (!condition.getAsBoolean()) {
      if (Instant.now().isAfter(deadline)) {
        throw new AssertionError("waited in vain for: " + what);
      }
      Thread.sleep(10);
    }
  }

  /** Whether {@code file} has {@code text} in it. */
  static boolean has(Path file, String text) {
    try {
      return Files.exists(file) && Files.readString(file).contains(text);
    } catch (IOException e) {
      return false;
    }
  }

  /** The mount points below {@code directory}. */
  static List<String> mountsBelow(Path directory) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/mountinfo")).stream()
        .map(line -> line.split(" ")[4])
        .filter(point -> point.startsWith(directory + "/"))
        .toList();
  }
}
