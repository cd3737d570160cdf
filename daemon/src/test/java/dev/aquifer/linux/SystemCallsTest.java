package dev.aquifer.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What needs no root of the calls. */
@Timeout(60)
class SystemCallsTest {
  @TempDir Path directory;

  @Test
  void aFileIdIsThatOfStat() throws Exception {
    Path file = Files.createFile(directory.resolve("a"));
    int fd = Descriptors.openForReading(file);
    try {
      Descriptors.FileId id = Descriptors.fileId(fd);

      assertThat(id.inode()).isEqualTo(Files.getAttribute(file, "unix:ino"));
      assertThat(id.device()).isEqualTo(Files.getAttribute(file, "unix:dev"));
    } finally {
      Descriptors.close(fd);
    }
  }

  @Test
  void anErrorNamesTheCallAndTheErrno() {
    Path missing = directory.resolve("missing");
    ErrnoException e =
        catchThrowableOfType(ErrnoException.class, () -> Descriptors.openForReading(missing));

    assertThat(e.errno()).isEqualTo(2);
    assertThat(e).hasMessage("open(" + missing + "): ENOENT (No such file or directory)");
  }

  @Test
  void aFileIsNoDirectory() throws Exception {
    Path file = Files.createFile(directory.resolve("a"));
    ErrnoException e =
        catchThrowableOfType(ErrnoException.class, () -> Descriptors.openDirectory(file));

    assertThat(e.getMessage()).endsWith("ENOTDIR (Not a directory)");
  }

  @Test
  void aCounterWakesAPoll() throws Exception {
    int counter = Descriptors.eventCounter();
    try (Arena arena = Arena.ofConfined()) {
      Descriptors.PollSet polls = new Descriptors.PollSet(arena, 2);
      polls.set(0, counter, Descriptors.POLLIN);

      assertThat(polls.await(0)).isZero();
      Thread waker = Thread.ofPlatform().start(() -> Descriptors.wake(counter));
      assertThat(polls.await(-1)).isEqualTo(1);
      assertThat(polls.isReady(0)).isTrue();
      assertThat(polls.isReady(1)).isFalse();
      Descriptors.drain(counter);
      assertThat(polls.await(0)).isZero();
      assertThat(polls.isReady(0)).isFalse();
      waker.join();
    } finally {
      Descriptors.close(counter);
    }
  }

  @ParameterizedTest
  @CsvSource({"5, 0x5000002", "28, 0x1c000002", "122, 0x7a000002", "22, 2", "0, 2", "300, 2"})
  void aDenialTakesOnlyTheErrnosThatTheKernelTakes(int errno, String response) {
    assertThat(Fanotify.deny(errno)).isEqualTo(Integer.decode(response));
  }

  @ParameterizedTest
  @CsvSource({"0x27, 0:39", "0xfe00, 254:0", "0x12345, 291:69", "0x100f00abc, 10:1052604"})
  void aDeviceNumberIsWrittenAsInMountinfo(String device, String text) {
    assertThat(new MountCalls.FileSystemName(Long.decode(device), "erofs/erofs-1").majorMinor())
        .isEqualTo(text);
  }

  @Test
  void aProcessHoldsADescriptorOfOurs() throws Exception {
    Path file = Files.writeString(directory.resolve("held"), "x");
    int fd = Descriptors.openForReading(file);
    Processes.Child child =
        Processes.spawnHolding(
            fd, List.of("/bin/sh", "-c", "read _; read _", "holder"), List.of("A=b c"));
    int pid = child.pid();
    int process = Processes.open(pid);
    try {
      awaitExec(pid);
      Path fds = Path.of("/proc/" + pid + "/fd");
      assertThat(fds.resolve("3").toRealPath()).isEqualTo(file.toRealPath());
      assertThat(fds.resolve("1").toRealPath()).isEqualTo(Path.of("/dev/null"));
      assertThat(fds.resolve("2").toRealPath()).isEqualTo(Path.of("/dev/null"));
      try (var open = Files.list(fds)) {
        assertThat(open.map(p -> p.getFileName().toString()))
            .containsExactlyInAnyOrder("0", "1", "2", "3");
      }
      assertThat(Files.readString(Path.of("/proc/" + pid + "/environ"))).isEqualTo("A=b c\0");
      String session = Files.readString(Path.of("/proc/" + pid + "/stat")).split(" ")[5];
      assertThat(session).isEqualTo(Integer.toString(pid));
      // One line is not enough for it; the end of its input is.
      Processes.tell(child, "line");
    } finally {
      Descriptors.close(child.inputFd());
      try (Arena arena = Arena.ofConfined()) {
        Descriptors.PollSet polls = new Descriptors.PollSet(arena, 1);
        polls.set(0, process, Descriptors.POLLIN);
        assertThat(polls.await(30_000)).isEqualTo(1);
      }
      Processes.reap(pid);
      Descriptors.close(process);
      Descriptors.close(fd);
    }
    assertThat(ProcessHandle.of(pid)).isEmpty();
  }

  /** posix_spawn returns in the middle of the exec: the arguments are to be seen a little later. */
  private static void awaitExec(int pid) throws IOException {
    Path arguments = Path.of("/proc/" + pid + "/cmdline");
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (!Files.readString(arguments).contains("holder")) {
      assertThat(System.nanoTime()).as("the program runs").isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  @Test
  void aProcessThatIsNotThereIsNotOpened() {
    ErrnoException e =
        catchThrowableOfType(ErrnoException.class, () -> Processes.open(Integer.MAX_VALUE));

    assertThat(e.getMessage()).contains("pidfd_open").contains("ESRCH");
  }

  @Test
  void aProgramThatIsNotThereIsSaid() throws Exception {
    int fd = Descriptors.openForReading(Path.of("/dev/null"));
    try {
      ErrnoException e =
          catchThrowableOfType(
              ErrnoException.class,
              () -> Processes.spawnHolding(fd, List.of("/no/such/program"), List.of()));

      assertThat(e.getMessage()).contains("/no/such/program").contains("ENOENT");
    } finally {
      Descriptors.close(fd);
    }
  }

  @Test
  void aNumberIsReserved() throws Exception {
    int fd = Descriptors.eventCounter();
    int far = fd + 500;

    assertThat(Descriptors.reserve(fd)).as("in use").isFalse();
    assertThat(Descriptors.reserve(far)).isTrue();
    assertThat(Path.of("/proc/self/fd/" + far)).isSymbolicLink();
    assertThat(Descriptors.reserve(far)).as("in use").isFalse();

    Descriptors.close(far);
    Descriptors.close(fd);
  }

  @Test
  void aThreadHasAWorkingDirectoryOfItsOwn() throws Exception {
    String before = Path.of("/proc/self/cwd").toRealPath().toString();
    String[] seen = new String[2];
    Thread thread =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    Directories.enter(directory);
                    seen[0] = Path.of("/proc/thread-self/cwd").toRealPath().toString();
                    seen[1] = Path.of("").toAbsolutePath().toString();
                  } catch (IOException e) {
                    throw new AssertionError(e);
                  }
                });
    thread.join();

    assertThat(seen[0]).isEqualTo(directory.toRealPath().toString());
    assertThat(seen[1]).isEqualTo(System.getProperty("user.dir"));
    assertThat(Path.of("/proc/self/cwd").toRealPath().toString()).isEqualTo(before);
  }
}
