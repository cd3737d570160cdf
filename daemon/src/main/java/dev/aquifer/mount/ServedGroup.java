package dev.aquifer.mount;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.Fanotify;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This process's fanotify group with all that makes it outlive the process: its keeper, and the
 * state file by which a successor finds both; and the groups of predecessors that are still needed.
 *
 * <p>Safe for use by many threads.
 */
final class ServedGroup {
  private static final Logger LOG = LoggerFactory.getLogger(ServedGroup.class);

  private final Path runDirectory;
  private final FileChannel lockFile;
  private final Fanotify group;
  private final FanotifyServer server;
  private final CopyOnWriteArrayList<StaleMounts> stale;
  private final String bootId;

  /** Held while the state file, some hundred bytes, is written: the newest state must win. */
  private final Object recording = new Object();

  /** Guarded by recording. */
  private Keeper keeper;

  /** Guarded by recording. */
  private boolean isClosed;

  private ServedGroup(Path runDirectory, Undo undo) throws IOException {
    this.runDirectory = runDirectory;
    this.lockFile = undo.add(lock(runDirectory));
    this.bootId = StateFile.currentBootId();
    this.stale = new CopyOnWriteArrayList<>(StaleMounts.recover(runDirectory));
    stale.forEach(mounts -> undo.add(mounts::abandon));
    this.group = undo.add(openGroup());
    this.server = undo.add(FanotifyServer.start(group, "aquifer-events"));
    this.keeper = undo.add(Keeper.start(group, runDirectory));
  }

  /**
   * Takes {@code runDirectory}, cleans up in it, and starts to serve.
   *
   * @throws RefusedException EBUSY if another process uses the directory; what the kernel lacks
   */
  static ServedGroup open(Path runDirectory) throws IOException {
    Undo undo = new Undo();
    try {
      return new ServedGroup(runDirectory, undo);
    } catch (Throwable e) {
      undo.closeAfter(e);
      throw e;
    }
  }

  private static FileChannel lock(Path runDirectory) throws IOException {
    Files.createDirectories(runDirectory);
    FileChannel file =
        FileChannel.open(
            runDirectory.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      if (file.tryLock() != null) {
        return file;
      }
    } catch (OverlappingFileLockException e) {
      // By this very process; said below.
    } catch (Throwable e) {
      file.close();
      throw e;
    }
    file.close();
    throw new RefusedException(
        Errno.EBUSY,
        runDirectory + ": another aquifer process uses it: one daemon for a directory");
  }

  private static Fanotify openGroup() throws IOException {
    try {
      return Fanotify.open();
    } catch (ErrnoException e) {
      throw new RefusedException(Errno.of(e.errno()), KernelFeatures.withoutGroup(e));
    }
  }

  FanotifyServer server() {
    return server;
  }

  /** Whether a predecessor's mount still reads the file. */
  boolean isHeldByStale(Path data) {
    return stale.stream().anyMatch(mounts -> mounts.holds(data));
  }

  /**
   * Lets go of predecessors' groups that nobody needs any more. Called by one thread.
   *
   * @return whether some are still needed
   */
  boolean endStale() throws IOException {
    for (StaleMounts mounts : stale) {
      if (mounts.endIfGone()) {
        stale.remove(mounts);
        LOG.info("the last program that used a mount of an earlier daemon has ended");
      }
    }
    return !stale.isEmpty();
  }

  /** The descriptor of the keeper's process. */
  int keeperFd() {
    synchronized (recording) {
      return keeper.processFd();
    }
  }

  /**
   * Starts another keeper for one that has ended. The old state file goes when the new one is
   * there: at no moment a successor finds none.
   */
  void replaceKeeper(Supplier<List<Mount>> mounts) throws IOException {
    synchronized (recording) {
      if (isClosed) {
        return;
      }
      Keeper ended = keeper;
      Keeper next = Keeper.start(group, runDirectory);
      try {
        write(next, mounts.get());
      } catch (Throwable e) {
        next.close();
        throw e;
      }
      keeper = next;
      Files.deleteIfExists(StateFile.path(runDirectory, ended.pid()));
      ended.close();
    }
  }

  /** Writes the state file; {@code mounts} is asked when it is this writer's turn. */
  void record(Supplier<List<Mount>> mounts) throws IOException {
    synchronized (recording) {
      if (!isClosed) {
        write(keeper, mounts.get());
      }
    }
  }

  private void write(Keeper holder, List<Mount> served) throws IOException {
    List<StateFile.Entry> entries = served.stream().map(Mount::entry).toList();
    List<Path> files =
        served.stream().flatMap(mount -> mount.dataFiles().stream()).distinct().toList();
    new StateFile(bootId, holder.pid(), holder.startTicks(), entries, files).write(runDirectory);
  }

  /**
   * Stops serving; idempotent.
   *
   * @param isUnused whether nothing is mounted any more that the group serves. Else the keeper goes
   *     on, and the state file stays
   */
  void close(boolean isUnused) throws IOException {
    synchronized (recording) {
      if (isClosed) {
        return;
      }
      isClosed = true;
      server.close();
      stale.forEach(StaleMounts::abandon);
      if (isUnused) {
        keeper.close();
        Files.deleteIfExists(StateFile.path(runDirectory, keeper.pid()));
      } else {
        keeper.abandon();
      }
      group.close();
      lockFile.close();
    }
  }
}
