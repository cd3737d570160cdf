package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The daemon as a process: started, refused, ended, killed. */
@Tag("root")
@Tag("slow")
class DaemonLifecycleTest {
  private DaemonHome home;

  @BeforeEach
  void open() throws IOException {
    home = DaemonHome.create();
  }

  @AfterEach
  void close() throws IOException {
    if (home != null) {
      home.close();
    }
  }

  @Test
  void oneRunDirectoryHasOneDaemon() throws Exception {
    Process first = home.startDaemon();
    Program.Outcome second = home.run("daemon");

    assertThat(second.exitCode()).isEqualTo(1);
    assertThat(second.errors()).hasSize(1);
    assertThat(second.err())
        .startsWith("aquifer: " + home.places.runDir() + ": a daemon (process " + first.pid() + ")")
        .contains("runs here already");
    assertThat(home.run("status").out()).contains("process " + first.pid(), "no mounts");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(home.places.socket())))
        .isEqualTo("rw-------");
    assertThat(DaemonHome.end(first, "TERM")).isZero();
    assertThat(home.places.socket()).doesNotExist();
    assertThat(Files.readString(home.directory.resolve("daemon.out")))
        .doesNotContain("Exception")
        .doesNotContain("ERROR");
  }

  @Test
  void ctrlCEndsItCleanlyToo() throws Exception {
    assertThat(DaemonHome.end(home.startDaemon(), "INT")).isZero();
    assertThat(home.places.socket()).doesNotExist();
  }

  @Test
  void stopEndsIt() throws Exception {
    Process daemon = home.startDaemon();

    assertThat(home.run("daemon", "--stop").exitCode()).isZero();
    assertThat(daemon.waitFor()).isZero();
    assertThat(home.run("daemon", "--stop").exitCode()).isEqualTo(69);
  }

  @Test
  void takesTheSocketOfAKilledOne() throws Exception {
    DaemonHome.end(home.startDaemon(), "KILL");
    assertThat(home.places.socket()).exists();
    Program.Outcome status = home.run("status");
    assertThat(status.exitCode()).isEqualTo(69);
    assertThat(status.errors()).hasSize(1);
    Files.delete(home.directory.resolve("daemon.out"));

    Process next = home.startDaemon();
    assertThat(home.run("status").out()).contains("process " + next.pid());
  }

  @Test
  void aMountStartsOneInTheBackground() throws Exception {
    Path nowhere = home.directory.resolve("nowhere");
    Program.Outcome mount = home.run("mount", nowhere, home.scratch.directory("mnt"));

    assertThat(mount.exitCode()).isEqualTo(32);
    assertThat(mount.errors()).hasSize(1);
    assertThat(mount.err()).startsWith("aquifer: ").contains(nowhere.toString());
    ProcessHandle daemon = home.background();
    assertThat(home.run("status").out()).contains("process " + daemon.pid());
    // Its session and process group are its own: fields 5 and 6 of stat (proc(5)).
    String stat = Files.readString(Path.of("/proc/" + daemon.pid() + "/stat"));
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    assertThat(fields[2]).isEqualTo(Long.toString(daemon.pid()));
    assertThat(fields[3]).isEqualTo(Long.toString(daemon.pid()));
    assertThat(Path.of("/proc/" + daemon.pid() + "/cwd").toRealPath()).isEqualTo(Path.of("/"));
    assertThat(Files.readString(home.places.log())).contains("not mounted at ", nowhere.toString());
    assertThat(home.run("daemon", "--stop").exitCode()).isZero();
    daemon.onExit().join();
  }

  @Test
  void twoMountsAtOnceStartOne() throws Exception {
    Path target = home.scratch.directory("mnt");
    Process first = home.start("first", "mount", "/nowhere", target);
    Process second = home.start("second", "mount", "/nowhere", target);

    assertThat(first.waitFor()).isEqualTo(32);
    assertThat(second.waitFor()).isEqualTo(32);
    for (String name : new String[] {"first", "second"}) {
      assertThat(Files.readString(home.directory.resolve(name)))
          .contains("/nowhere")
          .hasLineCount(1);
    }
    assertThat(home.run("status").exitCode()).isZero();
  }

  @Test
  void whyItDoesNotStartIsSaidInTheTerminal() throws Exception {
    Files.delete(home.places.cacheDir());
    Files.writeString(home.places.cacheDir(), "no directory");
    Program.Outcome mount = home.run("mount", "/nowhere", "/mnt");

    assertThat(mount.exitCode()).isEqualTo(69);
    assertThat(mount.errors()).hasSize(1);
    assertThat(mount.err())
        .startsWith("aquifer: the daemon ended: ")
        .contains(home.places.cacheDir().toString())
        .contains("log: " + home.places.log());
  }
}
