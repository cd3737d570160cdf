package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Where everything of an image is: its superblock, its devices and the places that hold inodes.
 * Immutable.
 */
final class Volume {
  private final Superblock superblock;
  private final Devices devices;
  private final Metadata primary;
  private final @Nullable Inode metaboxInode;
  private final @Nullable Metadata metabox;

  private Volume(
      Superblock superblock,
      Devices devices,
      Metadata primary,
      @Nullable Inode metaboxInode,
      @Nullable Metadata metabox) {
    this.superblock = superblock;
    this.devices = devices;
    this.primary = primary;
    this.metaboxInode = metaboxInode;
    this.metabox = metabox;
  }

  static Volume open(ByteSource primary, Superblock superblock, Devices devices)
      throws IOException {
    Metadata plain = new Metadata(primary, superblock.metaBlock() << superblock.blockBits());
    Volume volume = new Volume(superblock, devices, plain, null, null);
    if (!superblock.has(Feature.METABOX)) {
      return volume;
    }
    Inode inode = volume.inode(superblock.metaboxNid());
    Metadata metabox =
        inode.layout() instanceof DataLayout.Compressed
            ? null
            : new Metadata(volume.data(inode), 0);
    return new Volume(superblock, devices, plain, inode, metabox);
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

  /**
   * The metadata in the metabox.
   *
   * @throws UnsupportedFeatureException if it is compressed
   */
  Metadata metabox() throws IOException {
    if (metaboxInode == null) {
      throw new CorruptDataException(
          name() + ": something is said to be in the metabox: the image has none (no METABOX)");
    }
    if (metabox == null) {
      throw new UnsupportedFeatureException(
          "%s: the METABOX is compressed, which this version does not read"
              .formatted(metaboxInode.place(name())));
    }
    return metabox;
  }

  Inode inode(long nid) throws IOException {
    return InodeReader.read(name(), superblock, metadata(nid), nid);
  }

  /** The data of {@code inode}. */
  FileData data(Inode inode) throws IOException {
    return FileData.open(this, inode);
  }
}
