package dev.aquifer.build;

import dev.aquifer.image.DataLayout;
import dev.aquifer.image.DeviceSlot;
import dev.aquifer.image.Extent;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Builds one image of several that lie one over the other as layers, see {@link MergedTree}: it has
 * their metadata, and they are its devices for the data. An image that has devices itself is none;
 * those stand in its place. Copied is what can't be referred to: ends of files that lie behind
 * their inodes, and what an image with devices holds itself.
 */
public final class ImageMerge {
  private ImageMerge() {}

  /**
   * One of the images.
   *
   * @param image it; its own devices need not be attached
   * @param sizeBytes the size of its file
   * @param tag what the new image calls the file: up to 64 bytes of UTF-8
   */
  public record Layer(Image image, long sizeBytes, String tag) {}

  /** See {@link ImageBuilder#buildMerged}. */
  static SingleImage.Result build(
      List<Layer> layers, Path output, Encoding form, BuildOptions options) throws IOException {
    if (layers.isEmpty()) {
      throw new IllegalArgumentException("no images: expected at least one to merge");
    }
    BlockSize block = new BlockSize(layers.getFirst().image.superblock().blockBits());
    List<Device> devices = new ArrayList<>();
    List<Integer> firstDevices = new ArrayList<>();
    List<ImageTree> trees = new ArrayList<>();
    for (Layer layer : layers) {
      Image image = layer.image;
      checkBlocks(image, layers.getFirst().image);
      firstDevices.add(devices.size() + 1);
      trees.add(ImageTree.of(image));
      if (image.deviceSlots().isEmpty()) {
        devices.add(new Device(Device.checkTag(layer.tag), layer.sizeBytes >>> block.bits()));
      }
      for (DeviceSlot slot : image.deviceSlots()) {
        devices.add(device(image, slot));
      }
    }
    if (devices.size() > ImagePlan.MAX_DEVICES) {
      throw new IOException(
          "the image would have %d devices: expected at most %d; merge fewer images"
              .formatted(devices.size(), ImagePlan.MAX_DEVICES));
    }
    MergedTree tree = new MergedTree(trees);
    return SingleImage.build(
        tree,
        output,
        form.forDevices(block.bits()),
        options,
        new Layers(layers, firstDevices, devices, block));
  }

  private static void checkBlocks(Image image, Image first) throws IOException {
    int bits = image.superblock().blockBits();
    int expected = first.superblock().blockBits();
    if (bits != expected) {
      throw new IOException(
          "%s: has blocks of %d bytes: expected %d as in %s; build one of them anew with -b"
              .formatted(image.name(), 1 << bits, 1 << expected, first.name()));
    }
  }

  private static Device device(Image image, DeviceSlot slot) throws IOException {
    if (slot.blocks() == 0) {
      throw new IOException(
          "%s: device slot %d: has no size: expected an image of mkfs.erofs 1.6 or newer"
              .formatted(image.name(), slot.device()));
    }
    return new Device(slot.tag(), slot.blocks());
  }

  /**
   * The data of the layers.
   *
   * @param firstDevices of each layer the number of its first device
   */
  private record Layers(
      List<Layer> layers, List<Integer> firstDevices, List<Device> devices, BlockSize block)
      implements Elsewhere {
    private static final int NONE = 0;

    @Override
    public void place(Node file) throws IOException {
      MergedTree.Part seen = MergedTree.seen(file.entry);
      Image image = layers.get(seen.layer()).image;
      Inode inode = image.inode(seen.entry().stat().ino());
      ChunkMap chunks =
          switch (inode.layout()) {
            case DataLayout.FlatPlain _ -> chunks(seen.layer(), inode, wholeBits(inode), 0);
            case DataLayout.FlatInline _ ->
                chunks(seen.layer(), inode, tailBits(inode), block.tail(inode.sizeBytes()));
            case DataLayout.ChunkBased based -> chunks(seen.layer(), inode, based.chunkBits(), 0);
            case DataLayout.Compressed _ ->
                throw new UnsupportedFeatureException(
                    "%s: %s: is compressed, which data of devices can't be: expected an image without compression, build it anew without -z"
                        .formatted(image.name(), seen.entry()));
            case DataLayout.NoData _ -> null;
          };
      if (chunks != null) {
        file.layout = Node.Layout.CHUNK_BASED;
        file.chunks = chunks;
      }
    }

    /** One chunk for all, if there are such large ones. */
    private int wholeBits(Inode inode) {
      return ChunkMap.hole(inode.sizeBytes(), block).chunkBits();
    }

    /** The last chunk is copied with the tail, so that it shall be no larger than the map. */
    private int tailBits(Inode inode) {
      int bits = block.bits();
      while ((inode.sizeBytes() >>> bits) * DataLayout.ChunkBased.INDEX_BYTES > 1L << bits) {
        bits++;
      }
      return bits;
    }

    /** Where a file's data is; null if the image must have it itself. */
    private @Nullable ChunkMap chunks(int layer, Inode inode, int bits, int tailBytes)
        throws IOException {
      Image image = layers.get(layer).image;
      long size = inode.sizeBytes();
      // Where this throws, the file has a size that its image has no room for.
      Extent unused = image.map(inode, size - 1);
      ChunkMap map = ChunkMap.holes(size, bits, block);
      long referredBytes = size;
      if (tailBytes > 0) {
        map.set(map.count() - 1, ChunkMap.WANTED);
        referredBytes = (long) map.count() - 1 << bits;
        if (referredBytes == 0) {
          return null;
        }
      }
      for (long at = 0; at < referredBytes; ) {
        Extent extent = image.map(inode, at);
        long end = Math.min(referredBytes, at + extent.lengthBytes());
        while (at < end) {
          if (extent instanceof Extent.Plain plain) {
            long address = address(layer, plain, at);
            if (address == NONE) {
              return null;
            }
            map.set((int) (at >>> bits), address);
          }
          at = Math.min(end, (at >>> bits) + 1 << bits);
        }
      }
      return map;
    }

    /** The address of the chunk at {@code at} of a file; NONE if it is on no device. */
    private long address(int layer, Extent.Plain plain, long at) {
      boolean isDevice = layers.get(layer).image.deviceSlots().isEmpty();
      int device = firstDevices.get(layer) + plain.device() - (isDevice ? 0 : 1);
      long start = plain.addressBytes() + at - plain.fileOffsetBytes();
      long end = block.roundUp(plain.addressBytes() + plain.lengthBytes());
      return (isDevice || plain.device() > 0)
              && block.tail(start) == 0
              && end <= devices.get(device - 1).blocks() << block.bits()
          ? ChunkMap.address(device, start >>> block.bits())
          : NONE;
    }
  }
}
