package dev.aquifer.cli;

import dev.aquifer.image.ByteNames;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.linux.ErrnoException;
import dev.aquifer.linux.FileCalls;
import dev.aquifer.linux.TreeCalls;
import dev.aquifer.tool.FileCopy;
import dev.aquifer.tool.PathText;
import dev.aquifer.tool.TreeSink;
import dev.aquifer.tool.WalkEntry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Makes a tree in an empty directory. Each file is made by its name in the open directory that it
 * belongs to, and must not be there before; so no link is followed, be it of the image, in the
 * target before, or put there meanwhile. Directories are for their owner alone until all is in
 * them; then they get their owners, attributes, modes and times.
 *
 * <p>Files and links are made by threads of a pool; a directory stays open until the last of them
 * is done.
 */
final class DirectorySink implements TreeSink {
  private static final long BUFFER_BYTES = 1 << 20;

  /**
   * Set-user-ID and set-group-ID: without the right owner they would give away another's rights.
   */
  private static final int SET_ID_BITS = 06000;

  private static final ThreadLocal<MemorySegment> BUFFERS =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(BUFFER_BYTES, 4096));

  private final String target;
  private final int root;
  private final boolean withOwners;
  private final LeftOut leftOut;
  private final LongConsumer progress;
  private final WorkPool pool;
  private boolean isUnused = true;
  private final Set<OpenDirectory> open = ConcurrentHashMap.newKeySet();
  private final Deque<OpenDirectory> way = new ArrayDeque<>();

  /**
   * Takes an empty directory.
   *
   * @param target what messages call it
   * @param root an open descriptor of it, which the sink closes when it is done with it
   * @param withOwners whether to set owners and groups, which needs root
   * @param leftOut is told what can't be put
   * @param progress is told counts of bytes of data as they are written
   */
  DirectorySink(
      String target,
      int root,
      boolean withOwners,
      int threads,
      LeftOut leftOut,
      LongConsumer progress) {
    this.target = target;
    this.root = root;
    this.withOwners = withOwners;
    this.leftOut = leftOut;
    this.progress = progress;
    this.pool = new WorkPool(threads);
  }

  /** A directory that is open until all that goes into it is done. */
  private static final class OpenDirectory {
    private final int fd;
    private final @Nullable OpenDirectory parent;
    private final WalkEntry entry;
    private final SortedMap<String, byte[]> xattrs;

    /** The walk itself, each file being written, and each directory in it. */
    private final AtomicInteger users = new AtomicInteger(1);

    OpenDirectory(
        int fd, @Nullable OpenDirectory parent, WalkEntry entry, SortedMap<String, byte[]> xattrs) {
      this.fd = fd;
      this.parent = parent;
      this.entry = entry;
      this.xattrs = xattrs;
    }
  }

  @Override
  public void enterDirectory(WalkEntry directory, SortedMap<String, byte[]> xattrs)
      throws IOException {
    pool.check();
    OpenDirectory parent = way.peek();
    int fd = root;
    if (parent != null) {
      try {
        TreeCalls.makeDirectory(parent.fd, directory.name());
        fd = TreeCalls.openDirectory(parent.fd, directory.name());
      } catch (ErrnoException e) {
        throw failed(directory, "can't be made", e);
      }
      parent.users.incrementAndGet();
    }
    OpenDirectory opened = new OpenDirectory(fd, parent, directory, xattrs);
    isUnused = false;
    open.add(opened);
    way.push(opened);
  }

  @Override
  public void leaveDirectory(WalkEntry directory) throws IOException {
    release(way.pop());
  }

  /** The last user of a directory finishes it, and is one user less of its parent. */
  private void release(@Nullable OpenDirectory last) throws IOException {
    @Nullable OpenDirectory directory = last;
    while (directory != null && directory.users.decrementAndGet() == 0) {
      Inode inode = directory.entry.inode();
      try {
        finish(directory.fd, directory.entry, directory.xattrs);
        TreeCalls.setTime(directory.fd, inode.mtimeSeconds(), inode.mtimeNanos());
      } catch (ErrnoException e) {
        throw failed(directory.entry, "its metadata can't be set", e);
      } finally {
        close(directory);
      }
      directory = directory.parent;
    }
  }

  @Override
  public void regularFile(WalkEntry file, SortedMap<String, byte[]> xattrs, Image image)
      throws IOException {
    pool.check();
    OpenDirectory directory = here();
    if (file.inode().nlink() > 1) {
      // Its further names need it to be there.
      write(directory, file, xattrs, image);
      return;
    }
    directory.users.incrementAndGet();
    pool.submit(
        () -> {
          write(directory, file, xattrs, image);
          release(directory);
        });
  }

  private void write(
      OpenDirectory directory, WalkEntry file, SortedMap<String, byte[]> xattrs, Image image)
      throws IOException {
    Inode inode = file.inode();
    try {
      int fd = TreeCalls.create(directory.fd, file.name());
      try {
        writeData(fd, inode, image);
        finish(fd, file, xattrs);
        TreeCalls.setTime(fd, inode.mtimeSeconds(), inode.mtimeNanos());
      } finally {
        FileCalls.close(fd);
      }
    } catch (ErrnoException e) {
      throw failed(file, "can't be written", e);
    }
  }

  private void writeData(int fd, Inode inode, Image image) throws IOException {
    long[] end = {0};
    FileCopy.copy(
        image,
        inode,
        BUFFERS.get(),
        (position, data) -> {
          TreeCalls.write(fd, data, position);
          end[0] = position + data.byteSize();
          progress.accept(data.byteSize());
        });
    if (end[0] < inode.sizeBytes()) {
      TreeCalls.resize(fd, inode.sizeBytes());
    }
  }

  /**
   * Owner first, since a change of it takes capabilities and set-ID bits away; the mode last, since
   * a file that is not writable takes no attributes of its owner.
   */
  private void finish(int fd, WalkEntry file, SortedMap<String, byte[]> xattrs)
      throws ErrnoException {
    Inode inode = file.inode();
    if (withOwners) {
      TreeCalls.setOwner(fd, inode.uid(), inode.gid());
    }
    for (Map.Entry<String, byte[]> xattr : xattrs.entrySet()) {
      byte[] name = ByteNames.toBytes(xattr.getKey());
      setXattr(xattr.getKey(), () -> TreeCalls.setXattr(fd, name, xattr.getValue()));
    }
    TreeCalls.setMode(fd, mode(inode));
  }

  private int mode(Inode inode) {
    int mode = inode.permissions();
    if (!withOwners && (mode & SET_ID_BITS) != 0 && inode.type() != FileType.DIRECTORY) {
      leftOut.add("set-user-ID and set-group-ID modes (owners are not set)");
      mode &= ~SET_ID_BITS;
    }
    return mode;
  }

  private interface Call {
    void run() throws ErrnoException;
  }

  private void setXattr(String name, Call call) throws ErrnoException {
    try {
      call.run();
    } catch (ErrnoException e) {
      if (e.errno() == TreeCalls.EOPNOTSUPP) {
        leftOut.add("extended attributes (the file system does not take them)");
      } else if (e.errno() == TreeCalls.EPERM && !name.startsWith("user.")) {
        leftOut.add("extended attributes that need root");
      } else if (e.errno() == TreeCalls.EPERM) {
        // user. attributes of links and special files exist in images alone.
        leftOut.add("extended attributes (files of their types take none)");
      } else {
        throw e;
      }
    }
  }

  @Override
  public void symbolicLink(WalkEntry link, SortedMap<String, byte[]> xattrs, byte[] text)
      throws IOException {
    pool.check();
    OpenDirectory directory = here();
    if (link.inode().nlink() > 1) {
      // As with files: its further names need it to be there.
      makeLink(directory, link, xattrs, text);
      return;
    }
    directory.users.incrementAndGet();
    pool.submit(
        () -> {
          makeLink(directory, link, xattrs, text);
          release(directory);
        });
  }

  private void makeLink(
      OpenDirectory directory, WalkEntry link, SortedMap<String, byte[]> xattrs, byte[] text)
      throws IOException {
    try {
      TreeCalls.makeLink(directory.fd, link.name(), text);
      finishNamed(directory.fd, link, xattrs);
    } catch (ErrnoException e) {
      throw failed(link, "can't be made", e);
    }
  }

  @Override
  public void special(WalkEntry special, SortedMap<String, byte[]> xattrs) throws IOException {
    pool.check();
    Inode inode = special.inode();
    try {
      TreeCalls.makeSpecial(
          here().fd,
          special.name(),
          inode.type().modeBits() | 0600,
          inode.rdevMajor(),
          inode.rdevMinor());
    } catch (ErrnoException e) {
      if (e.errno() == TreeCalls.EPERM && inode.type().isDevice()) {
        leftOut.add("device files (they need root)");
        return;
      }
      throw failed(special, "can't be made", e);
    }
    try {
      finishNamed(here().fd, special, xattrs);
    } catch (ErrnoException e) {
      throw failed(special, "its metadata can't be set", e);
    }
  }

  /** Metadata of what can't be opened. */
  private void finishNamed(int directory, WalkEntry entry, SortedMap<String, byte[]> xattrs)
      throws ErrnoException {
    Inode inode = entry.inode();
    if (withOwners) {
      TreeCalls.setOwner(directory, entry.name(), inode.uid(), inode.gid());
    }
    if (inode.type() != FileType.SYMBOLIC_LINK) {
      int handle = TreeCalls.openHandle(directory, entry.name());
      try {
        TreeCalls.setModeOfHandle(handle, mode(inode));
      } finally {
        FileCalls.close(handle);
      }
    }
    for (Map.Entry<String, byte[]> xattr : xattrs.entrySet()) {
      byte[] name = ByteNames.toBytes(xattr.getKey());
      setXattr(
          xattr.getKey(),
          () -> TreeCalls.setXattr(directory, entry.name(), name, xattr.getValue()));
    }
    TreeCalls.setTime(directory, entry.name(), inode.mtimeSeconds(), inode.mtimeNanos());
  }

  @Override
  public void hardLink(WalkEntry link, byte[] first) throws IOException {
    pool.check();
    int slash = first.length - 1;
    while (first[slash] != '/') {
      slash--;
    }
    byte[] name = Arrays.copyOfRange(first, slash + 1, first.length);
    try {
      int directory = openBelow(Arrays.copyOf(first, slash));
      try {
        TreeCalls.makeHardLink(directory, name, here().fd, link.name());
      } finally {
        FileCalls.close(directory);
      }
    } catch (ErrnoException e) {
      if (e.errno() == FileCalls.ENOENT && link.inode().type().isDevice()) {
        leftOut.add("device files (they need root)");
        return;
      }
      throw failed(link, "can't be made a link to " + PathText.shown(first), e);
    }
  }

  /** Opens a directory of the target name by name, so that no link is followed on the way. */
  private int openBelow(byte[] path) throws ErrnoException {
    byte[] self = {'.'};
    int fd = TreeCalls.openDirectory(root, self);
    for (int start = 1; start < path.length; ) {
      int end = start;
      while (end < path.length && path[end] != '/') {
        end++;
      }
      int next;
      try {
        next = TreeCalls.openDirectory(fd, Arrays.copyOfRange(path, start, end));
      } finally {
        FileCalls.close(fd);
      }
      fd = next;
      start = end + 1;
    }
    return fd;
  }

  private OpenDirectory here() {
    return way.getFirst();
  }

  @Override
  public void finish() throws IOException {
    pool.finish();
  }

  @Override
  public void close() {
    pool.close();
    // Empty unless something failed.
    open.forEach(this::close);
    if (isUnused) {
      FileCalls.close(root);
    }
  }

  private void close(OpenDirectory directory) {
    if (open.remove(directory)) {
      FileCalls.close(directory.fd);
    }
  }

  private IOException failed(WalkEntry entry, String what, ErrnoException e) {
    return new IOException(
        "%s: %s: %s: %s".formatted(target, entry.shown(), what, FileCalls.describe(e.errno())), e);
  }
}
