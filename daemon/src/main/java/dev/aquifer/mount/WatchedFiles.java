package dev.aquifer.mount;

import dev.aquifer.linux.Descriptors;
import dev.aquifer.linux.Descriptors.FileId;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.Fanotify;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files about which a group is asked, by device and inode number. A file is here as long as a
 * mount uses it, and marked as long as something is missing in it.
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
  private volatile Table table = Table.of(List.of());

  WatchedFiles(Fanotify group) {
    this.group = group;
  }

  /** One file. */
  private static final class Entry {
    final LazyFile file;
    final FileId id;

    /** Guarded by lock: the settings of those who use it. */
    final List<Prefetch> users = new ArrayList<>();

    /** Guarded by lock: open as long as the file is marked, else -1. */
    int markedFd;

    Entry(LazyFile file, FileId id, int markedFd) {
      this.file = file;
      this.id = id;
      this.markedFd = markedFd;
    }
  }

  /**
   * Has the kernel ask about {@code file}, unless all of it is there. To be called before the mount
   * that reads it is made, and closed when that mount's file system is no more: closing ends the
   * mark if nobody else uses the file. Closing twice does no harm.
   *
   * @throws IOException if the file system has no such events, or the file is not there
   */
  Closeable watch(LazyFile file, Prefetch prefetch) throws IOException {
    int fd = Descriptors.openForReading(file.path());
    Entry entry;
    try {
      FileId id = Descriptors.fileId(fd);
      synchronized (lock) {
        if (isClosed) {
          throw new IOException(file.name() + ": its server is closed");
        }
        entry = entries.get(id);
        if (entry == null) {
          entry = new Entry(file, id, -1);
          if (!file.isComplete()) {
            group.mark(fd, file.path());
            entry.markedFd = fd;
            fd = -1;
          }
          entries.put(id, entry);
          table = Table.of(entries.values());
        }
        entry.users.add(prefetch);
        file.prefetch(strongest(entry.users));
      }
    } finally {
      if (fd >= 0) {
        Descriptors.close(fd);
      }
    }
    Entry watched = entry;
    file.whenComplete(() -> unmark(watched));
    AtomicBoolean closed = new AtomicBoolean();
    return () -> {
      if (closed.compareAndSet(false, true)) {
        release(watched, prefetch);
      }
    };
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
      unmark(entry);
      entries.remove(entry.id);
      table = Table.of(entries.values());
    }
  }

  private void unmark(Entry entry) {
    synchronized (lock) {
      if (entry.markedFd < 0) {
        return;
      }
      try {
        if (!isClosed) {
          group.unmark(entry.markedFd, entry.file.path());
        }
      } catch (ErrnoException e) {
        // The kernel goes on to ask, and is answered: slower, but right.
        LOG.warn("{}: still marked: {}", entry.file.name(), e.getMessage());
      } finally {
        Descriptors.close(entry.markedFd);
        entry.markedFd = -1;
      }
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
    return table.find(device, inode);
  }

  /** How many files are marked now. */
  int markedCount() {
    synchronized (lock) {
      return (int) entries.values().stream().filter(entry -> entry.markedFd >= 0).count();
    }
  }

  /** An immutable hash table of open addressing, at most half full: a look-up allocates nothing. */
  private static final class Table {
    private final long[] devices;
    private final long[] inodes;
    private final @Nullable LazyFile[] files;

    private Table(int size) {
      this.devices = new long[size];
      this.inodes = new long[size];
      this.files = new LazyFile[size];
    }

    static Table of(Collection<Entry> entries) {
      int size = Math.max(2, Integer.highestOneBit(entries.size()) << 2);
      Table table = new Table(size);
      for (Entry entry : entries) {
        int at = table.start(entry.id.inode());
        while (table.files[at] != null) {
          at = at + 1 & size - 1;
        }
        table.devices[at] = entry.id.device();
        table.inodes[at] = entry.id.inode();
        table.files[at] = entry.file;
      }
      return table;
    }

    private int start(long inode) {
      return (int) (inode * 0x9e37_79b9_7f4a_7c15L >>> 33) & files.length - 1;
    }

    @Nullable LazyFile find(long device, long inode) {
      for (int at = start(inode); files[at] != null; at = at + 1 & files.length - 1) {
        if (inodes[at] == inode && devices[at] == device) {
          return files[at];
        }
      }
      return null;
    }
  }
}
