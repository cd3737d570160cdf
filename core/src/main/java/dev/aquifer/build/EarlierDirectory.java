package dev.aquifer.build;

import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A directory of an earlier image, with its regular files and directories. Used by one thread. */
final class EarlierDirectory {
  /** The name of a regular file or a directory in it. */
  static final class Entry {
    final byte[] name;
    final long nid;
    final long sizeBytes;

    /** Null for a regular file. */
    final @Nullable EarlierDirectory directory;

    private Entry(byte[] name, Inode inode, @Nullable EarlierDirectory directory) {
      this.name = name;
      this.nid = inode.nid();
      this.sizeBytes = inode.sizeBytes();
      this.directory = directory;
    }
  }

  /** Is told of each regular file, as often as it has names. */
  interface Visitor {
    void visit(Inode file) throws IOException;
  }

  /** In the order of their bytes. */
  private final List<Entry> entries = new ArrayList<>();

  private EarlierDirectory() {}

  private record Unread(Inode inode, EarlierDirectory directory) {}

  /** All directories of {@code image}; returns its root. */
  static EarlierDirectory read(Image image, Visitor visitor) throws IOException {
    EarlierDirectory root = new EarlierDirectory();
    Set<Long> seen = new HashSet<>();
    seen.add(image.root().nid());
    Deque<Unread> rest = new ArrayDeque<>();
    rest.push(new Unread(image.root(), root));
    while (!rest.isEmpty()) {
      Waiting.checkInterrupt();
      Unread next = rest.pop();
      List<Entry> entries = next.directory.entries;
      image
          .directory(next.inode)
          .forEach(
              entry -> {
                if (entry.type() == FileType.REGULAR) {
                  Inode file = regular(image, entry.nid());
                  visitor.visit(file);
                  entries.add(new Entry(entry.name(), file, null));
                } else if (entry.type() == FileType.DIRECTORY) {
                  // Without this an image of a few bytes could keep us busy for ever.
                  if (!seen.add(entry.nid())) {
                    throw new CorruptDataException(
                        "%s: %s: this directory is also in another place: expected one place"
                            .formatted(image.name(), entry));
                  }
                  EarlierDirectory child = new EarlierDirectory();
                  Inode inode = image.inode(entry);
                  entries.add(new Entry(entry.name(), inode, child));
                  rest.push(new Unread(inode, child));
                }
              });
    }
    return root;
  }

  private static Inode regular(Image image, long nid) throws IOException {
    Inode file = image.inode(nid);
    if (file.type() != FileType.REGULAR) {
      throw new CorruptDataException(
          "%s: inode nid %d: is a %s: a directory entry says regular file"
              .formatted(image.name(), nid, file.type()));
    }
    return file;
  }

  List<Entry> entries() {
    return entries;
  }

  /** What has exactly this name, or null. */
  @Nullable Entry find(byte[] name) {
    int low = 0;
    int high = entries.size() - 1;
    while (low <= high) {
      int middle = low + high >>> 1;
      int order = Arrays.compareUnsigned(entries.get(middle).name, name);
      if (order == 0) {
        return entries.get(middle);
      }
      if (order < 0) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return null;
  }
}
