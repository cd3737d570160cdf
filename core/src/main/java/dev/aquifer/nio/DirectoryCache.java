package dev.aquifer.nio;

import dev.aquifer.image.Inode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The directories used last: by path, the inodes from the root to each, so that the way to each
 * file need not be walked from the root. Images don't change, and so don't these. Safe for use by
 * many threads.
 */
final class DirectoryCache {
  private static final int MAX_ENTRIES = 256;

  private final Map<ErofsPath, List<Inode>> entries = // guarded by itself
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<ErofsPath, List<Inode>> eldest) {
          return size() > MAX_ENTRIES;
        }
      };

  @Nullable List<Inode> get(ErofsPath path) {
    synchronized (entries) {
      return entries.get(path);
    }
  }

  void put(ErofsPath path, List<Inode> trail) {
    synchronized (entries) {
      entries.put(path, trail);
    }
  }
}
