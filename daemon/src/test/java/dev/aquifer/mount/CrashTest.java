package dev.aquifer.mount;

import static dev.aquifer.mount.FanotifyServerTest.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.blob.CacheStore;
import dev.aquifer.blob.Domains;
import dev.aquifer.blob.Fetcher;
import dev.aquifer.format.SpanCodec;
import dev.aquifer.testing.FaultyOrigin;
import dev.aquifer.testing.TestImage;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A process that serves mounts is killed: its readers wait, or get an error, and never zeros. */
@Tag("root")
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CrashTest {
  @RegisterExtension static final MountRoot ROOT = new MountRoot();

  private final List<Process> processes = new ArrayList<>();
  private final CountDownLatch go = new CountDownLatch(1);
  private Path tree;
  private Path target;
  private Path run;
  private FaultyOrigin origin;

  @BeforeEach
  void open() throws Exception {
    tree = ROOT.make("tree");
    Files.write(tree.resolve("noise"), TestImage.noise(1, 4 << 20));
    RawErofs.make(tree, ROOT.make("raw"), 4096)
        .toImage(ROOT.make("images").resolve("one"), 16, SpanCodec.PLAIN);
    target = ROOT.make("mnt");
    run = ROOT.directory().resolve("run");
    origin = FaultyOrigin.serve(ROOT.directory().resolve("images"));
  }

  @AfterEach
  void end() throws Exception {
    go.countDown();
    for (Process process : processes) {
      process.destroyForcibly();
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    }
    origin.close();
    // Of a test that failed: nothing may hold the group, or the next test's readers wait for ever.
    for (Path file : StateFile.find(run)) {
      Run.program("kill", "-9", Integer.toString(StateFile.read(file).keeperPid()));
    }
  }

  private Process startServing() throws IOException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Xmx100m",
                "-cp",
                System.getProperty("java.class.path"),
                MountProcess.class.getName(),
                ROOT.directory().resolve("cache").toString(),
                run.toString(),
                origin.url() + "/one",
                target.toString(),
                "prefetch=0")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    processes.add(process);
    BufferedReader said =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    String line = said.readLine();
    while (line != null && !line.equals("mounted")) {
      line = said.readLine();
    }
    assertThat(line).isEqualTo("mounted");
    return process;
  }

  private Process startReader(String name, long offset) throws IOException {
    Process process =
        new ProcessBuilder(
                "dd",
                "if=" + target.resolve("noise"),
                "of=" + ROOT.directory().resolve(name),
                "bs=4096",
                "count=1",
                "skip=" + offset / 4096)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    processes.add(process);
    return process;
  }

  /** Waits until the kernel has the process wait: state D, "uninterruptible", killable though. */
  private static void awaitWaiting(Process reader) {
    await(
        "the reader waits",
        () -> {
          try {
            String stat = Files.readString(Path.of("/proc/" + reader.pid() + "/stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2) == 'D';
          } catch (IOException e) {
            throw new AssertionError("the reader ended", e);
          }
        });
  }

  private void stallBlobs() {
    origin.fault(
        FaultyOrigin.path("one/blobs/"),
        answer ->
            answer.beforeHeaders =
                () -> {
                  try {
                    go.await();
                  } catch (InterruptedException e) {
                    throw new AssertionError(e);
                  }
                });
  }

  private static void kill(Process process) throws InterruptedException {
    process.destroyForcibly();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
  }

  /** What a successor does, in this process. */
  private interface Work {
    void with(Mounts mounts) throws Exception;
  }

  private void asSuccessor(Work work) throws Exception {
    try (CacheStore store = CacheStore.open(ROOT.directory().resolve("cache"));
        Fetcher fetcher = new Fetcher();
        Mounts mounts = Mounts.open(new Domains(store, fetcher), run)) {
      work.with(mounts);
    }
  }

  private void assertMountsRight(Mounts mounts) throws IOException {
    MountStatus unused =
        mounts.mount(
            MountSpec.of(origin.url() + "/one", target.toString(), "prefetch=0", Path.of("/")));
    assertThat(target.resolve("noise")).hasSameBinaryContentAs(tree.resolve("noise"));
  }

  private int keeperPid() throws IOException {
    return StateFile.read(StateFile.find(run).get(0)).keeperPid();
  }

  @Test
  void readersOfAKilledProcessWaitForTheSuccessorAndGetNoZeros() throws Exception {
    Process serving = startServing();
    int keeper = keeperPid();
    stallBlobs();
    Process before = startReader("before", 0);
    awaitWaiting(before);

    kill(serving);
    Process after = startReader("after", 2 << 20);
    awaitWaiting(after);
    awaitWaiting(before);
    assertThat(ProcessHandle.of(keeper)).isPresent();
    go.countDown();
    origin.heal();

    asSuccessor(
        mounts -> {
          for (Process reader : List.of(before, after)) {
            assertThat(reader.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(reader.exitValue()).as("an error, not zeros").isNotZero();
          }
          assertThat(ROOT.directory().resolve("before")).isEmptyFile();
          assertThat(ROOT.directory().resolve("after")).isEmptyFile();
          assertThat(target).isEmptyDirectory();
          await("the old keeper is gone", () -> ProcessHandle.of(keeper).isEmpty());
          assertThat(StateFile.find(run)).noneMatch(file -> file.endsWith("mounts-" + keeper));
          assertMountsRight(mounts);
        });
    assertThat(StateFile.find(run)).isEmpty();
  }

  @Test
  void aFileThatIsStillOpenGetsErrorsAndNoZeros() throws Exception {
    Process serving = startServing();
    int keeper = keeperPid();
    byte[] page = new byte[4096];
    try (RandomAccessFile file = new RandomAccessFile(target.resolve("noise").toFile(), "r")) {
      file.readFully(page);
      kill(serving);

      asSuccessor(
          mounts -> {
            assertThat(target).isEmptyDirectory();
            assertThatThrownBy(
                    () -> {
                      file.seek(3 << 20);
                      file.readFully(new byte[4096]);
                    })
                .hasMessageContaining("Input/output error");
            // Its blob can't be filled as long as the old group is asked about it.
            assertThatThrownBy(() -> assertMountsRight(mounts))
                .hasMessageContaining("mount of an earlier daemon, which was killed: end them");
            assertThat(mounts.status()).isEmpty();
          });
      // Another successor, as long as the file is open.
      asSuccessor(
          mounts -> {
            assertThatThrownBy(() -> assertMountsRight(mounts))
                .hasMessageContaining("mount of an earlier daemon");
            file.close();
            await("the old group is let go", () -> !Files.exists(StateFile.path(run, keeper)));
            assertMountsRight(mounts);
          });
    }
    assertThat(page).isEqualTo(TestImage.noise(1, 4096));
    assertThat(StateFile.find(run)).isEmpty();
  }

  @Test
  void aKilledKeeperIsSaidAndCleanedUp() throws Exception {
    Process serving = startServing();
    int keeper = keeperPid();
    kill(serving);
    Run.ok("kill", "-9", Integer.toString(keeper));
    await("the keeper is gone", () -> ProcessHandle.of(keeper).isEmpty());

    asSuccessor(
        mounts -> {
          assertThat(target).isEmptyDirectory();
          assertMountsRight(mounts);
        });
    assertThat(StateFile.find(run)).isEmpty();
  }

  @Test
  void aMountThatIsBusyWhenTheProcessEndsKeepsItsReadersFromZeros() throws Exception {
    Process serving = startServing();
    int keeper = keeperPid();
    try (RandomAccessFile file = new RandomAccessFile(target.resolve("noise").toFile(), "r")) {
      file.readFully(new byte[4096]);

      serving.getOutputStream().close();
      assertThat(serving.waitFor(60, TimeUnit.SECONDS)).isTrue();

      assertThat(serving.exitValue()).isZero();
      assertThat(MountTable.read().topAt(target)).isNotNull();
      assertThat(ProcessHandle.of(keeper)).isPresent();
      Process reader = startReader("late", 3 << 20);
      awaitWaiting(reader);
      asSuccessor(
          mounts -> {
            assertThat(reader.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(reader.exitValue()).isNotZero();
            assertThat(ROOT.directory().resolve("late")).isEmptyFile();
            file.close();
            await("the old keeper is gone", () -> ProcessHandle.of(keeper).isEmpty());
            assertMountsRight(mounts);
          });
    }
  }

  @Test
  void anOrderlyEndLeavesNothing() throws Exception {
    Process serving = startServing();
    int keeper = keeperPid();

    serving.getOutputStream().close();

    assertThat(serving.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(ProcessHandle.of(keeper)).isEmpty();
    assertThat(MountTable.read().topAt(target)).isNull();
    assertThat(StateFile.find(run)).isEmpty();
  }
}
