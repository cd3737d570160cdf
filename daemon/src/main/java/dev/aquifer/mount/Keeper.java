package dev.aquifer.mount;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.Fanotify;
import dev.aquifer.linux.Processes;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A process that holds a fanotify group and does nothing else. When the last holder of a group is
 * gone, the kernel lets all its readers go on, and what is missing reads as zeros. With a keeper
 * the readers of a daemon that was killed wait instead, until a successor takes the group over.
 *
 * <p>It is a shell that waits for input which never comes; {@code ps} shows it as {@code
 * aquifer-keeper} with the run directory.
 */
final class Keeper implements Closeable {
  private static final int GROUP_FD = 3;

  private final int pid;
  private final long startTicks;
  private final int processFd;
  private final boolean isOurChild;

  private Keeper(int pid, long startTicks, int processFd, boolean isOurChild) {
    this.pid = pid;
    this.startTicks = startTicks;
    this.processFd = processFd;
    this.isOurChild = isOurChild;
  }

  /** Starts one that holds {@code group}. */
  static Keeper start(Fanotify group, Path runDirectory) throws IOException {
    int pid =
        Processes.spawnHolding(
            group.fd(),
            List.of("/bin/sh", "-c", "cd /; read _", "aquifer-keeper", runDirectory.toString()));
    int processFd = -1;
    try {
      processFd = Processes.open(pid);
      return new Keeper(pid, startTicks(pid), processFd, true);
    } catch (IOException e) {
      // Not reaped yet, so the number is still that of our child.
      ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
      if (processFd >= 0) {
        Descriptors.close(processFd);
      }
      throw e;
    }
  }

  /**
   * The keeper that an earlier process started; null if it is gone.
   *
   * @param startTicks what {@link #startTicks()} said: another process may have its number by now
   */
  static @Nullable Keeper find(int pid, long startTicks) {
    int fd = -1;
    try {
      fd = Processes.open(pid);
      // Asked with the descriptor open: from here on the number can't change its owner unnoticed.
      if (startTicks(pid) == startTicks) {
        return new Keeper(pid, startTicks, fd, false);
      }
    } catch (IOException e) {
      // Gone.
    }
    if (fd >= 0) {
      Descriptors.close(fd);
    }
    return null;
  }

  /** Field 22 of {@code /proc/PID/stat}: when it started, in ticks since the machine's start. */
  private static long startTicks(int pid) throws IOException {
    String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
    // Field 2, the program's name, is in parentheses and may hold blanks.
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    return Long.parseLong(fields[22 - 3]);
  }

  int pid() {
    return pid;
  }

  long startTicks() {
    return startTicks;
  }

  /** Readable when the process has ended. */
  int processFd() {
    return processFd;
  }

  /**
   * The group that it holds, for this process, too.
   *
   * @throws RefusedException EPERM without CAP_SYS_PTRACE
   */
  Fanotify takeGroup() throws IOException {
    try {
      return Fanotify.adopt(Processes.takeDescriptor(processFd, GROUP_FD));
    } catch (ErrnoException e) {
      throw new RefusedException(
          Errno.of(e.errno()),
          "process %d keeps readers of an earlier daemon's mounts waiting, and can't be taken over from: %s"
              .formatted(pid, e.getMessage()));
    }
  }

  /** Forgets the process, which goes on. */
  void abandon() {
    Descriptors.close(processFd);
  }

  /** Ends the process. To be done only when nothing is mounted that the group serves. */
  @Override
  public void close() {
    try {
      Processes.kill(processFd);
      awaitEnd();
    } catch (ErrnoException e) {
      // It has ended by itself.
    }
    if (isOurChild) {
      Processes.reap(pid);
    }
    Descriptors.close(processFd);
  }

  private void awaitEnd() throws ErrnoException {
    try (var arena = java.lang.foreign.Arena.ofConfined()) {
      var poll = new Descriptors.PollSet(arena, 1);
      poll.set(0, processFd, Descriptors.POLLIN);
      // A process that was killed ends at once; the limit is for a machine in trouble.
      int unused = poll.await(5_000);
    }
  }
}
