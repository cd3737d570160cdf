package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.nio.file.NotDirectoryException;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;

/**
 * An opened EROFS image. Immutable and safe for use by many threads.
 *
 * <pre>{@code
 * try (ByteSource file = FileSource.open(Path.of("images/plain.erofs"))) {
 *   Image image = Image.open(file);
 *   image.directory(image.lookup("etc")).forEach(entry -> System.out.println(entry));
 *   Inode release = image.lookup("etc/os-release");
 *   SortedMap<String, byte[]> xattrs = image.xattrs(release);
 *   ByteSource data = image.open(release);
 *   byte[] start = data.readBytes(0, (int) Math.min(data.sizeBytes(), 4096));
 * }
 * }</pre>
 *
 * <p>The sources it reads from belong to the caller and must stay open as long as the image, and
 * what it gave, is in use.
 *
 * <p>Nothing that an image says is believed unchecked: each method throws {@link
 * CorruptDataException} for what is damaged and {@link dev.aquifer.io.UnsupportedFeatureException}
 * for what this version does not read; both name image, inode and byte.
 *
 * <p>Of compressed data, what was read last is kept decoded, and other threads help a reader, as
 * {@link ReadOptions} say.
 *
 * <p>An image says nothing about loops among its directories: who walks it has to see to them.
 */
public final class Image {
  /** The longest target of a symbolic link that Linux takes: a path without its final zero. */
  private static final int MAX_LINK_BYTES = 4095;

  /** How far {@link #map} looks for where an extent ends that continues in the next chunk. */
  private static final int MAX_MAP_CHUNKS = 512;

  private final Volume volume;
  private final XattrPrefixes prefixes;
  private final Inode root;

  private Image(Volume volume, XattrPrefixes prefixes, Inode root) {
    this.volume = volume;
    this.prefixes = prefixes;
    this.root = root;
  }

  /**
   * Opens the image in {@code primary}. Its devices, if it has any, are not attached yet: all
   * metadata can be read, data on devices can't.
   *
   * <p>Checks the superblock, the device table, the long prefixes and the root inode. An image that
   * begins inside a file is a {@linkplain ByteSource#slice slice} of it.
   */
  public static Image open(ByteSource primary) throws IOException {
    return open(primary, ReadOptions.defaults());
  }

  /** As {@link #open(ByteSource)}, with {@code options} for compressed data. */
  public static Image open(ByteSource primary, ReadOptions options) throws IOException {
    Superblock superblock = Superblock.read(primary);
    List<DeviceSlot> slots = DeviceSlot.readTable(primary, superblock);
    return open(primary, superblock, Devices.of(primary, slots, superblock.blockBits()), options);
  }

  private static Image open(
      ByteSource primary, Superblock superblock, Devices devices, ReadOptions options)
      throws IOException {
    Volume volume = Volume.open(primary, superblock, devices, options);
    Inode root = volume.inode(superblock.rootNid());
    if (root.type() != FileType.DIRECTORY) {
      throw new CorruptDataException(
          "%s: the root is a %s: expected a directory"
              .formatted(root.place(volume.name()), root.type()));
    }
    return new Image(volume, XattrPrefixes.read(volume), root);
  }

  /**
   * The same image with its extra devices attached, in the order of {@link #deviceSlots()}.
   *
   * @throws RefusedException with EINVAL if their count differs from the table's, or one is smaller
   *     than its slot says
   */
  public Image withDevices(List<ByteSource> devices) throws IOException {
    return open(
        volume.metadata().bytes(),
        volume.superblock(),
        volume.devices().attach(devices),
        volume.options());
  }

  /** What messages call the image: the name of the primary source. */
  public String name() {
    return volume.name();
  }

  /** The superblock. */
  public Superblock superblock() {
    return volume.superblock();
  }

  /** The device table, in device order; empty if there is none. */
  public List<DeviceSlot> deviceSlots() {
    return volume.devices().slots();
  }

  /** The inode of the root directory. */
  public Inode root() {
    return root;
  }

  /** The inode of this number. */
  public Inode inode(long nid) throws IOException {
    return volume.inode(nid);
  }

  /**
   * The inode that {@code entry} stands for.
   *
   * @throws CorruptDataException also if its type is not the one that the entry claims
   */
  public Inode inode(DirEntry entry) throws IOException {
    Inode inode = volume.inode(entry.nid());
    if (inode.type() != entry.type()) {
      throw new CorruptDataException(
          "%s: is a %s: its directory entry %s says %s"
              .formatted(
                  inode.place(name()),
                  inode.type(),
                  ByteNames.quote(entry.nameWithoutCopy()),
                  entry.type()));
    }
    return inode;
  }

  /** As {@link #lookup(byte[])}, for a path as {@link ByteNames} shows it. */
  public Inode lookup(String path) throws IOException {
    return lookup(ByteNames.toBytes(path));
  }

  /**
   * The inode at {@code path}: names with {@code /} between them, from the root, with or without a
   * {@code /} before and after; the empty path is the root. {@code .} and {@code ..} mean what they
   * do for the kernel. Symbolic links on the way are followed, inside the image; the last name is
   * not, as in {@code lstat}.
   *
   * @throws java.nio.file.NoSuchFileException if there is no such name
   * @throws NotDirectoryException if a name on the way is no directory
   * @throws java.nio.file.FileSystemLoopException if there are more than 40 links on the way, or it
   *     leads into a directory that is inside itself
   */
  public Inode lookup(byte[] path) throws IOException {
    return resolve(path, false).inode();
  }

  /**
   * As {@link #lookup(byte[])}, with the way that led there.
   *
   * @param followsLast whether a symbolic link with the last name is followed, too, as in {@code
   *     stat}
   */
  public ResolvedPath resolve(byte[] path, boolean followsLast) throws IOException {
    return PathLookup.resolve(this, path, followsLast);
  }

  /**
   * The directory of {@code inode}.
   *
   * @throws NotDirectoryException if it is none
   */
  public Directory directory(Inode inode) throws IOException {
    if (inode.type() != FileType.DIRECTORY) {
      throw new NotDirectoryException(
          "%s: is a %s, no directory".formatted(inode.place(name()), inode.type()));
    }
    return new Directory(volume, inode);
  }

  /**
   * The data of {@code inode}, a regular file, directory or symbolic link. Closing it does nothing.
   *
   * <p>Reading it throws {@link RefusedException} with ENODEV if it is on a device that is not
   * attached.
   *
   * @throws RefusedException with EINVAL if inodes of this type have no data
   */
  public ByteSource open(Inode inode) throws IOException {
    checkHasData(inode);
    return volume.data(inode);
  }

  /**
   * The target of a symbolic link: 1 to 4095 bytes without NUL.
   *
   * @throws RefusedException with EINVAL if it is none
   */
  public byte[] readLink(Inode inode) throws IOException {
    if (inode.type() != FileType.SYMBOLIC_LINK) {
      throw new RefusedException(
          Errno.EINVAL,
          "%s: is a %s, no symbolic link".formatted(inode.place(name()), inode.type()));
    }
    if (inode.sizeBytes() < 1 || inode.sizeBytes() > MAX_LINK_BYTES) {
      throw new CorruptDataException(
          "%s: a symbolic link of %d bytes: expected 1 to %d"
              .formatted(inode.place(name()), inode.sizeBytes(), MAX_LINK_BYTES));
    }
    byte[] target = volume.data(inode).readBytes(0, (int) inode.sizeBytes());
    for (byte b : target) {
      if (b == 0) {
        throw new CorruptDataException(
            "%s: its target %s has a zero byte"
                .formatted(inode.place(name()), ByteNames.quote(target)));
      }
    }
    return target;
  }

  /**
   * The extended attributes of {@code inode} by full name, such as {@code security.capability};
   * ACLs have their names of the system name space and raw values. Names are text as of {@link
   * ByteNames}. The caller owns the map and the values.
   */
  public SortedMap<String, byte[]> xattrs(Inode inode) throws IOException {
    return Xattrs.read(volume, prefixes, inode);
  }

  /**
   * The digest of the data of {@code inode}, by which Linux 7.0 takes files of several images for
   * equal: {@code sha256:} in ASCII and 32 bytes, if mkfs.erofs or this program wrote it. Mostly it
   * is not among {@link #xattrs}.
   */
  public Optional<byte[]> digest(Inode inode) throws IOException {
    return Optional.ofNullable(Xattrs.digest(volume, prefixes, inode));
  }

  /**
   * What the filter of names of {@code inode} says: a set bit means that no attribute's name has
   * that hash, and the kernel gives none that has; 0 if there is no filter.
   */
  public int xattrFilter(Inode inode) throws IOException {
    return Xattrs.filter(volume, inode);
  }

  /** Where the attributes of {@code inode} are that others may have, too. */
  public List<MetadataRange> sharedXattrs(Inode inode) throws IOException {
    return Xattrs.shared(volume, inode);
  }

  /** Where the long prefixes of names of attributes are; empty if there are none, or in a file. */
  public Optional<MetadataRange> xattrPrefixes() {
    return Optional.ofNullable(prefixes.range());
  }

  /**
   * Where the index of compressed data ends, with an inline tail; it begins at the map header, in
   * what the inode is in.
   *
   * @throws RefusedException with EINVAL if the inode has none
   */
  public long indexEndBytes(Inode inode) throws IOException {
    if (inode.layout() instanceof DataLayout.Compressed compressed && inode.sizeBytes() > 0) {
      return volume.clusterMap(inode, compressed).endBytes();
    }
    throw new RefusedException(
        Errno.EINVAL, inode.place(name()) + ": has no index of compressed data");
  }

  /**
   * Where the bytes of {@code inode} from {@code offsetBytes} on are. The extent begins at {@code
   * offsetBytes} and ends in the file; the one after it may continue it. Devices need not be
   * attached.
   *
   * @throws RefusedException with EINVAL if inodes of this type have no data
   * @throws IndexOutOfBoundsException if {@code offsetBytes} is not in the file
   */
  public Extent map(Inode inode, long offsetBytes) throws IOException {
    checkHasData(inode);
    Objects.checkIndex(offsetBytes, inode.sizeBytes());
    long length = inode.sizeBytes() - offsetBytes;
    return ExtentMap.first(volume, inode, offsetBytes, length, MAX_MAP_CHUNKS);
  }

  private void checkHasData(Inode inode) throws RefusedException {
    if (!inode.type().hasData()) {
      throw new RefusedException(
          Errno.EINVAL,
          "%s: is a %s, which has no data".formatted(inode.place(name()), inode.type()));
    }
  }
}
