package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Commands that are told to end while they write: nothing half written is left. */
class OnSignalTest {
  private static final int DATA_BYTES = 40 << 20;

  @TempDir Path scratch;
  private Path script;
  private Path source;
  private Path made;
  private Path output;

  @BeforeEach
  void makeSource() throws IOException {
    script = Program.script(Files.createDirectory(scratch.resolve("home")));
    source = Files.createDirectory(scratch.resolve("source"));
    made = Files.createDirectory(scratch.resolve("made"));
    output = scratch.resolve("output");
    byte[] data = new byte[DATA_BYTES];
    new Random(3).nextBytes(data);
    Files.write(source.resolve("data"), data);
  }

  /** Ends {@code command} once {@code moment} has come; it leaves {@code whole} or nothing. */
  private void end(String whole, BooleanSupplier moment, Object... command) throws Exception {
    Process process = Program.start(output, Map.of(), command);
    Program.await("the moment", () -> !process.isAlive() || moment.getAsBoolean());
    int exitCode = DaemonHome.end(process, "TERM");

    if (exitCode == 0) {
      // The moment was so late that it was done before the signal came.
      assertThat(left()).containsExactly(whole);
    } else {
      assertThat(exitCode).isEqualTo(143);
      assertThat(Files.readString(output)).isEmpty();
      assertThat(left()).isIn(List.of(), List.of(whole));
    }
  }

  @ParameterizedTest
  @Tag("slow")
  @ValueSource(strings = {"", "spool", "object", "bootstrap", "oci-layout"})
  void aBuildLeavesNothingOrAWholeImage(String file) throws Exception {
    end(
        "image",
        () ->
            left().stream()
                .anyMatch(name -> name.startsWith(".") && Files.exists(made(name, file))),
        script,
        "build",
        source,
        "-o",
        made.resolve("image"),
        "--compression",
        "none");

    if (!left().isEmpty()) {
      Program.Outcome again =
          Program.run(
              "build", source, "-o", made.resolve("again"), "--reuse", made.resolve("image"));
      assertThat(again.out()).contains("0 B new");
    }
  }

  @Test
  @Tag("slow")
  void anUnpackingLeavesNothing() throws Exception {
    Path image = scratch.resolve("image");
    Program.run("build", source, "-o", image, "--compression", "none");
    try (Stream<Path> objects = Files.list(image.resolve("blobs/sha256"))) {
      Path object = objects.filter(each -> each.toFile().length() > DATA_BYTES).findAny().get();
      end(
          "plain",
          () -> !left().isEmpty(),
          script,
          "unpack-blob",
          object,
          "-o",
          made.resolve("plain"));
    }
  }

  /** Puts its work in {@code args[0]} away slowly when it is interrupted. */
  static final class SlowCleanup {
    public static void main(String[] args) throws IOException {
      Path work = Path.of(args[0]);
      try (OnSignal ignored = OnSignal.interrupt(work.toString())) {
        Files.writeString(work, "");
        while (!Thread.currentThread().isInterrupted()) {
          LockSupport.park();
        }
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(500);
        while (System.nanoTime() < end) {
          Thread.onSpinWait();
        }
        Files.delete(work);
      }
      // As the program does at its end; it must not come so far.
      Runtime.getRuntime().halt(1);
    }
  }

  @Test
  void theProcessEndsByTheSignalWhenTheWorkIsPutAway() throws Exception {
    Path work = made.resolve("work");
    Process process =
        Program.start(
            output,
            Map.of(),
            Path.of(System.getProperty("java.home"), "bin/java"),
            "-cp",
            System.getProperty("java.class.path"),
            SlowCleanup.class.getName(),
            work);
    Program.await("the work", () -> !process.isAlive() || Files.exists(work));

    assertThat(DaemonHome.end(process, "INT")).as(Files.readString(output)).isEqualTo(130);
    assertThat(work).doesNotExist();
  }

  private Path made(String name, String file) {
    return made.resolve(name).resolve(file);
  }

  private List<String> left() {
    try (Stream<Path> entries = Files.list(made)) {
      return entries.map(path -> path.getFileName().toString()).toList();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
