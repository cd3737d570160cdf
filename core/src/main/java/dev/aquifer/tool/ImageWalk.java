package dev.aquifer.tool;

import dev.aquifer.image.DirEntry;
import dev.aquifer.image.Directory;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Walks the tree of an image: a directory before what is in it, names in the order of their
 * unsigned bytes.
 *
 * <p>Ends for every image: a directory that is met a second time, as in a loop, is damage, and so
 * is one more than {@link #MAX_DEPTH} levels down, or with a path of more than {@link
 * #MAX_PATH_BYTES}. Holds at most {@link #PAGE_ENTRIES} names of each directory on the way, and one
 * number for each directory of the image.
 */
public final class ImageWalk {
  /** How far down a walk goes. Linux takes no path with more than 2048 names. */
  public static final int MAX_DEPTH = 4096;

  /** How long the path of a directory may be. Linux takes none of more than 4096 bytes. */
  public static final int MAX_PATH_BYTES = 1 << 16;

  /** How many names of a directory are held at once. */
  public static final int PAGE_ENTRIES = 65536;

  private final Image image;
  private final Visitor visitor;
  private final int pageEntries;
  private final Set<Long> directories = new HashSet<>();
  private final Deque<Level> levels = new ArrayDeque<>();

  private ImageWalk(Image image, int pageEntries, Visitor visitor) {
    this.image = image;
    this.pageEntries = pageEntries;
    this.visitor = visitor;
  }

  /** Is told what a walk meets. */
  public interface Visitor {
    /**
     * Called for each path; what it throws ends the walk.
     *
     * @return whether to go into it, if it is a directory
     */
    boolean enter(WalkEntry entry) throws IOException;

    /** Called after all that could be read in a directory, if {@link #enter} said to go into it. */
    default void leave(WalkEntry directory) throws IOException {}

    /**
     * Called when what is at {@code path} can't be read: its inode, or the (rest of the) names in
     * it. Throws to end the walk, as it does unless overridden; else the walk goes on with the next
     * path.
     */
    default void failed(byte[] path, IOException why) throws IOException {
      throw why;
    }
  }

  /** Walks the whole image. */
  public static void walk(Image image, Visitor visitor) throws IOException {
    walk(image, WalkEntry.ROOT, image.root(), visitor);
  }

  /**
   * Walks what is at and below {@code start}.
   *
   * @param path how {@code start} is called: a path that begins with {@code /}
   */
  public static void walk(Image image, byte[] path, Inode start, Visitor visitor)
      throws IOException {
    new ImageWalk(image, PAGE_ENTRIES, visitor)
        .run(new WalkEntry(path, new byte[0], 0, true, start));
  }

  /** As {@link #walk(Image, Visitor)}, holding fewer names at once. */
  static void walk(Image image, int pageEntries, Visitor visitor) throws IOException {
    WalkEntry start = new WalkEntry(WalkEntry.ROOT, new byte[0], 0, true, image.root());
    new ImageWalk(image, pageEntries, visitor).run(start);
  }

  private void run(WalkEntry start) throws IOException {
    visit(start);
    while (!levels.isEmpty()) {
      Level level = levels.getFirst();
      DirEntry next = level.next();
      if (next == null) {
        levels.pop();
        visitor.leave(level.entry);
      } else {
        visit(level.entry, next, level.isLast());
      }
    }
  }

  private void visit(WalkEntry parent, DirEntry found, boolean isLast) throws IOException {
    byte[] name = found.name();
    byte[] path = WalkEntry.childPath(parent.path(), name);
    Inode inode;
    try {
      inode = image.inode(found);
    } catch (IOException e) {
      visitor.failed(path, e);
      return;
    }
    visit(new WalkEntry(path, name, parent.depth() + 1, isLast, inode));
  }

  private void visit(WalkEntry entry) throws IOException {
    if (!visitor.enter(entry) || entry.inode().type() != FileType.DIRECTORY) {
      return;
    }
    try {
      checkNew(entry);
      levels.push(new Level(entry, image.directory(entry.inode())));
    } catch (IOException e) {
      visitor.failed(entry.path(), e);
      visitor.leave(entry);
    }
  }

  private void checkNew(WalkEntry entry) throws CorruptDataException {
    String wrong = null;
    if (!directories.add(entry.inode().nid())) {
      wrong = "is met a second time: a directory has one name and is not inside itself";
    } else if (entry.depth() > MAX_DEPTH) {
      wrong = "is more than %d levels down".formatted(MAX_DEPTH);
    } else if (entry.path().length > MAX_PATH_BYTES) {
      wrong = "has a path of more than %d bytes".formatted(MAX_PATH_BYTES);
    }
    if (wrong != null) {
      throw new CorruptDataException(
          "%s: %s: directory nid %s %s"
              .formatted(
                  image.name(),
                  entry.withShortPath().shown(),
                  Long.toUnsignedString(entry.inode().nid()),
                  wrong));
    }
  }

  /** A directory whose entries are being visited. */
  private final class Level {
    private final WalkEntry entry;
    private final Directory directory;
    private List<DirEntry> page = List.of();
    private int position;
    private boolean hasMore = true;
    private byte @Nullable [] last;

    /** What ended the last reading of names, told after those before it. */
    private @Nullable IOException failure;

    Level(WalkEntry entry, Directory directory) {
      this.entry = entry;
      this.directory = directory;
    }

    @Nullable DirEntry next() throws IOException {
      if (position == page.size() && hasMore) {
        readPage();
      }
      if (position < page.size()) {
        return page.get(position++);
      }
      if (failure != null) {
        IOException told = failure;
        failure = null;
        visitor.failed(entry.path(), told);
      }
      return null;
    }

    /** Whether what {@link #next} gave is the last. */
    boolean isLast() {
      return position == page.size() && !hasMore;
    }

    private void readPage() {
      page = new ArrayList<>();
      position = 0;
      hasMore = false;
      byte[] after = last;
      try {
        if (after == null) {
          directory.forEach(this::add);
        } else {
          directory.forEachAfter(after, this::add);
        }
      } catch (PageFull e) {
        last = page.getLast().name();
      } catch (IOException e) {
        failure = e;
      }
    }

    private void add(DirEntry found) throws PageFull {
      if (page.size() == pageEntries) {
        hasMore = true;
        throw new PageFull();
      }
      page.add(found);
    }
  }

  private static final class PageFull extends IOException {
    private static final long serialVersionUID = 1;
  }
}
