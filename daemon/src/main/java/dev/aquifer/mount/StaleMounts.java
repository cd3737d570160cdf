package dev.aquifer.mount;

import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.Fanotify;
import dev.aquifer.linux.MountCalls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a process that was killed left mounted. Its readers wait, because its keeper still holds the
 * group. This takes the group over, denies what it is asked (the bytes are not there, and zeros
 * would be wrong), hides the mounts, and lets go of the group when the last of their file systems
 * is gone: at once if no program has a file open there.
 *
 * <p>Used by one thread.
 */
final class StaleMounts {
  private static final Logger LOG = LoggerFactory.getLogger(StaleMounts.class);
  private static final long PATIENCE_NANOS = 1_000_000_000L;

  private final Path file;
  private final StateFile state;
  private final @Nullable Keeper keeper;
  private final @Nullable Fanotify group;
  private final @Nullable FanotifyServer denier;
  private boolean isStopped;

  private StaleMounts(Path file, StateFile state, Undo undo) throws IOException {
    this.file = file;
    this.state = state;
    this.keeper = Keeper.find(state.keeperPid(), state.keeperStartTicks());
    if (keeper == null) {
      this.group = null;
      this.denier = null;
      return;
    }
    undo.add(keeper::abandon);
    this.group = undo.add(keeper.takeGroup());
    // Before new events are read: they may come with the numbers of the old ones.
    group.denyOrphans();
    // It knows of no file, so it denies everything.
    this.denier = FanotifyServer.start(group, "aquifer-stale");
  }

  private static StaleMounts takeOver(Path file, StateFile state) throws IOException {
    Undo undo = new Undo();
    try {
      return new StaleMounts(file, state, undo);
    } catch (Throwable e) {
      undo.closeAfter(e);
      throw e;
    }
  }

  /**
   * Cleans up what {@code runDirectory} tells of.
   *
   * @return what the kernel has not let go of yet
   */
  static List<StaleMounts> recover(Path runDirectory) throws IOException {
    Undo undo = new Undo();
    try {
      List<StaleMounts> found = new ArrayList<>();
      for (Path file : StateFile.find(runDirectory)) {
        StateFile state = StateFile.read(file);
        if (state.bootId().equals(StateFile.currentBootId())) {
          StaleMounts stale = takeOver(file, state);
          undo.add(stale::abandon);
          found.add(stale);
        } else {
          Files.delete(file);
        }
      }
      // A daemon that is killed while it replaces a keeper leaves two files of the same mounts.
      // The one whose keeper lives tells what their readers went through.
      found.sort(Comparator.comparing(stale -> stale.keeper == null));
      for (StaleMounts stale : found) {
        stale.hide();
      }
      List<StaleMounts> lingering = new ArrayList<>();
      for (StaleMounts stale : found) {
        if (!stale.endsWithin(PATIENCE_NANOS)) {
          lingering.add(stale);
          LOG.warn(
              "programs have files open in what an earlier daemon mounted at {}: they get EIO for what is not in memory; end them",
              stale.state.mounts().stream().map(StateFile.Entry::target).toList());
        }
      }
      return lingering;
    } catch (Throwable e) {
      undo.closeAfter(e);
      throw e;
    }
  }

  private boolean endsWithin(long nanos) throws IOException {
    long deadline = System.nanoTime() + nanos;
    while (!endIfGone()) {
      if (System.nanoTime() > deadline) {
        return false;
      }
      // The kernel tells nobody when it drops a file system.
      LockSupport.parkNanos(5_000_000);
    }
    return true;
  }

  private void hide() throws IOException {
    for (StateFile.Entry mount : state.mounts()) {
      if (!KernelMount.isAlive(mount.kernelName())) {
        continue;
      }
      MountTable.Entry top = MountTable.read().topAt(mount.target());
      if (top != null && top.type().equals("erofs") && top.device().equals(mount.device())) {
        unmount(mount);
      }
    }
  }

  private void unmount(StateFile.Entry mount) {
    try {
      MountCalls.umount(mount.target(), true);
    } catch (ErrnoException e) {
      LOG.error("{}: left by an earlier daemon: {}", mount.target(), e.getMessage());
      return;
    }
    if (group != null) {
      LOG.warn("{}: unmounted: left by an earlier daemon that was killed", mount.target());
    } else {
      LOG.error(
          "{}: unmounted: left by an earlier daemon that was killed together with its keeper: programs that read there since then may have got zeros; start them anew",
          mount.target());
    }
  }

  /**
   * Lets go of the group if the kernel has none of the file systems any more.
   *
   * @return whether that is so; this is then not used again
   */
  boolean endIfGone() throws IOException {
    if (state.mounts().stream().anyMatch(mount -> KernelMount.isAlive(mount.kernelName()))) {
      return false;
    }
    stop(keeper == null ? () -> {} : keeper::close);
    Files.deleteIfExists(file);
    return true;
  }

  /**
   * The data files that they read. They are marked in the old group, which denies: what is opened
   * now can't be filled.
   */
  boolean holds(Path data) {
    return group != null && state.files().contains(data);
  }

  /** Stops, and leaves the rest to the next process; idempotent. */
  void abandon() {
    stop(keeper == null ? () -> {} : keeper::abandon);
  }

  private void stop(Runnable keeperEnd) {
    if (isStopped) {
      return;
    }
    isStopped = true;
    if (denier != null) {
      denier.close();
    }
    if (group != null) {
      group.close();
    }
    keeperEnd.run();
  }
}
