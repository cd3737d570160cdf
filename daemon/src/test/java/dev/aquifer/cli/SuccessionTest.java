package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** One daemon after the other, by the script: ended, replaced, killed; a mount outlives them. */
@Tag("root")
@Tag("slow")
class SuccessionTest {
  private static final int SIZE = 24 << 20;

  private DaemonHome home;
  private byte[] data;
  private Path target;

  @BeforeEach
  void open() throws IOException {
    home = DaemonHome.create();
    Path source = home.scratch.directory("source");
    data = new byte[SIZE];
    new Random(3).nextBytes(data);
    Files.write(source.resolve("data"), data);
    assertThat(Program.run("build", source, "-o", home.directory.resolve("image")).exitCode())
        .isZero();
    target = home.scratch.directory("mnt");
  }

  @AfterEach
  void close() throws IOException {
    if (home != null) {
      home.close();
    }
  }

  private void mount() throws Exception {
    Program.Outcome mount = home.run("mount", "image", target, "-o", "prefetch=0");
    assertThat(mount.exitCode()).as(mount.err()).isZero();
  }

  /** Reads all of it again and again, by another process, until it is told to end. */
  private Process startReading() throws IOException {
    return home.scratch.start(
        new ProcessBuilder(
                "sh",
                "-c",
                "while [ ! -e \"$2\" ]; do cmp \"$0\" \"$1\" || exit 1; echo 1 >/proc/sys/vm/drop_caches; done",
                home.directory.resolve("source/data").toString(),
                target.resolve("data").toString(),
                home.directory.resolve("enough").toString())
            .redirectErrorStream(true)
            .redirectOutput(home.directory.resolve("reading").toFile()));
  }

  private void assertReadRight(Process reading) throws Exception {
    Files.createFile(home.directory.resolve("enough"));
    assertThat(reading.waitFor()).as(Files.readString(home.directory.resolve("reading"))).isZero();
  }

  @Test
  void mountsOutliveADaemonThatIsToldToEnd() throws Exception {
    Process first = home.startDaemon();
    mount();
    assertThat(DaemonHome.end(first, "TERM")).isZero();
    assertThat(home.mounts()).containsExactly(target.toString());
    Process reading = startReading();
    Files.delete(home.directory.resolve("daemon.out"));

    Process second = home.startDaemon();

    assertReadRight(reading);
    assertThat(home.run("status").out()).contains(target.toString(), "mounted");
    assertThat(DaemonHome.end(second, "TERM")).isZero();
    Files.delete(home.directory.resolve("daemon.out"));
    // Whoever mounts next brings a daemon back, and with it what is mounted.
    home.scratch.directory("other");
    assertThat(home.run("mount", "image", "other").exitCode()).isZero();
    assertThat(target.resolve("data")).hasBinaryContent(data);
    assertThat(home.run("daemon", "--stop").out()).contains("2 unmounted");
  }

  @Test
  void aDaemonUnmountsAtItsEndIfAsked() throws Exception {
    Process daemon = home.start("daemon.out", "daemon", "--unmount");
    Program.await("ready", () -> Program.has(home.directory.resolve("daemon.out"), "ready"));
    mount();

    assertThat(DaemonHome.end(daemon, "TERM")).isZero();

    assertThat(home.mounts()).isEmpty();
  }

  @Test
  void aSecondSignalEndsItAtOnce() throws Exception {
    Process origin = home.start("origin.out", "origin", home.directory, "--port", "0");
    Path log = home.directory.resolve("origin.out");
    Program.await("the origin", () -> Program.has(log, "http://"));
    String url = Files.readString(log).replaceFirst("(?s).*?(http://[^ \n]*).*", "$1");
    Process daemon = home.startDaemon();
    assertThat(home.run("mount", url + "image", target, "-o", "prefetch=0").exitCode()).isZero();
    home.execute("kill", "-STOP", origin.pid());
    Process reading = startReading();
    home.execute("kill", "-TERM", daemon.pid());
    Program.await(
        "it waits for the reader's bytes",
        () -> Program.has(home.directory.resolve("daemon.out"), "stays mounted"));

    assertThat(DaemonHome.end(daemon, "TERM")).isEqualTo(128 + 15);

    home.execute("kill", "-CONT", origin.pid());
    Files.delete(home.directory.resolve("daemon.out"));
    home.startDaemon();
    assertReadRight(reading);
    assertThat(home.run("daemon", "--stop").exitCode()).isZero();
  }

  @Test
  void aDaemonIsReplacedUnderItsReaders() throws Exception {
    ProcessHandle running = home.startDaemon().toHandle();
    mount();
    Process reading = startReading();
    for (int i = 0; i < 5; i++) {
      Program.Outcome replaced = home.run("daemon", "--replace");
      assertThat(replaced.out()).as(replaced.err()).contains("process " + running.pid());
      running.onExit().join();
      running = home.background();
    }
    // What took over is in the background, and comes back like any other there.
    running.destroyForcibly();
    running.onExit().join();
    long killed = running.pid();
    Program.await("another daemon", () -> isAnother(killed));

    assertReadRight(reading);
    assertThat(home.run("daemon", "--stop").exitCode()).isZero();
  }

  @Test
  void whatNobodyCouldReplaceIsSaid() throws Exception {
    assertThat(home.run("daemon", "--replace").out()).contains("started, as none ran");
    Program.Outcome other = home.run("daemon", "--replace", "--cache-dir", home.directory);

    assertThat(other.exitCode()).isEqualTo(1);
    assertThat(other.err()).contains("expected the same", home.places.cacheDir().toString());
    assertThat(home.run("daemon", "--stop").exitCode()).isZero();
  }

  @Test
  void aKilledDaemonOfTheBackgroundComesBackByItself() throws Exception {
    mount();
    Process reading = startReading();
    for (int i = 0; i < 3; i++) {
      ProcessHandle daemon = home.background();
      assertThat(daemon.destroyForcibly()).isTrue();
      daemon.onExit().join();
      Program.await("another daemon", () -> isAnother(daemon.pid()));
    }

    assertReadRight(reading);
    assertThat(Files.readString(home.places.log())).contains("taken over");
    assertThat(home.run("daemon", "--stop").exitCode()).isZero();
    assertThat(home.mounts()).isEmpty();
  }

  @Test
  void damageBelowARunningSystemIsFoundAndRepaired() throws Exception {
    Process first = home.startDaemon();
    mount();
    assertThat(target.resolve("data")).hasBinaryContent(data);
    Program.await("all is there", () -> DaemonHome.statusSays(home, "24/24"));
    assertThat(home.run("verify").out()).isEqualTo("24 spans of 1 blobs: 0 damaged\n");
    assertThat(DaemonHome.end(first, "TERM")).isZero();
    Files.delete(home.directory.resolve("daemon.out"));
    flipAByte();
    home.startDaemon();

    Program.Outcome found = home.run("verify");
    assertThat(found.exitCode()).isEqualTo(1);
    assertThat(found.out()).contains("damaged spans [5]", "24 spans of 1 blobs: 1 damaged");
    Program.Outcome repaired = home.run("verify", "--repair");
    assertThat(repaired.exitCode()).as(repaired.err()).isZero();
    assertThat(repaired.out()).contains("damaged spans [5]", "1 damaged, fetched again");

    assertThat(target.resolve("data")).hasBinaryContent(data);
    assertThat(home.run("verify").out()).isEqualTo("24 spans of 1 blobs: 0 damaged\n");
    assertThat(home.run("daemon", "--stop").exitCode()).isZero();
  }

  /** As a disk would: nothing tells of it. */
  private void flipAByte() throws IOException {
    Path file;
    try (var files = Files.walk(home.places.cacheDir())) {
      file = files.filter(path -> path.endsWith("data")).findFirst().orElseThrow();
    }
    FileTime modified = Files.getLastModifiedTime(file);
    try (RandomAccessFile raw = new RandomAccessFile(file.toFile(), "rw")) {
      raw.seek((5 << 20) + 77);
      int old = raw.read();
      raw.seek((5 << 20) + 77);
      raw.write(old ^ 1);
    }
    Files.setLastModifiedTime(file, modified);
  }

  private boolean isAnother(long pid) {
    try {
      return home.places.ownerPid().orElse(pid) != pid && home.run("status").exitCode() == 0;
    } catch (IOException e) {
      throw new AssertionError(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }
}
