package dev.aquifer.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.blob.DomainStatus;
import dev.aquifer.io.Failpoint;
import dev.aquifer.testing.FaultyOrigin;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A mount that fails half way takes back all that it did, and nothing else. */
@Tag("root")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MountFailureTest {
  @RegisterExtension static final MountRoot ROOT = new MountRoot();

  /** Where a mount can fail, in order. */
  static List<String> places() {
    return List.of(
        "mount-target",
        "mount-join",
        "mount-source",
        "mount-bootstrap",
        "mount-blobs",
        "mount-watch",
        "mount-create",
        "mount-record",
        "mount-attach");
  }

  private Shop shop;

  @BeforeEach
  void open() throws Exception {
    shop = new Shop(ROOT.directory());
  }

  @AfterEach
  void close() throws Exception {
    Failpoint.set(null);
    shop.close();
  }

  private static Failpoint.Hook failAt(String where, Throwable what) {
    return place -> {
      if (place.equals(where)) {
        switch (what) {
          case IOException e -> throw e;
          case RuntimeException e -> throw e;
          default -> throw (Error) what;
        }
      }
    };
  }

  /** What may not change: descriptors are compared apart, other threads open some for a moment. */
  private record World(
      List<MountStatus> mounts, List<String> members, List<String> erofs, List<String> state) {}

  private World world() throws IOException {
    Path run = ROOT.directory().resolve("run");
    List<String> state = new java.util.ArrayList<>();
    if (Files.exists(run.resolve("group"))) {
      state.addAll(Files.readAllLines(run.resolve("group")));
    }
    for (Path file : shop.saved()) {
      state.addAll(Files.readAllLines(file));
    }
    return new World(
        shop.mounts.status(),
        shop.domains.status().stream()
            .map(DomainStatus::members)
            .flatMap(List::stream)
            .map(DomainStatus.Member::fsid)
            .toList(),
        MountTable.read().entries().stream()
            .filter(entry -> entry.type().equals("erofs"))
            .map(MountTable.Entry::target)
            .toList(),
        state);
  }

  @ParameterizedTest
  @MethodSource("places")
  void aFirstMountThatFailsLeavesNothing(String place) throws Exception {
    World before = world();
    Failpoint.set(failAt(place, new IOException("injected")));

    assertThatThrownBy(() -> shop.mount("one", "a", "domain_id=shop")).hasMessage("injected");

    World after = world();
    assertThat(after.mounts()).isEmpty();
    assertThat(after.members()).isEmpty();
    assertThat(after.erofs()).isEqualTo(before.erofs());
    assertThat(after.state()).isEmpty();
    assertThat(leftInRunDirectory()).isEmpty();
    assertThat(shop.target("a")).isEmptyDirectory();
    Failpoint.set(null);
    shop.mount("one", "a", "domain_id=shop");
    assertThat(shop.target("a").resolve("noise"))
        .hasSameBinaryContentAs(shop.tree.resolve("noise"));
  }

  private List<Path> leftInRunDirectory() throws IOException {
    try (var paths = Files.list(ROOT.directory().resolve("run"))) {
      return paths.filter(path -> !path.getFileName().toString().matches("events|mounts")).toList();
    }
  }

  @ParameterizedTest
  @MethodSource("places")
  void aSecondMountThatFailsLeavesTheFirstAsItWas(String place) throws Exception {
    shop.mount("one", "a", "domain_id=shop,prefetch=0");
    World before = world();
    for (Throwable what : List.of(new IllegalStateException("bug"), new AssertionError("bug"))) {
      Failpoint.set(failAt(place, what));

      assertThatThrownBy(() -> shop.mount("two", "b", "domain_id=shop,prefetch=all"))
          .isSameAs(what);

      assertThat(world()).isEqualTo(before);
    }
    assertThat(shop.target("a").resolve("noise"))
        .hasSameBinaryContentAs(shop.tree.resolve("noise"));
  }

  @ParameterizedTest
  @MethodSource("places")
  void failingLeavesNoDescriptorOpen(String place) throws Exception {
    // Once for what is made the first time and kept: connections, threads.
    Failpoint.set(failAt(place, new IOException("injected")));
    assertThatThrownBy(() -> shop.mount("one", "a", "")).hasMessage("injected");
    long before = descriptorsOfFiles();

    for (int i = 0; i < 20; i++) {
      assertThatThrownBy(() -> shop.mount("one", "a", "")).hasMessage("injected");
    }

    FanotifyServerTest.await("descriptors are closed", () -> descriptorsOfFiles() <= before);
  }

  /** Sockets come and go with the origin's connections. */
  private static long descriptorsOfFiles() {
    try (var fds = Files.list(Path.of("/proc/self/fd"))) {
      return fds.map(MountFailureTest::shown)
          .filter(name -> !name.startsWith("socket:") && !name.isEmpty())
          .count();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static String shown(Path fd) {
    try {
      return Files.readSymbolicLink(fd).toString();
    } catch (IOException e) {
      return "";
    }
  }

  @Test
  void theMountPointIsTakenWhileTheFirstIsStillBeingMade() throws Exception {
    CountDownLatch reached = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    Failpoint.set(
        place -> {
          if (place.equals("mount-blobs")) {
            reached.countDown();
            await(go);
          }
        });
    Thread first =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    shop.mount("one", "a", "");
                  } catch (IOException e) {
                    throw new AssertionError(e);
                  }
                });
    assertThat(reached.await(30, TimeUnit.SECONDS)).isTrue();

    assertThatThrownBy(() -> shop.mount("two", "a", "fsid=other"))
        .hasMessageContaining("is mounted there already");

    go.countDown();
    first.join();
    assertThat(shop.mounts.status()).hasSize(1);
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void closingWaitsForAMountThatIsBeingMade() throws Exception {
    CountDownLatch reached = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    Failpoint.set(
        place -> {
          if (place.equals("mount-attach")) {
            reached.countDown();
            await(go);
          }
        });
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Thread mounting =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    shop.mount("one", "a", "");
                  } catch (Throwable e) {
                    failure.set(e);
                  }
                });
    assertThat(reached.await(30, TimeUnit.SECONDS)).isTrue();
    Thread closing =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    shop.mounts.close();
                  } catch (IOException e) {
                    failure.set(e);
                  }
                });
    FanotifyServerTest.await("closing has begun", () -> refuses());
    go.countDown();
    mounting.join();
    closing.join();

    assertThat(failure.get()).hasMessageContaining("is ending");
    assertThat(shop.domains.status()).isEmpty();
    assertThat(shop.saved()).isEmpty();
  }

  private boolean refuses() {
    try {
      Failpoint.set(null);
      shop.mount("two", "b", "fsid=b");
      throw new AssertionError("mounted while closing");
    } catch (IOException e) {
      return e.getMessage().contains("is ending");
    }
  }

  @Test
  void aSlowOriginKeepsNobodyElseWaiting() throws Exception {
    CountDownLatch go = new CountDownLatch(1);
    shop.origin.fault(
        FaultyOrigin.path("three/"), answer -> answer.beforeHeaders = () -> await(go));
    Thread slow =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    shop.mount("three", "slow", "domain_id=shop");
                  } catch (IOException e) {
                    throw new AssertionError(e);
                  }
                });

    shop.mount("one", "a", "domain_id=shop");
    assertThat(shop.target("a").resolve("noise"))
        .hasSameBinaryContentAs(shop.tree.resolve("noise"));

    go.countDown();
    slow.join();
    assertThat(shop.mounts.status()).hasSize(2);
  }
}
