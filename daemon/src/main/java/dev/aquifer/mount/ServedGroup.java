package dev.aquifer.mount;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.Fanotify;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one fanotify group of a run directory, with all that makes it outlive this process: its
 * keeper, the journal of its events, and the file by which a successor finds them. It is as old as
 * the oldest mount: a daemon takes over its predecessor's.
 *
 * <p>Safe for use by many threads.
 */
final class ServedGroup {
  private static final Logger LOG = LoggerFactory.getLogger(ServedGroup.class);

  private final Path runDirectory;
  private final List<String> revive;
  private final String bootId = SavedState.bootId();
  private final boolean isTakenOver;
  private final Fanotify group;
  private final Journal journal;
  private final FanotifyServer server;

  /** Held while the keeper is changed and its file written: the newest state must win. */
  private final Object recording = new Object();

  /** Guarded by recording: null as long as nothing is mounted. */
  private @Nullable Keeper keeper;

  /** Guarded by recording. */
  private boolean isClosed;

  private ServedGroup(Path runDirectory, List<String> revive, Warnings warnings, Undo undo)
      throws IOException {
    this.runDirectory = runDirectory;
    this.revive = revive;
    Keeper found = findKeeper(warnings);
    if (found != null) {
      undo.add(() -> found.abandon(Mounts.End.FAILED));
    }
    Fanotify taken = found == null ? null : found.takeGroup();
    this.isTakenOver = taken != null;
    this.keeper = found;
    this.group = undo.add(taken == null ? openGroup() : taken);
    this.journal = undo.add(openJournal());
    this.server = undo.add(FanotifyServer.create(group, journal, "aquifer-events"));
  }

  /**
   * Finds the group of a predecessor, or makes one. Serves nothing before {@link #start}.
   *
   * @param revive the command that starts a daemon if this process is killed; empty for none
   * @throws RefusedException what the kernel lacks
   */
  static ServedGroup open(Path runDirectory, List<String> revive, Warnings warnings)
      throws IOException {
    Undo undo = new Undo();
    try {
      return new ServedGroup(runDirectory, revive, warnings, undo);
    } catch (Throwable e) {
      undo.closeAfter(e);
      throw e;
    }
  }

  private static Fanotify openGroup() throws IOException {
    try {
      return Fanotify.open();
    } catch (ErrnoException e) {
      throw new RefusedException(Errno.of(e.errno()), KernelFeatures.withoutGroup(e));
    }
  }

  private Path file() {
    return runDirectory.resolve("group");
  }

  private @Nullable Keeper findKeeper(Warnings warnings) throws IOException {
    if (!Files.exists(file())) {
      return null;
    }
    try {
      SavedGroup saved = SavedState.read(file(), SavedGroup.class);
      return saved.bootId().equals(bootId)
          ? Keeper.find(saved.keeperPid(), saved.keeperStartTicks())
          : null;
    } catch (IOException e) {
      warnings.add("%s: put aside as %s".formatted(Denial.reason(e), SavedState.putAside(file())));
      return null;
    }
  }

  private Journal openJournal() throws IOException {
    Path path = runDirectory.resolve("events");
    if (isTakenOver) {
      Journal left = Journal.open(path);
      if (left != null) {
        return left;
      }
      LOG.warn(
          "{}: is not there or no journal: what waited for the earlier daemon is denied", path);
      group.denyOrphans();
    }
    return Journal.create(path);
  }

  /** Whether a predecessor's mounts ask this group. */
  boolean isTakenOver() {
    return isTakenOver;
  }

  String bootId() {
    return bootId;
  }

  FanotifyServer server() {
    return server;
  }

  /**
   * Starts to serve: first what a predecessor left unanswered. To be called when all files of the
   * mounts that were taken over are watched.
   *
   * @param isUsed whether the kernel has any file system that asks this group
   * @param knowsAll whether all files that such ones read are watched
   */
  void start(boolean isUsed, boolean knowsAll) throws IOException {
    synchronized (recording) {
      Keeper old = keeper;
      keeper = null;
      if (isUsed) {
        replace(old);
      } else if (old != null) {
        end(old);
      } else {
        Files.deleteIfExists(file());
      }
    }
    server.start(knowsAll);
  }

  /** Makes sure that a keeper holds the group; to be called before a mount is made. */
  void keep() throws IOException {
    synchronized (recording) {
      if (keeper == null && !isClosed) {
        replace(null);
      }
    }
  }

  /** Ends the keeper if nothing is mounted any more. */
  void release(BooleanSupplier isUnused) throws IOException {
    synchronized (recording) {
      Keeper idle = keeper;
      if (idle != null && !isClosed && isUnused.getAsBoolean()) {
        keeper = null;
        end(idle);
      }
    }
  }

  /** Starts another keeper if the one there should be was ended from outside. */
  void replaceEnded() throws IOException {
    synchronized (recording) {
      if (keeper != null && !isClosed && keeper.hasEnded()) {
        LOG.warn("the keeper was ended from outside; starting another");
        replace(keeper);
      }
    }
  }

  /** The new one is on record before the old one ends: at no moment a successor finds none. */
  private void replace(@Nullable Keeper old) throws IOException {
    Keeper next = Keeper.start(group, runDirectory, revive);
    try {
      SavedState.write(file(), new SavedGroup(bootId, next.pid(), next.startTicks()));
    } catch (Throwable e) {
      next.close();
      throw e;
    }
    keeper = next;
    if (old != null) {
      old.close();
    }
  }

  private void end(Keeper idle) throws IOException {
    Files.deleteIfExists(file());
    idle.close();
  }

  /** The descriptor of the keeper's process; -1 without one. */
  int keeperFd() {
    synchronized (recording) {
      return keeper == null ? -1 : keeper.processFd();
    }
  }

  /**
   * Stops serving; idempotent. With mounts left the keeper goes on, and with it the group: what
   * readers ask then waits for a successor.
   *
   * @param end why
   */
  void close(Mounts.End end) throws IOException {
    synchronized (recording) {
      if (isClosed) {
        return;
      }
      isClosed = true;
      server.close(end != Mounts.End.MEANT);
      if (keeper != null) {
        keeper.abandon(end);
      }
      group.close();
      journal.close();
    }
  }
}
