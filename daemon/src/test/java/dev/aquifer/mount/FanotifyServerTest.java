package dev.aquifer.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.Fanotify;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The event loop with a real kernel and a blob that does as it is told. */
@Tag("root")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FanotifyServerTest {
  private static final int FILE_BYTES = 3 << 20;

  @RegisterExtension static final MountRoot ROOT = new MountRoot();

  private final List<Closeable> open = new ArrayList<>();
  private Path tree;
  private RawErofs raw;
  private FakeBlob blob;
  private Fanotify group;
  private FanotifyServer server;
  private Path mountPoint;

  @BeforeEach
  void makeImage() throws Exception {
    tree = ROOT.make("tree");
    byte[] noise = new byte[FILE_BYTES];
    new Random(1).nextBytes(noise);
    Files.write(tree.resolve("noise"), noise);
    Files.write(tree.resolve("small"), new byte[] {1, 2, 3});
    raw = RawErofs.make(tree, ROOT.make("raw"), 4096);
    blob = keep(new FakeBlob(raw.blob(), ROOT.directory().resolve("lazy")));
    group = keep(Fanotify.open());
    Journal journal = keep(Journal.create(ROOT.directory().resolve("events")));
    server = keep(FanotifyServer.create(group, journal, "test-events"));
    server.start(true);
    mountPoint = ROOT.make("mnt");
  }

  @AfterEach
  void closeAll() throws IOException {
    for (Closeable resource : open.reversed()) {
      resource.close();
    }
  }

  private <T extends AutoCloseable> T keep(T resource) {
    open.add(
        () -> {
          try {
            resource.close();
          } catch (IOException | RuntimeException e) {
            throw e;
          } catch (Exception e) {
            throw new IOException(e);
          }
        });
    return resource;
  }

  private Closeable watchAndMount() throws IOException {
    return watchAndMount(List.of());
  }

  private Closeable watchAndMount(List<String> options) throws IOException {
    Closeable watch = keep(server.watch(blob, Prefetch.NONE));
    mount(options);
    return watch;
  }

  private void mount(List<String> options) throws IOException {
    int view = server.openWatched(blob.path());
    try {
      open.add(TestMount.of(raw.bootstrap(), List.of(view), options, mountPoint));
    } finally {
      Descriptors.close(view);
    }
  }

  private void assertReadsRight() throws IOException {
    assertThat(mountPoint.resolve("noise")).hasSameBinaryContentAs(tree.resolve("noise"));
    assertThat(mountPoint.resolve("small")).hasSameBinaryContentAs(tree.resolve("small"));
  }

  static void await(String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError(what + ": not within 30 s");
      }
      Thread.onSpinWait();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "directio", "cache_strategy=disabled"})
  void aReaderSeesWhatWasMissing(String option) throws Exception {
    watchAndMount(option.isEmpty() ? List.of() : List.of(option));

    assertReadsRight();

    assertThat(blob.asked).isNotEmpty();
    await("no reader waits", () -> server.waitingCount() == 0);
  }

  @Test
  void thisProcessMayReadFromItsOwnMountInVirtualThreads() throws Exception {
    watchAndMount();
    List<Thread> readers = new ArrayList<>();
    List<Throwable> failures = new java.util.concurrent.CopyOnWriteArrayList<>();
    for (int i = 0; i < 20; i++) {
      int number = i;
      readers.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      readAt(number * 150_000L);
                    } catch (Throwable e) {
                      failures.add(e);
                    }
                  }));
    }
    for (Thread reader : readers) {
      assertThat(reader.join(java.time.Duration.ofSeconds(60))).isTrue();
    }
    assertThat(failures).isEmpty();
  }

  private void readAt(long offset) throws IOException {
    ByteBuffer found = ByteBuffer.allocate(10_000);
    ByteBuffer expected = ByteBuffer.allocate(10_000);
    try (FileChannel mounted = FileChannel.open(mountPoint.resolve("noise"));
        FileChannel original = FileChannel.open(tree.resolve("noise"))) {
      readFully(mounted, found, offset);
      readFully(original, expected, offset);
    }
    // No message of ten thousand numbers.
    assertThat(java.util.Arrays.mismatch(found.array(), expected.array()))
        .as("first wrong byte of those at " + offset)
        .isEqualTo(-1);
  }

  private static void readFully(FileChannel file, ByteBuffer buffer, long offset)
      throws IOException {
    while (buffer.hasRemaining()) {
      assertThat(file.read(buffer, offset + buffer.position())).isPositive();
    }
  }

  @Test
  void whatIsPresentIsAllowedWithoutAsking() throws Exception {
    blob.ensure(0, blob.sizeBytes());
    blob.asked.clear();
    watchAndMount();

    assertReadsRight();

    assertThat(blob.asked).isEmpty();
    assertThat(server.incompleteCount()).isEqualTo(1);
  }

  @Test
  void aFailureIsAnErrorAndNeverZerosAndHeals() throws Exception {
    watchAndMount();
    blob.before =
        (offset, length) -> {
          throw new IOException("the origin is away");
        };

    assertThatThrownBy(() -> Files.readAllBytes(mountPoint.resolve("noise")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("Input/output error");
    blob.before = (offset, length) -> {};

    assertReadsRight();
  }

  @ParameterizedTest
  @ValueSource(strings = {"runtime", "error", "enospc", "einval"})
  void whateverIsThrownTheReaderIsAnswered(String kind) throws Exception {
    watchAndMount();
    blob.before =
        (offset, length) -> {
          switch (kind) {
            case "runtime" -> throw new IllegalStateException("unexpected");
            case "error" -> throw new StackOverflowError("unexpected");
            case "enospc" -> throw new IOException("No space left on device");
            default ->
                throw new dev.aquifer.io.RefusedException(
                    dev.aquifer.io.Errno.EINVAL, "an errno that no denial takes");
          }
        };

    assertThatThrownBy(() -> Files.readAllBytes(mountPoint.resolve("noise")))
        .isInstanceOf(IOException.class);

    await("no reader waits", () -> server.waitingCount() == 0);
  }

  @Test
  void otherReadersGoOnWhileOneWaits() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    blob.before =
        (offset, length) -> {
          asked.countDown();
          awaitLatch(go);
        };
    // The first pages are there, the rest is not.
    blob.before = (offset, length) -> {};
    blob.ensure(0, 1 << 20);
    watchAndMount(List.of("cache_strategy=disabled"));
    blob.before =
        (offset, length) -> {
          asked.countDown();
          awaitLatch(go);
        };
    Process slow = startReader(2 << 20);
    assertThat(asked.await(30, TimeUnit.SECONDS)).isTrue();

    readAt(100_000);

    assertThat(slow.isAlive()).isTrue();
    go.countDown();
    assertThat(slow.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(slow.exitValue()).isZero();
  }

  private static void awaitLatch(CountDownLatch latch) throws IOException {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  private Process startReader(long offset) throws IOException {
    return new ProcessBuilder(
            "dd",
            "if=" + mountPoint.resolve("noise"),
            "of=/dev/null",
            "bs=4096",
            "count=1",
            "skip=" + offset / 4096)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  @Test
  void aReaderThatIsKilledWhileItWaitsBreaksNothing() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    watchAndMount();
    blob.before =
        (offset, length) -> {
          asked.countDown();
          awaitLatch(go);
        };
    Process reader = startReader(0);
    assertThat(asked.await(30, TimeUnit.SECONDS)).isTrue();

    reader.destroyForcibly();

    assertThat(reader.waitFor(30, TimeUnit.SECONDS)).as("a waiting reader is killable").isTrue();
    go.countDown();
    await("no reader waits", () -> server.waitingCount() == 0);
    blob.before = (offset, length) -> {};
    assertReadsRight();
  }

  @Test
  void closingDeniesThoseWhoWait() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    watchAndMount();
    blob.before =
        (offset, length) -> {
          asked.countDown();
          awaitLatch(go);
          throw new IOException("too late to matter");
        };
    Process reader = startReader(0);
    assertThat(asked.await(30, TimeUnit.SECONDS)).isTrue();

    // The kernel may then ask again for a smaller range, and waits: nobody serves any more.
    server.close();

    assertThat(server.waitingCount()).isZero();
    go.countDown();
    reader.destroyForcibly();
    assertThat(reader.waitFor(30, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void aMarkedFileThatNoMountUsesIsDenied() throws Exception {
    Path stray = Files.write(ROOT.directory().resolve("stray"), new byte[8192]);
    int fd = Descriptors.openForReading(stray);
    group.watch(fd, stray);
    try {
      assertThatThrownBy(() -> Files.readAllBytes(stray)).isInstanceOf(IOException.class);
    } finally {
      group.unwatch(fd, stray);
      Descriptors.close(fd);
    }
    assertThat(Files.readAllBytes(stray)).hasSize(8192);
  }

  @Test
  void aCompleteFileIsNotAskedAbout() throws Exception {
    blob.completeAll();
    blob.asked.clear();
    watchAndMount();

    assertThat(server.incompleteCount()).isZero();
    assertReadsRight();
    assertThat(blob.asked).isEmpty();
  }

  @Test
  void nobodyIsAskedAboutAFileThatBecameComplete() throws Exception {
    watchAndMount();
    assertThat(server.incompleteCount()).isEqualTo(1);
    assertThat(marksOf(group.fd(), "mnt_id")).isEqualTo(1);
    assertThat(marksOf(group.fd(), "ino")).isZero();

    blob.completeAll();

    assertThat(server.incompleteCount()).isZero();
    assertThat(marksOf(group.fd(), "ino")).isEqualTo(1);
    // A closed server answers nobody: whoever asked now would wait for ever.
    server.close();
    assertReadsRight();
  }

  /** Marks of the group as the kernel tells them: mnt_id of mounts, ino of files. */
  static long marksOf(int groupFd, String kind) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/fdinfo/" + groupFd)).stream()
        .filter(line -> line.startsWith("fanotify " + kind + ":"))
        .count();
  }

  @Test
  void marksGoWithTheirUsers() throws Exception {
    Closeable first = server.watch(blob, Prefetch.NONE);
    Closeable second = server.watch(blob, Prefetch.parse("4M"));
    mount(List.of());
    blob.completeAll();
    first.close();
    first.close();
    assertThat(server.incompleteCount()).isZero();
    assertThat(marksOf(group.fd(), "ino")).isEqualTo(1);

    second.close();
    assertThat(marksOf(group.fd(), "ino")).isZero();
    assertThat(marksOf(group.fd(), "mnt_id")).isEqualTo(1);

    open.removeLast().close();
    await("the mount's mark is gone", () -> marksOfQuietly() == 0);
  }

  private long marksOfQuietly() {
    try {
      return marksOf(group.fd(), "mnt_id");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** The name of a blob's file by which the kernel asks, for other processes. */
  private String watched(FakeBlob file) throws IOException {
    int view = server.openWatched(file.path());
    open.add(() -> Descriptors.close(view));
    return "/proc/" + ProcessHandle.current().pid() + "/fd/" + view;
  }

  @Test
  void theStrongestPrefetchOfItsUsersHolds() throws Exception {
    Prefetch four = Prefetch.parse("4M");
    Closeable first = server.watch(blob, Prefetch.NONE);
    Closeable second = server.watch(blob, four);
    second.close();
    first.close();

    assertThat(blob.prefetches).containsExactly(Prefetch.NONE, four, Prefetch.NONE);
  }

  @Test
  void aRangeBeyondTheEndIsCut() throws Exception {
    // Not a whole page at its end.
    Path full = ROOT.directory().resolve("odd");
    Files.write(full, new byte[] {7, 7, 7});
    try (FileChannel grow = FileChannel.open(full, StandardOpenOption.WRITE)) {
      grow.write(ByteBuffer.wrap(new byte[] {9}), 10_000);
    }
    try (FakeBlob odd = new FakeBlob(full, ROOT.directory().resolve("odd-lazy"));
        Closeable watch = server.watch(odd, Prefetch.NONE)) {
      String read = Run.ok("sh", "-c", "cksum < " + watched(odd));

      assertThat(read).isEqualTo(Run.ok("sh", "-c", "cksum < " + full));
      assertThat(odd.asked)
          .allSatisfy(
              range -> {
                String[] parts = range.split("\\+");
                assertThat(Long.parseLong(parts[0]) + Long.parseLong(parts[1]))
                    .isLessThanOrEqualTo(10_001);
              });
    }
  }

  @Test
  void filesBeyondTwoGibibytesAreServed() throws Exception {
    Path full = ROOT.directory().resolve("big");
    long at = (3L << 30) + 4096;
    try (FileChannel grow =
        FileChannel.open(full, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      grow.write(ByteBuffer.wrap(new byte[] {42}), at);
    }
    try (FakeBlob big = new FakeBlob(full, ROOT.directory().resolve("big-lazy"));
        Closeable watch = server.watch(big, Prefetch.NONE)) {
      String read = Run.ok("sh", "-c", "tail -c 1 " + watched(big) + " | od -An -tu1");

      assertThat(read.strip()).isEqualTo("42");
    }
  }

  @Test
  void manyReadersAtOnceAllSeeTheRightBytes() throws Exception {
    watchAndMount();
    Random random = new Random(7);
    blob.before =
        (offset, length) -> {
          if (random.nextInt(20) == 0) {
            throw new IOException("now and then the origin fails");
          }
        };
    List<Thread> readers = new ArrayList<>();
    List<Throwable> failures = new java.util.concurrent.CopyOnWriteArrayList<>();
    for (int i = 0; i < 8; i++) {
      long seed = i;
      readers.add(Thread.ofPlatform().start(() -> readRandomly(seed, failures)));
    }
    for (Thread reader : readers) {
      reader.join();
    }

    assertThat(failures).isEmpty();
    await("no reader waits", () -> server.waitingCount() == 0);
  }

  private void readRandomly(long seed, List<Throwable> failures) {
    Random random = new Random(seed);
    for (int i = 0; i < 200; i++) {
      try {
        readAt(random.nextInt(FILE_BYTES - 10_000));
      } catch (IOException e) {
        // An error is right; a wrong byte is not.
      } catch (Throwable e) {
        failures.add(e);
      }
    }
  }

  @Test
  void aClosedServerTakesNoMoreFiles() throws Exception {
    server.close();

    assertThatThrownBy(() -> server.watch(blob, Prefetch.NONE))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("its server is closed");
  }

  @Test
  void flagsReachTheKernel() throws Exception {
    blob.completeAll();
    int fd = Descriptors.openForReading(blob.path());
    KernelMount kernel =
        KernelMount.create(
            raw.bootstrap().toString(),
            List.of(fd),
            Set.of(KernelFlag.NOSUID, KernelFlag.NODEV, KernelFlag.NOEXEC, KernelFlag.NOATIME),
            List.of());
    open.add(TestMount.attach(kernel, mountPoint));
    Descriptors.close(fd);

    assertThat(Run.ok("findmnt", "-no", "VFS-OPTIONS", mountPoint.toString()).strip())
        .isEqualTo("ro,nosuid,nodev,noexec,noatime");
  }
}
