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
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A process that holds a fanotify group, and so outlives a daemon that was killed. When the last
 * holder of a group is gone, the kernel lets all its readers go on, and what is missing reads as
 * zeros. With a keeper they wait instead, until a successor takes the group over.
 *
 * <p>It is a shell that waits for the end of its input, which comes with the end of the daemon;
 * {@code ps} shows it as {@code aquifer-keeper} with the run directory. Then it starts a successor,
 * if it knows how and was not told that the end is meant, a little later if one should be there
 * already; and ends when the kernel has none of the mounts any more. A successor starts a keeper of
 * its own and ends this one.
 */
final class Keeper implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(Keeper.class);
  private static final int GROUP_FD = 3;

  /** By which a service manager ends all processes of a service: version 2, and 1. */
  private static final List<Path> CONTROL_GROUPS =
      List.of(Path.of("/sys/fs/cgroup"), Path.of("/sys/fs/cgroup/systemd"));

  /** What a daemon says that ends by intention. */
  private static final String END = "end";

  /** What one says whose successor runs already, but may yet fail. */
  private static final String WAIT = "wait";

  /**
   * $0 is the name, $1 the run directory, the rest the command that starts a daemon. Of two keepers
   * (a daemon was killed while it replaced one) the one goes that is not on record. What it starts
   * must not inherit the group, nor the protection from the OOM killer.
   *
   * <p>Whatever fails here, such as a fork for want of memory, it must not end as long as something
   * may be mounted: then it stops itself, for which the shell needs nobody.
   */
  private static final String SCRIPT =
      """
      trap '' TERM HUP INT
      trap 'kill -STOP $$' EXIT
      cd /
      run=$1
      shift
      read -r said
      if [ "$said" = end ]; then set --; fi
      if [ "$said" = wait ]; then sleep 10 || kill -STOP $$; fi
      pause=0
      while :; do
        alive=
        for file in "$run"/mounts/erofs-*; do
          name=${file##*/}
          if [ -e "/sys/fs/erofs/${name%.denied}" ]; then alive=1; fi
        done
        other=
        if [ -r "$run/group" ]; then
          while read -r key colon value; do
            if [ "$key" = '"keeperPid"' ] && [ "$value" != "$$," ]; then other=1; fi
          done <"$run/group"
        fi
        if [ -z "$alive" ] || [ -n "$other" ]; then trap - EXIT; exit 0; fi
        if [ $# -gt 0 ]; then
          (
            trap - TERM HUP INT EXIT
            echo 0 >/proc/self/oom_score_adj
            exec "$@" 3>&- </dev/null >>"$run/aquifer.log" 2>&1
          ) 2>/dev/null
          if [ $pause -lt 30 ]; then pause=$((pause + 1)); fi
        else
          pause=5
        fi
        sleep $pause || kill -STOP $$
      done
      """;

  private final int pid;
  private final long startTicks;
  private final int processFd;
  private final Processes.@Nullable Child child;

  private Keeper(int pid, long startTicks, int processFd, Processes.@Nullable Child child) {
    this.pid = pid;
    this.startTicks = startTicks;
    this.processFd = processFd;
    this.child = child;
  }

  /**
   * Starts one that holds {@code group}.
   *
   * @param revive the command that starts a daemon when this process was killed; empty for none
   */
  static Keeper start(Fanotify group, Path runDirectory, List<String> revive) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of("/bin/sh", "-c", SCRIPT, "aquifer-keeper", runDirectory.toString()));
    command.addAll(revive);
    List<String> environment =
        System.getenv().entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).toList();
    Processes.Child child = Processes.spawnHolding(group.fd(), command, environment);
    int processFd = -1;
    try {
      processFd = Processes.open(child.pid());
      protect(child.pid());
      return new Keeper(child.pid(), startTicks(child.pid()), processFd, child);
    } catch (IOException e) {
      // Not reaped yet, so the number is still that of our child.
      ProcessHandle.of(child.pid()).ifPresent(ProcessHandle::destroyForcibly);
      Descriptors.close(child.inputFd());
      if (processFd >= 0) {
        Descriptors.close(processFd);
      }
      throw e;
    }
  }

  /** From what may have just killed the daemon: the OOM killer, or who ends its control group. */
  private static void protect(int pid) {
    try {
      Files.writeString(Path.of("/proc/" + pid + "/oom_score_adj"), "-1000");
      for (Path hierarchy : CONTROL_GROUPS) {
        if (Files.exists(hierarchy.resolve("cgroup.procs"))) {
          Path own = Files.createDirectories(hierarchy.resolve("aquifer-keeper"));
          Files.writeString(own.resolve("cgroup.procs"), Integer.toString(pid));
        }
      }
    } catch (IOException e) {
      LOG.debug("the keeper is less protected than it could be: {}", e.getMessage());
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
        return new Keeper(pid, startTicks, fd, null);
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
    if (fields[0].equals("Z")) {
      throw new IOException("process " + pid + ": has ended");
    }
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

  boolean hasEnded() throws ErrnoException {
    return awaitEnd(0);
  }

  /**
   * The group that it holds, for this process, too; null if it has ended meanwhile.
   *
   * @throws RefusedException EPERM without CAP_SYS_PTRACE
   */
  @Nullable Fanotify takeGroup() throws IOException {
    try {
      return Fanotify.adopt(Processes.takeDescriptor(processFd, GROUP_FD));
    } catch (ErrnoException e) {
      Errno errno = Errno.of(e.errno());
      if (errno == Errno.ESRCH || errno == Errno.EBADF) {
        return null;
      }
      throw new RefusedException(
          errno,
          "process %d keeps readers of an earlier daemon's mounts waiting, and can't be taken over from: %s"
              .formatted(pid, e.getMessage()));
    }
  }

  /**
   * Leaves the process to itself.
   *
   * @param end why this process ends, which says when it is to start a successor
   */
  void abandon(Mounts.End end) {
    if (child != null) {
      switch (end) {
        case MEANT -> Processes.tell(child, END);
        case HAND_OVER -> Processes.tell(child, WAIT);
        case FAILED -> {}
      }
      Descriptors.close(child.inputFd());
    }
    Descriptors.close(processFd);
  }

  /** Ends the process. To be done only when another holder of the group is left, or no mount. */
  @Override
  public void close() {
    try {
      Processes.kill(processFd);
      // A process that was killed ends at once; the limit is for a machine in trouble.
      boolean unused = awaitEnd(5_000);
    } catch (ErrnoException e) {
      // It has ended by itself.
    }
    if (child != null) {
      Processes.reap(child.pid());
      Descriptors.close(child.inputFd());
    }
    Descriptors.close(processFd);
  }

  private boolean awaitEnd(int millis) throws ErrnoException {
    try (var arena = java.lang.foreign.Arena.ofConfined()) {
      var poll = new Descriptors.PollSet(arena, 1);
      poll.set(0, processFd, Descriptors.POLLIN);
      return poll.await(millis) > 0;
    }
  }
}
