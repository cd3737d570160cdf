package dev.aquifer.mount;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Many mounts one after the other, and many at once, leave nothing behind. */
@Tag("root")
@Tag("slow")
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CyclesTest {
  private static final int CYCLES = 200;

  @RegisterExtension static final MountRoot ROOT = new MountRoot();

  /** What may not grow. */
  private record World(long descriptors, long marks, int threads, List<String> files, long erofs) {
    static World now(Path runDirectory) throws IOException {
      return new World(
          count(Path.of("/proc/self/fd")),
          countMarks(),
          (int) count(Path.of("/proc/self/task")),
          names(runDirectory),
          count(Path.of("/sys/fs/erofs")));
    }

    private static long count(Path directory) throws IOException {
      try (var entries = Files.list(directory)) {
        return entries.count();
      }
    }

    private static List<String> names(Path directory) throws IOException {
      try (var entries = Files.list(directory)) {
        return List.copyOf(new TreeSet<>(entries.map(p -> p.getFileName().toString()).toList()));
      }
    }

    private static long countMarks() throws IOException {
      long marks = 0;
      try (var infos = Files.list(Path.of("/proc/self/fdinfo"))) {
        for (Path info : (Iterable<Path>) infos::iterator) {
          try {
            marks +=
                Files.readAllLines(info).stream()
                    .filter(l -> l.startsWith("fanotify ino:") || l.startsWith("fanotify mnt_id:"))
                    .count();
          } catch (IOException e) {
            // Closed meanwhile.
          }
        }
      }
      return marks;
    }

    /** Whether nothing grew; there may be less. */
    boolean isNoMoreThan(World other) {
      return descriptors <= other.descriptors
          && marks <= other.marks
          && threads <= other.threads
          && files.equals(other.files)
          && erofs <= other.erofs;
    }
  }

  private static void awaitNoMoreThan(World before, Path run) throws IOException {
    long deadline = System.nanoTime() + 60_000_000_000L;
    World now = World.now(run);
    while (!now.isNoMoreThan(before)) {
      assertThat(System.nanoTime()).as("%s, before: %s", now, before).isLessThan(deadline);
      // Idle threads end by the clock: nothing tells of it.
      LockSupport.parkNanos(50_000_000);
      now = World.now(run);
    }
  }

  @Test
  void twoHundredMountsLeaveNothing() throws Exception {
    try (Shop shop = new Shop(ROOT.directory())) {
      Path run = ROOT.directory().resolve("run");
      byte[] expected = Files.readAllBytes(shop.tree.resolve("d/e/small"));
      cycle(shop, 0, expected);
      awaitReleased(run);
      World before = World.now(run);

      for (int i = 0; i < CYCLES; i++) {
        cycle(shop, i, expected);
      }

      awaitNoMoreThan(before, run);
      assertThat(shop.domains.status()).isEmpty();
      assertThat(shop.mounts.status()).isEmpty();
    }
  }

  /** The keeper goes a little after the last mount. */
  private static void awaitReleased(Path run) {
    FanotifyServerTest.await("no keeper", () -> !Files.exists(run.resolve("group")));
  }

  private static void cycle(Shop shop, int number, byte[] expected) throws Exception {
    String options =
        switch (number % 4) {
          case 0 -> "domain_id=shop,prefetch=0";
          case 1 -> "prefetch=all";
          case 2 -> "domain_id=shop" + number;
          default -> "fsid=f" + number;
        };
    MountStatus status = shop.mount(number % 3 == 0 ? "one" : "two", "a", options);
    assertThat(Files.readAllBytes(status.target().resolve("d/e/small"))).isEqualTo(expected);
    if (number % 5 == 0) {
      Run.ok("umount", status.target().toString());
      FanotifyServerTest.await("it is released", () -> shop.mounts.status().isEmpty());
    } else {
      assertThat(shop.mounts.umount(status.target(), false)).isNull();
    }
  }

  @Test
  void manyAtOnceInOneDomainLeaveNothing() throws Exception {
    try (Shop shop = new Shop(ROOT.directory())) {
      Path run = ROOT.directory().resolve("run");
      byte[] expected = Files.readAllBytes(shop.tree.resolve("noise"));
      cycle(shop, 0, Files.readAllBytes(shop.tree.resolve("d/e/small")));
      awaitReleased(run);
      World before = World.now(run);
      List<Throwable> failures = new java.util.concurrent.CopyOnWriteArrayList<>();
      List<Thread> workers = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        String name = "w" + i;
        String image = i % 2 == 0 ? "one" : "two";
        workers.add(
            Thread.ofPlatform()
                .start(
                    () -> {
                      try {
                        for (int round = 0; round < 5; round++) {
                          MountStatus status = shop.mount(image, name, "domain_id=shop");
                          assertThat(
                                  java.util.Arrays.equals(
                                      Files.readAllBytes(status.target().resolve("noise")),
                                      expected))
                              .isTrue();
                          assertThat(shop.mounts.umount(status.target(), false)).isNull();
                        }
                      } catch (Throwable e) {
                        failures.add(e);
                      }
                    }));
      }
      for (Thread worker : workers) {
        worker.join();
      }

      assertThat(failures).isEmpty();
      assertThat(shop.domains.status()).isEmpty();
      awaitNoMoreThan(before, run);
    }
  }
}
