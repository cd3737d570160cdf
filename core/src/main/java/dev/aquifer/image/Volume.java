package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Where everything of an image is: its superblock, its devices and the places that hold inodes; and
 * what reading compressed data takes. Immutable but for caches.
 */
final class Volume {
  /** For as many files that threads read at once; a map holds a few KiB. */
  private static final int KEPT_MAPS_BITS = 4;

  private static final int KEPT_MAPS = 1 << KEPT_MAPS_BITS;

  /** Spreads numbers that are near each other. */
  private static final long NID_FACTOR = 0x9E3779B97F4A7C15L;

  private final Superblock superblock;
  private final Devices devices;
  private final ReadOptions options;
  private final Metadata primary;
  private final ClusterReader clusters;
  private final Semaphore threads;

  /** Both null if there is no metabox; set once, before anybody else sees this. */
  private @Nullable Inode metaboxInode;

  private @Nullable Metadata metabox;

  /** The data of the packed inode, once it is needed; any thread may set it, to the same. */
  private volatile @Nullable FileData packed;

  /** Maps of compressed files that were asked for their extents, by number: one in each place. */
  private final AtomicReferenceArray<@Nullable ClusterMap> lastMaps =
      new AtomicReferenceArray<>(KEPT_MAPS);

  private Volume(Superblock superblock, Devices devices, ReadOptions options, Metadata primary) {
    this.superblock = superblock;
    this.devices = devices;
    this.options = options;
    this.primary = primary;
    this.clusters =
        new ClusterReader(new ClusterCache(options.cacheBytes()), new ClusterDecoder(superblock));
    this.threads = new Semaphore(options.threads());
  }

  static Volume open(
      ByteSource primary, Superblock superblock, Devices devices, ReadOptions options)
      throws IOException {
    Metadata plain = new Metadata(primary, superblock.metaBlock() << superblock.blockBits());
    Volume volume = new Volume(superblock, devices, options, plain);
    if (superblock.has(Feature.METABOX)) {
      Inode inode = volume.inode(superblock.metaboxNid());
      volume.metabox = new Metadata(volume.data(inode), 0);
      volume.metaboxInode = inode;
    }
    return volume;
  }

  /** What messages call the image. */
  String name() {
    return primary.bytes().name();
  }

  Superblock superblock() {
    return superblock;
  }

  Devices devices() {
    return devices;
  }

  ReadOptions options() {
    return options;
  }

  ClusterReader clusters() {
    return clusters;
  }

  /** Whether other threads may help a reader. */
  boolean hasHelpers() {
    return options.threads() > 1;
  }

  /** Counts the threads that may decompress now: readers, who do so in any case, and helpers. */
  Semaphore threads() {
    return threads;
  }

  /** The inode whose data is the metabox, or null if there is none. */
  @Nullable Inode metaboxInode() {
    return metaboxInode;
  }

  /** The metadata in the primary device. */
  Metadata metadata() {
    return primary;
  }

  /** The metadata that inode {@code nid} is in. */
  Metadata metadata(long nid) throws IOException {
    return nid < 0 ? metabox() : primary;
  }

  /** The metadata in the metabox. */
  Metadata metabox() throws IOException {
    if (metabox == null) {
      throw new CorruptDataException(
          name() + ": something is said to be in the metabox: the image has none (no METABOX)");
    }
    return metabox;
  }

  /**
   * The data of the packed inode.
   *
   * @param user who has a fragment there, for messages
   */
  FileData packed(Inode user) throws IOException {
    FileData data = packed;
    if (data == null) {
      if (!superblock.has(Feature.FRAGMENTS) || superblock.packedNid() == 0) {
        throw new CorruptDataException(
            "%s: some of its data is said to be in the packed inode: the image has none"
                .formatted(user.place(name())));
      }
      data = data(inode(superblock.packedNid()));
      packed = data;
    }
    return data;
  }

  /** The map of {@code inode}, whose layout is {@code layout}. */
  ClusterMap clusterMap(Inode inode, DataLayout.Compressed layout) throws IOException {
    int place = Long.hashCode(inode.nid() * NID_FACTOR) >>> Integer.SIZE - KEPT_MAPS_BITS;
    ClusterMap map = lastMaps.get(place);
    if (map == null || !isSame(map.inode, inode)) {
      map = ClusterMap.open(this, inode, layout);
      lastMaps.set(place, map);
    }
    return map;
  }

  /** Most are one object, or differ in number: a record's own comparison takes the JVM long. */
  @SuppressWarnings("ReferenceEquality")
  private static boolean isSame(Inode one, Inode other) {
    return one == other || one.nid() == other.nid() && one.equals(other);
  }

  Inode inode(long nid) throws IOException {
    return InodeReader.read(name(), superblock, metadata(nid), nid);
  }

  /** The data of {@code inode}. */
  FileData data(Inode inode) throws IOException {
    return FileData.open(this, inode);
  }
}
