package dev.aquifer.mount;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.format.SpanCodec;
import dev.aquifer.testing.FaultyOrigin;
import dev.aquifer.testing.TestImage;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Random sequences of mounts, reads, unmounts, kills, orderly ends, collections of the cache and
 * faults of the origin, beside a model of what must be mounted then, and what each mount may
 * answer.
 */
@Tag("root")
@Tag("slow")
@Timeout(value = 240, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RandomWalkTest {
  private static final int STEPS = 60;
  private static final int PAGE = 4096;

  @RegisterExtension static final MountRoot ROOT = new MountRoot();

  private final Map<String, byte[]> contents = new HashMap<>();

  /** By mount point: image, domain ("" for none) and fsid. */
  private final Map<Path, Mounted> model = new TreeMap<>();

  private record Mounted(String image, String domain, String fsid) {}

  private FaultyOrigin origin;
  private boolean isOriginGone;
  private Process daemon;
  private BufferedReader answers;
  private PrintStream wishes;

  @BeforeEach
  void open() throws Exception {
    for (String image : List.of("one", "two")) {
      Path tree = ROOT.make("tree-" + image);
      byte[] noise = TestImage.noise(image.hashCode(), 600_000);
      contents.put(image, noise);
      Files.write(tree.resolve("noise"), noise);
      RawErofs.make(tree, ROOT.make("raw-" + image), 4096)
          .toImage(ROOT.make("images").resolve(image), 14, SpanCodec.PLAIN);
    }
    origin = FaultyOrigin.serve(ROOT.directory().resolve("images"));
    start();
  }

  @AfterEach
  void close() throws Exception {
    daemon.destroyForcibly();
    assertThat(daemon.waitFor(30, TimeUnit.SECONDS)).isTrue();
    origin.close();
    Path group = ROOT.directory().resolve("run/group");
    if (Files.exists(group)) {
      int keeper = SavedState.read(group, SavedGroup.class).keeperPid();
      Run.program("kill", "-9", Integer.toString(keeper));
    }
  }

  private void start() throws IOException {
    daemon =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xmx100m",
                "-cp",
                System.getProperty("java.class.path"),
                DaemonProcess.class.getName(),
                ROOT.directory().resolve("cache").toString(),
                ROOT.directory().resolve("run").toString())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    answers =
        new BufferedReader(new InputStreamReader(daemon.getInputStream(), StandardCharsets.UTF_8));
    wishes = new PrintStream(daemon.getOutputStream(), true, StandardCharsets.UTF_8);
    assertThat(answers.readLine()).isEqualTo("ready");
  }

  private String ask(String wish) throws IOException {
    wishes.println(wish);
    return answers.readLine();
  }

  @RepeatedTest(3)
  void theModelHolds() throws Exception {
    long seed = System.nanoTime();
    System.out.println("RandomWalkTest: seed " + seed);
    Random random = new Random(seed);
    List<String> walk = new ArrayList<>();
    for (int i = 0; i < STEPS; i++) {
      String step = step(random);
      walk.add(step);
      String status =
          model.entrySet().stream()
              .map(entry -> entry.getKey() + "=" + entry.getValue().fsid())
              .reduce((a, b) -> a + " " + b)
              .orElse("");
      assertThat(ask("status")).as("seed %d: %s", seed, walk).isEqualTo(status);
    }
    heal();
    for (Path target : List.copyOf(model.keySet())) {
      read(random, target);
      assertThat(ask("umount " + target)).as("seed %d: %s", seed, walk).isEqualTo("ok");
    }
    assertThat(ask("status")).isEmpty();
    wishes.close();
    assertThat(daemon.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(ROOT.directory().resolve("run/group")).doesNotExist();
    assertThat(MountTable.read().entries())
        .noneMatch(entry -> Path.of(entry.target()).startsWith(ROOT.directory()));
  }

  private String step(Random random) throws Exception {
    List<Path> targets = List.copyOf(model.keySet());
    Path any = targets.isEmpty() ? null : targets.get(random.nextInt(targets.size()));
    return switch (random.nextInt(13)) {
      case 0, 1, 2, 3 -> mount(random);
      case 4, 5, 6 -> any == null ? "-" : read(random, any);
      case 7 -> any == null ? "-" : umount(any);
      case 8, 9 -> {
        daemon.destroyForcibly();
        assertThat(daemon.waitFor(30, TimeUnit.SECONDS)).isTrue();
        start();
        yield "kill";
      }
      case 10 -> {
        wishes.close();
        assertThat(daemon.waitFor(60, TimeUnit.SECONDS)).isTrue();
        start();
        yield "end";
      }
      case 11 -> {
        assertThat(ask("gc")).isEqualTo("ok");
        yield "gc";
      }
      default -> {
        if (isOriginGone) {
          heal();
        } else {
          isOriginGone = true;
          origin.fault(FaultyOrigin.any(), answer -> answer.status = 404);
        }
        yield isOriginGone ? "origin gone" : "origin back";
      }
    };
  }

  private void heal() {
    isOriginGone = false;
    origin.heal();
  }

  private String mount(Random random) throws IOException {
    Path target = ROOT.make("m" + random.nextInt(4));
    Mounted wish =
        new Mounted(
            random.nextBoolean() ? "one" : "two",
            List.of("", "d", "e").get(random.nextInt(3)),
            "f" + random.nextInt(3));
    String options =
        "prefetch=0,fsid="
            + wish.fsid()
            + (wish.domain().isEmpty() ? "" : ",domain_id=" + wish.domain());
    String answer =
        ask("mount " + origin.url() + "/" + wish.image() + " " + target + " " + options);
    boolean isTaken =
        model.values().stream()
            .anyMatch(m -> m.domain().equals(wish.domain()) && m.fsid().equals(wish.fsid()));
    String what = "mount " + target.getFileName() + " " + wish;
    if (model.containsKey(target)) {
      assertThat(answer).as(what).isEqualTo("EBUSY");
    } else if (isTaken) {
      assertThat(answer).as(what).isEqualTo(wish.domain().isEmpty() ? "EBUSY" : "EEXIST");
    } else if (isOriginGone) {
      assertThat(answer).as(what).isEqualTo("ENOBUFS");
    } else {
      assertThat(answer).as(what).isEqualTo("ok");
      model.put(target, wish);
    }
    return what + ": " + answer;
  }

  /** By another process: this one waits for the daemon's answers. */
  private String read(Random random, Path target) throws Exception {
    byte[] content = contents.get(model.get(target).image());
    int page = random.nextInt(content.length / PAGE);
    Path copy = ROOT.directory().resolve("copy");
    Process dd =
        new ProcessBuilder(
                "dd",
                "if=" + target.resolve("noise"),
                "of=" + copy,
                "bs=" + PAGE,
                "count=1",
                "skip=" + page)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertThat(dd.waitFor(60, TimeUnit.SECONDS)).as("the reader ends").isTrue();
    if (dd.exitValue() == 0) {
      assertThat(Files.readAllBytes(copy))
          .isEqualTo(Arrays.copyOfRange(content, page * PAGE, (page + 1) * PAGE));
    } else {
      assertThat(isOriginGone).as("an error needs a reason").isTrue();
      assertThat(copy).isEmptyFile();
    }
    return "read " + target.getFileName() + " " + page + ": " + dd.exitValue();
  }

  private String umount(Path target) throws IOException {
    assertThat(ask("umount " + target)).isEqualTo("ok");
    model.remove(target);
    return "umount " + target.getFileName();
  }
}
