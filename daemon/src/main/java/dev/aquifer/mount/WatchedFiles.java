package dev.aquifer.mount;

import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.Descriptors.FileId;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.Fanotify;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files about which a group is asked, by device and inode number. A file is here as long as a
 * mount uses it. The kernel asks because mounts opened it through {@link Fanotify#openWatched}; of
 * one that is complete it is told to ask no more.
 *
 * <p>Safe for use by many threads; looking up takes no lock. The lock is held across {@code
 * fanotify_mark(2)}, which waits for nothing.
 */
final class WatchedFiles {
  private static final Logger LOG = LoggerFactory.getLogger(WatchedFiles.class);

  private final Fanotify group;
  private final Object lock = new Object();

  /** Guarded by lock. */
  private final Map<FileId, Entry> entries = new HashMap<>();

  /** Guarded by lock: set when the group may be closed. */
  private boolean isClosed;

  /** What the event thread looks into; replaced as a whole, under the lock. */
  private volatile Map<FileId, LazyFile> files = Map.of();

  WatchedFiles(Fanotify group) {
    this.group = group;
  }

  /** One file. */
  private static final class Entry {
    final LazyFile file;
    final FileId id;

    /** Guarded by lock: the settings of those who use it. */
    final List<Prefetch> users = new ArrayList<>();

    /** Guarded by lock: open as long as the kernel is told to ignore the file, else -1. */
    int ignoredFd = -1;

    Entry(LazyFile file, FileId id) {
      this.file = file;
      this.id = id;
    }
  }

  /**
   * Answers for {@code file} from now on. To be called before the mount that reads it is made, and
   * closed when that mount's file system is no more. Closing twice does no harm.
   *
   * @throws IOException if the file is not there
   */
  Closeable watch(LazyFile file, Prefetch prefetch) throws IOException {
    FileId id = Descriptors.fileId(file.path());
    Entry watched;
    synchronized (lock) {
      if (isClosed) {
        throw new IOException(file.name() + ": its server is closed");
      }
      watched = entries.computeIfAbsent(id, key -> new Entry(file, key));
      watched.users.add(prefetch);
      publish();
      if (!watched.file.isComplete() && watched.ignoredFd < 0) {
        endLeftIgnore(watched.file);
      }
      watched.file.prefetch(strongest(watched.users));
    }
    Runnable forget = watched.file.whenComplete(() -> ignore(watched));
    AtomicBoolean closed = new AtomicBoolean();
    return () -> {
      if (closed.compareAndSet(false, true)) {
        forget.run();
        release(watched, prefetch);
      }
    };
  }

  /** A predecessor may have found it complete, and have been killed before it found it damaged. */
  private void endLeftIgnore(LazyFile file) throws IOException {
    int fd = Descriptors.openForReading(file.path());
    try {
      group.unignore(fd, file.path());
    } catch (ErrnoException e) {
      // There is no such mark, as nearly always.
    } finally {
      Descriptors.close(fd);
    }
  }

  private void publish() {
    Map<FileId, LazyFile> changed = new HashMap<>();
    entries.forEach((id, entry) -> changed.put(id, entry.file));
    files = Map.copyOf(changed);
  }

  private static Prefetch strongest(List<Prefetch> settings) {
    Prefetch strongest = settings.get(0);
    for (Prefetch prefetch : settings) {
      strongest = strongest.max(prefetch);
    }
    return strongest;
  }

  private void release(Entry entry, Prefetch prefetch) {
    synchronized (lock) {
      entry.users.remove(prefetch);
      if (!entry.users.isEmpty()) {
        entry.file.prefetch(strongest(entry.users));
        return;
      }
      entries.remove(entry.id);
      publish();
      heed(entry);
    }
  }

  /** The file is complete: it can be read without asking. */
  private void ignore(Entry entry) {
    synchronized (lock) {
      if (isClosed || entry.ignoredFd >= 0 || entries.get(entry.id) != entry) {
        return;
      }
      try {
        entry.ignoredFd = Descriptors.openForReading(entry.file.path());
        group.ignore(entry.ignoredFd, entry.file.path());
      } catch (IOException e) {
        // The kernel goes on to ask, and is answered: slower, but right.
        LOG.warn(
            "{}: is asked about although it is complete: {}", entry.file.name(), e.getMessage());
      }
    }
  }

  /** Has the kernel ask about complete files, too, as they may turn out not to be. */
  void askAll() {
    synchronized (lock) {
      entries.values().forEach(this::heed);
    }
  }

  /** Ends {@link #askAll}: what is complete, or when it is, is ignored again. */
  void ignoreComplete() {
    List<Entry> now;
    synchronized (lock) {
      now = List.copyOf(entries.values());
    }
    for (Entry entry : now) {
      Runnable unused = entry.file.whenComplete(() -> ignore(entry));
    }
  }

  /** The kernel is to ask about it again. */
  private void heed(Entry entry) {
    if (entry.ignoredFd < 0) {
      return;
    }
    try {
      if (!isClosed) {
        group.unignore(entry.ignoredFd, entry.file.path());
      }
    } catch (ErrnoException e) {
      LOG.warn("{}: {}", entry.file.name(), e.getMessage());
    } finally {
      Descriptors.close(entry.ignoredFd);
      entry.ignoredFd = -1;
    }
  }

  /**
   * Leaves marks as they are from now on. The group may be closed then; another process that holds
   * it still has the marks.
   */
  void close() {
    synchronized (lock) {
      isClosed = true;
    }
  }

  /** The file of these numbers, or null if no mount uses one. */
  @Nullable LazyFile find(long device, long inode) {
    return files.get(new FileId(device, inode));
  }

  /** All files. */
  List<LazyFile> all() {
    return List.copyOf(files.values());
  }

  /** How many files are watched of which something is missing. */
  int incompleteCount() {
    return (int) files.values().stream().filter(file -> !file.isComplete()).count();
  }
}
