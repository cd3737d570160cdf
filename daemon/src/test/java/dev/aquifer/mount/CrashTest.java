package dev.aquifer.mount;

import static dev.aquifer.mount.FanotifyServerTest.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.blob.CacheStore;
import dev.aquifer.blob.Domains;
import dev.aquifer.blob.Fetcher;
import dev.aquifer.format.SpanCodec;
import dev.aquifer.linux.Descriptors;
import dev.aquifer.testing.FaultyOrigin;
import dev.aquifer.testing.TestImage;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A process that serves mounts is killed: its readers wait for the next one, and get no zeros. */
@Tag("root")
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CrashTest {
  @RegisterExtension static final MountRoot ROOT = new MountRoot();

  private final List<Process> processes = new ArrayList<>();
  private final CountDownLatch go = new CountDownLatch(1);
  private byte[] noise;
  private Path tree;
  private Path target;
  private Path run;
  private FaultyOrigin origin;
  private String path = System.getenv("PATH");

  @BeforeEach
  void open() throws Exception {
    tree = ROOT.make("tree");
    noise = TestImage.noise(1, 4 << 20);
    Files.write(tree.resolve("noise"), noise);
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
    if (Files.exists(run.resolve("group"))) {
      Run.program("kill", "-9", Integer.toString(keeperPid()));
    }
  }

  private Process start(String... failpoint) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
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
                "prefetch=0"));
    command.addAll(List.of(failpoint));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().put("PATH", path);
    Process process = builder.start();
    processes.add(process);
    return process;
  }

  private Process startServing(String... failpoint) throws IOException {
    Process process = start(failpoint);
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

  private void assertGot(String name, Process reader, int offset) throws Exception {
    assertThat(reader.waitFor(30, TimeUnit.SECONDS)).as(name + " ends").isTrue();
    assertThat(reader.exitValue()).as(name).isZero();
    assertThat(Files.readAllBytes(ROOT.directory().resolve(name)))
        .as(name)
        .isEqualTo(Arrays.copyOfRange(noise, offset, offset + 4096));
  }

  /** Reads something for the first time, and waits until the cache has it on record. */
  private void readAndAwaitRecord(String name, int offset) throws Exception {
    Path map;
    try (var files = Files.walk(ROOT.directory().resolve("cache"))) {
      map = files.filter(file -> file.endsWith("spans")).findFirst().orElseThrow();
    }
    byte[] before = Files.readAllBytes(map);
    assertGot(name, startReader(name, offset), offset);
    await("it is recorded", () -> !Arrays.equals(read(map), before));
  }

  private static byte[] read(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
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

  private void killKeeper(int keeper) throws Exception {
    Run.ok("kill", "-9", Integer.toString(keeper));
    await("the keeper is gone", () -> ProcessHandle.of(keeper).isEmpty());
  }

  /** What a successor does, in this process. */
  private interface Work {
    void with(Mounts mounts) throws Exception;
  }

  /** Runs a successor, which at its end unmounts what is there. */
  private void asSuccessor(Work work) throws Exception {
    try (CacheStore store = CacheStore.open(ROOT.directory().resolve("cache"));
        Fetcher fetcher = new Fetcher()) {
      Domains domains = new Domains(store, fetcher);
      try (Mounts mounts = Mounts.open(domains, run, List.of())) {
        work.with(mounts);
        assertThat(mounts.umountAll()).isEmpty();
        await("all is released", () -> domains.status().isEmpty());
      }
    }
    assertNothingLeft();
  }

  private void assertNothingLeft() throws IOException {
    assertThat(target).isEmptyDirectory();
    assertThat(run.resolve("group")).doesNotExist();
    try (var saved = Files.list(run.resolve("mounts"))) {
      assertThat(saved).isEmpty();
    }
  }

  private void assertAllIsRight() {
    assertThat(target.resolve("noise")).hasSameBinaryContentAs(tree.resolve("noise"));
  }

  private int keeperPid() throws IOException {
    return SavedState.read(run.resolve("group"), SavedGroup.class).keeperPid();
  }

  @Test
  void readersOfAKilledProcessGetTheirBytesFromItsSuccessor() throws Exception {
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
          assertGot("before", before, 0);
          assertGot("after", after, 2 << 20);
          assertThat(mounts.status()).hasSize(1);
          assertThat(mounts.status().get(0).target()).isEqualTo(target);
          assertThat(mounts.warnings().list()).isEmpty();
          await("the old keeper is gone", () -> ProcessHandle.of(keeper).isEmpty());
          assertThat(ProcessHandle.of(keeperPid())).isPresent();
          assertAllIsRight();
        });
  }

  @Test
  void anOpenFileGoesOn() throws Exception {
    Process serving = startServing();
    byte[] page = new byte[4096];
    try (RandomAccessFile file = new RandomAccessFile(target.resolve("noise").toFile(), "r")) {
      file.readFully(page);
      kill(serving);

      asSuccessor(
          mounts -> {
            file.seek(3 << 20);
            file.readFully(page);
            assertThat(page).isEqualTo(Arrays.copyOfRange(noise, 3 << 20, (3 << 20) + 4096));
            // Lazily unmounted, it is served until it is closed.
            assertThat(mounts.umount(target, true)).isNotNull();
            file.seek(1 << 20);
            file.readFully(page);
            assertThat(page).isEqualTo(Arrays.copyOfRange(noise, 1 << 20, (1 << 20) + 4096));
            file.close();
            await("it is dropped", () -> mounts.status().isEmpty());
          });
    }
  }

  static List<String> placesOfAMiss() {
    return List.of(
        "event-read",
        "journalled",
        "request-sent",
        "bytes-in",
        "verified",
        "written",
        "durable",
        "bit-set",
        "answered");
  }

  @ParameterizedTest
  @MethodSource("placesOfAMiss")
  void aProcessThatIsKilledInTheMiddleOfAMissCostsNoReaderItsBytes(String place) throws Exception {
    Process serving = startServing(place);
    Process reader = startReader("one", 1 << 20);
    assertThat(serving.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(serving.exitValue()).as("killed").isEqualTo(128 + 9);
    Process another = startReader("two", 0);

    asSuccessor(
        mounts -> {
          assertGot("one", reader, 1 << 20);
          assertGot("two", another, 0);
          assertThat(mounts.warnings().list()).isEmpty();
          // What a bit says is there must be: nothing is fetched again, and all is right.
          assertAllIsRight();
        });
  }

  @ParameterizedTest
  @MethodSource("placesOfAMount")
  void aProcessThatIsKilledWhileItMountsLeavesNothing(String place) throws Exception {
    Process serving = start(place);
    assertThat(serving.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(serving.exitValue()).as("killed").isEqualTo(128 + 9);

    asSuccessor(
        mounts -> {
          assertThat(mounts.status()).isEmpty();
          assertThat(mounts.warnings().list()).isEmpty();
          MountStatus unused =
              mounts.mount(
                  MountSpec.of(origin.url() + "/one", target.toString(), "", Path.of("/")));
          assertAllIsRight();
        });
  }

  static List<String> placesOfAMount() {
    return MountFailureTest.places();
  }

  @Test
  void oneKilledAfterTheOther() throws Exception {
    kill(startServing("journalled"));
    stallBlobs();
    Process reader = startReader("one", 1 << 20);
    for (int i = 0; i < 3; i++) {
      kill(startServing());
      awaitWaiting(reader);
    }
    go.countDown();
    origin.heal();

    asSuccessor(mounts -> assertGot("one", reader, 1 << 20));
  }

  @Test
  void anEventWhoseNumberIsInUseHoldsUpNobodyAtTheStart() throws Exception {
    Process serving = startServing();
    stallBlobs();
    Process reader = startReader("one", 1 << 20);
    await("it is noted", () -> notedEvent() >= 0);
    kill(serving);
    int number = notedEvent();
    assertThat(number).isGreaterThanOrEqualTo(LowNumbers.LIMIT);

    // Unless this process has it in use already, which does as well.
    boolean isOurs = Descriptors.reserve(number);
    try {
      Process another = startReader("two", 0);
      asSuccessor(
          mounts -> {
            // Both wait: the other event must not come with the number before this one is answered.
            assertThat(mounts.status()).hasSize(1);
            awaitWaiting(reader);
            awaitWaiting(another);
            Process third = startReader("three", 2 << 20);
            awaitWaiting(third);
            assertThat(notedEvents()).isEqualTo(1);
            go.countDown();
            assertGot("one", reader, 1 << 20);
            assertGot("two", another, 0);
            assertGot("three", third, 2 << 20);
          });
    } finally {
      if (isOurs) {
        Descriptors.close(number);
      }
    }
  }

  /** The number of the first event in the journal's slots, or -1. */
  private int notedEvent() {
    return noted().findFirst().orElse(-1);
  }

  private long notedEvents() {
    return noted().count();
  }

  private IntStream noted() {
    ByteBuffer journal = ByteBuffer.wrap(read(run.resolve("events")));
    return IntStream.range(0, Journal.MAX_FDS)
        .filter(number -> journal.getLong(12288 + 40 * number) != 0);
  }

  @Test
  void aReplacementThatDiesIsReplaced() throws Exception {
    Path revived = ROOT.directory().resolve("revived");
    try (CacheStore store = CacheStore.open(ROOT.directory().resolve("cache"));
        Fetcher fetcher = new Fetcher()) {
      Domains domains = new Domains(store, fetcher);
      Mounts mounts = Mounts.open(domains, run, List.of("/bin/sh", "-c", ": >'" + revived + "'"));
      MountStatus unused =
          mounts.mount(MountSpec.of(origin.url() + "/one", target.toString(), "", Path.of("/")));
      mounts.close(Mounts.End.HAND_OVER);
    }
    // Nobody takes over.
    await("the keeper starts another", () -> Files.exists(revived));
    asSuccessor(mounts -> assertAllIsRight());
  }

  @Test
  void whatIsThereCanBeReadWithoutTheOrigin() throws Exception {
    Process serving = startServing();
    readAndAwaitRecord("one", 1 << 20);
    kill(serving);
    origin.fault(FaultyOrigin.path("one/"), answer -> answer.status = 404);
    Run.ok("sh", "-c", "echo 3 > /proc/sys/vm/drop_caches");

    asSuccessor(
        mounts -> {
          assertGot("again", startReader("again", 1 << 20), 1 << 20);
          Process absent = startReader("absent", 3 << 20);
          assertThat(absent.waitFor(60, TimeUnit.SECONDS)).isTrue();
          assertThat(absent.exitValue()).as("an error, not zeros").isNotZero();
          origin.heal();
          assertAllIsRight();
        });
  }

  @Test
  void aMountWhoseProcessAndKeeperWereKilledIsPoisoned() throws Exception {
    Process serving = startServing();
    byte[] page = new byte[4096];
    try (RandomAccessFile file = new RandomAccessFile(target.resolve("noise").toFile(), "r")) {
      file.readFully(page);
      int keeper = keeperPid();
      kill(serving);
      killKeeper(keeper);
      // Nothing in user space can prevent that the kernel lets this one go on.
      file.seek(2 << 20);
      file.readFully(page);
      assertThat(page).containsOnly(0);

      asSuccessor(
          mounts -> {
            assertThat(mounts.warnings().list())
                .singleElement()
                .satisfies(
                    warning ->
                        assertThat(warning.text())
                            .startsWith(target.toString())
                            .contains("killed together with its keeper", "may have got zeros"));
            await("it is mounted anew", () -> !mounts.status().isEmpty());
            assertAllIsRight();
            // From now on what was open gives errors instead of zeros.
            file.seek(3 << 20);
            assertThatThrownBy(() -> file.readFully(page)).hasMessageContaining("Input/output");
            file.close();
            assertAllIsRight();
            assertThat(mounts.warnings().acknowledge()).isEqualTo(1);
            assertThat(mounts.warnings().list()).isEmpty();
          });
    }
  }

  /** Whoever is denied stays so, from daemon to daemon, until he lets go. */
  @Test
  void whoHasAPoisonedFileOpenNeverGetsZerosAgain() throws Exception {
    Process serving = startServing();
    try (RandomAccessFile file = new RandomAccessFile(target.resolve("noise").toFile(), "r")) {
      byte[] page = new byte[4096];
      file.readFully(page);
      int keeper = keeperPid();
      kill(serving);
      killKeeper(keeper);
      for (int successor = 1; successor <= 3; successor++) {
        int at = successor << 20;
        try (CacheStore store = CacheStore.open(ROOT.directory().resolve("cache"));
            Fetcher fetcher = new Fetcher();
            Mounts mounts = Mounts.open(new Domains(store, fetcher), run, List.of())) {
          await("it is mounted anew", () -> !mounts.status().isEmpty());
          assertThatThrownBy(
                  () -> {
                    file.seek(at);
                    file.readFully(page);
                  })
              .hasMessageContaining("Input/output");
          assertAllIsRight();
        }
      }
    }
    asSuccessor(mounts -> assertAllIsRight());
  }

  @Test
  void aPoisonedMountThatNobodyUsesKeepsItsCache() throws Exception {
    Process serving = startServing();
    readAndAwaitRecord("one", 0);
    int keeper = keeperPid();
    kill(serving);
    killKeeper(keeper);

    asSuccessor(
        mounts -> {
          await("it is mounted anew", () -> !mounts.status().isEmpty());
          long before = origin.bodyBytes("one/blobs/");
          assertGot("again", startReader("again", 0), 0);
          assertThat(origin.bodyBytes("one/blobs/")).isEqualTo(before);
          assertAllIsRight();
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"group", "mounts", "events"})
  void brokenStateIsPutAsideAndSaid(String what) throws Exception {
    Process serving = startServing();
    int keeper = keeperPid();
    kill(serving);
    Path file = run.resolve(what);
    if (what.equals("mounts")) {
      try (var saved = Files.list(file)) {
        file = saved.findFirst().orElseThrow();
      }
    }
    Files.writeString(file, "nonsense");

    try (CacheStore store = CacheStore.open(ROOT.directory().resolve("cache"));
        Fetcher fetcher = new Fetcher();
        Mounts mounts = Mounts.open(new Domains(store, fetcher), run, List.of())) {
      if (what.equals("events")) {
        assertAllIsRight();
      } else {
        assertThat(mounts.warnings().list()).isNotEmpty();
        assertThat(file.resolveSibling(file.getFileName() + ".unreadable")).exists();
        if (what.equals("mounts")) {
          assertThat(mounts.status()).isEmpty();
          // It is unknown what that mount reads, so its readers get errors.
          Process reader = startReader("one", 0);
          assertThat(reader.waitFor(30, TimeUnit.SECONDS)).isTrue();
          assertThat(reader.exitValue()).isNotZero();
        }
      }
      if (!what.equals("mounts")) {
        assertThat(mounts.umountAll()).isEmpty();
      }
    } finally {
      Run.program("kill", "-9", Integer.toString(keeper));
    }
    if (what.equals("mounts")) {
      // It is still to be seen, and nobody serves it: its readers must wait, not get zeros.
      Process late = startReader("late", 2 << 20);
      awaitWaiting(late);
      kill(late);
      int next = keeperPid();
      Run.ok("umount", target.toString());
      // A child of this process that nobody reaps.
      await("the keeper has ended", () -> stateOf(next) == 'Z');
    }
  }

  /** Such as for want of memory: whatever a keeper can't do, it goes on to hold the group. */
  @Test
  void aKeeperThatCanStartNothingHoldsOn() throws Exception {
    path = "/nonexistent";
    Process serving = startServing();
    int keeper = keeperPid();
    kill(serving);
    await("it has stopped itself", () -> stateOf(keeper) == 'T');
    Process reader = startReader("one", 1 << 20);
    awaitWaiting(reader);

    asSuccessor(mounts -> assertGot("one", reader, 1 << 20));
    await("the keeper is gone", () -> ProcessHandle.of(keeper).isEmpty());
  }

  private static char stateOf(int pid) {
    try {
      String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
      return stat.charAt(stat.lastIndexOf(')') + 2);
    } catch (IOException e) {
      throw new AssertionError("the process ended", e);
    }
  }

  @Test
  void anOrderlyEndLeavesTheMountToASuccessor() throws Exception {
    Process serving = startServing();
    int keeper = keeperPid();

    serving.getOutputStream().close();

    assertThat(serving.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(serving.exitValue()).isZero();
    assertThat(MountTable.read().topAt(target)).isNotNull();
    assertThat(ProcessHandle.of(keeper)).isPresent();
    Process reader = startReader("late", 3 << 20);
    awaitWaiting(reader);
    asSuccessor(
        mounts -> {
          assertGot("late", reader, 3 << 20);
          assertAllIsRight();
        });
  }

  @Test
  void aKeeperEndsByItselfWhenNothingIsMountedAnyMore() throws Exception {
    Process serving = startServing();
    int keeper = keeperPid();
    kill(serving);

    Run.ok("umount", target.toString());

    await("the keeper has ended", () -> ProcessHandle.of(keeper).isEmpty());
    asSuccessor(mounts -> assertThat(mounts.status()).isEmpty());
  }
}
