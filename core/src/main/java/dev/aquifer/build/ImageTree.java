package dev.aquifer.build;

import dev.aquifer.image.ByteNames;
import dev.aquifer.image.Extent;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** An opened image as a tree: to compare with another, or to build a new image from. */
public final class ImageTree implements SourceTree {
  /** No local file system has this number. */
  private static final long DEV = -1;

  private final Image image;
  private final Closeable owner;

  /** The one place of each directory that was found. */
  private final Map<Long, SourceEntry> places = new ConcurrentHashMap<>();

  private ImageTree(Image image, Closeable owner) {
    this.image = image;
    this.owner = owner;
  }

  /** The tree of {@code image}, which stays the caller's; its devices must be attached for data. */
  public static ImageTree of(Image image) {
    return new ImageTree(image, () -> {});
  }

  /** As the other; closing the tree closes {@code owner}, whose image it is. */
  public static ImageTree of(Image image, Closeable owner) {
    return new ImageTree(image, owner);
  }

  @Override
  public String name() {
    return image.name();
  }

  @Override
  public SourceEntry root() {
    return SourceEntry.root(stat(image.root()));
  }

  @Override
  public List<SourceEntry> children(SourceEntry directory) throws IOException {
    List<SourceEntry> entries = new ArrayList<>();
    image
        .directory(inode(directory))
        .forEach(
            entry -> {
              SourceEntry child = SourceEntry.of(directory, entry.name(), stat(image.inode(entry)));
              if (child.stat().isDirectory()) {
                checkPlace(child);
              }
              entries.add(child);
            });
    return entries;
  }

  /**
   * Whoever walks a tree trusts that it ends. A directory in itself, or in many others, would make
   * a small image one without end.
   */
  private void checkPlace(SourceEntry directory) throws CorruptDataException {
    SourceEntry known = places.putIfAbsent(directory.stat().ino(), directory);
    if (directory.stat().ino() == image.root().nid()
        || (known != null && !known.isSameName(directory))) {
      throw new CorruptDataException(
          "%s: %s: this directory, nid %d, is also at %s: expected one place"
              .formatted(name(), directory, directory.stat().ino(), known == null ? "/" : known));
    }
  }

  @Override
  public List<Xattr> xattrs(SourceEntry entry) throws IOException {
    List<Xattr> xattrs = new ArrayList<>();
    for (Map.Entry<String, byte[]> xattr : image.xattrs(inode(entry)).entrySet()) {
      xattrs.add(Xattr.of(ByteNames.toBytes(xattr.getKey()), xattr.getValue()));
    }
    return xattrs;
  }

  @Override
  public byte[] linkTarget(SourceEntry link) throws IOException {
    return image.readLink(inode(link));
  }

  @Override
  public SourceFile open(SourceEntry file) throws IOException {
    Inode inode = inode(file);
    return new ImageFile(image, inode, image.open(inode));
  }

  @Override
  public void close() throws IOException {
    owner.close();
  }

  private Inode inode(SourceEntry entry) throws IOException {
    return image.inode(entry.stat().ino());
  }

  private static FileStat stat(Inode inode) {
    return new FileStat(
        inode.mode(),
        inode.uid(),
        inode.gid(),
        inode.sizeBytes(),
        inode.mtimeSeconds(),
        inode.mtimeNanos(),
        FileStat.rdev(inode.rdevMajor(), inode.rdevMinor()),
        DEV,
        inode.nid(),
        // What the image says may be less than there are names, and each would be read anew.
        Math.max(inode.nlink(), 2),
        0);
  }

  private record ImageFile(Image image, Inode inode, ByteSource data) implements SourceFile {
    @Override
    public String name() {
      return data.name();
    }

    @Override
    public long sizeBytes() {
      return inode.sizeBytes();
    }

    @Override
    public void read(long positionBytes, MemorySegment dst) throws IOException {
      data.read(positionBytes, dst);
    }

    @Override
    public long nextData(long positionBytes) throws IOException {
      return next(positionBytes, false);
    }

    @Override
    public long nextHole(long positionBytes) throws IOException {
      return next(positionBytes, true);
    }

    private long next(long positionBytes, boolean wantsHole) throws IOException {
      long position = positionBytes;
      while (position < inode.sizeBytes()) {
        Extent extent = image.map(inode, position);
        if (extent instanceof Extent.Hole == wantsHole) {
          return position;
        }
        position += extent.lengthBytes();
      }
      return inode.sizeBytes();
    }

    /** Images don't change. */
    @Override
    public void checkUnchanged() {}

    @Override
    public void close() throws IOException {
      data.close();
    }
  }
}
