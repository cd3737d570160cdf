package dev.aquifer.tool;

import dev.aquifer.image.CompressionConfig;
import dev.aquifer.image.DeviceSlot;
import dev.aquifer.image.Extent;
import dev.aquifer.image.Feature;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.image.Superblock;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** What is on disk, as JSON: the superblock, the device table, an inode with its extents. */
public final class ImageDump {
  /** How many extents of an inode are told. */
  private static final int MAX_EXTENTS = 1_000_000;

  private ImageDump() {}

  /** The superblock, with the names of its features. */
  public static JsonObject superblock(Image image) {
    Superblock superblock = image.superblock();
    return new JsonObject()
        .put("blockSize", superblock.blockSizeBytes())
        .put("blocks", superblock.blocks())
        .put("inodes", superblock.inodes())
        .put("rootNid", Long.toUnsignedString(superblock.rootNid()))
        .put("epoch", superblock.epochSeconds())
        .put("fixedNanos", superblock.fixedNanos())
        .put("buildTime", superblock.buildTimeSeconds())
        .put("uuid", superblock.uuid().toString())
        .put("volumeName", superblock.volumeName())
        .put("metaBlock", superblock.metaBlock())
        .put("xattrBlock", superblock.xattrBlock())
        .put("xattrPrefixes", superblock.xattrPrefixes())
        .put("packedNid", Long.toUnsignedString(superblock.packedNid()))
        .put(
            "metaboxNid",
            superblock.has(Feature.METABOX) ? Long.toUnsignedString(superblock.metaboxNid()) : null)
        .put("compression", compression(superblock))
        .put("compatible", hex(superblock.featureCompat()))
        .put("compatibleNames", names(superblock, Feature.Kind.COMPATIBLE))
        .put("incompatible", hex(superblock.featureIncompat()))
        .put("incompatibleNames", names(superblock, Feature.Kind.INCOMPATIBLE));
  }

  private static List<JsonObject> compression(Superblock superblock) {
    List<JsonObject> configs = new ArrayList<>();
    for (CompressionConfig config : superblock.compressionConfigs()) {
      JsonObject json =
          new JsonObject()
              .put("algorithm", config.algorithm().onDiskName())
              .put("windowBytes", config.windowBytes());
      configs.add(
          config.maxClusterBlocks() == 0
              ? json
              : json.put("maxClusterBlocks", config.maxClusterBlocks()));
    }
    return configs;
  }

  private static String hex(long bits) {
    return "0x" + Long.toHexString(bits);
  }

  private static List<String> names(Superblock superblock, Feature.Kind kind) {
    return superblock.features().stream()
        .filter(feature -> feature.kind() == kind)
        .map(Feature::onDiskName)
        .toList();
  }

  /** The device table, in its order. */
  public static List<JsonObject> devices(Image image) {
    List<JsonObject> devices = new ArrayList<>();
    for (DeviceSlot slot : image.deviceSlots()) {
      devices.add(
          new JsonObject()
              .put("device", slot.device())
              .put("tag", slot.tag())
              .put("blocks", slot.blocks())
              .put("flatBlock", slot.uniaddrBlocks()));
    }
    return devices;
  }

  /** All that {@code aquifer manifest} says of a path, where its inode is, and its extents. */
  public static JsonObject inode(Image image, byte[] path, Inode inode) throws IOException {
    JsonObject json =
        Manifest.describe(image, path, inode)
            .put("position", inode.positionBytes())
            .put("isInMetabox", inode.isInMetabox())
            .put("inodeBytes", inode.xattrPositionBytes() - inode.positionBytes())
            .put("xattrBytes", inode.xattrSizeBytes())
            .put("layoutDetails", inode.layout().toString());
    if (!inode.type().hasData()) {
      return json;
    }
    List<JsonObject> extents = new ArrayList<>();
    long stored = 0;
    for (long at = 0; at < inode.sizeBytes() && extents.size() < MAX_EXTENTS; ) {
      Extent extent = image.map(inode, at);
      extents.add(ExtentText.json(extent));
      stored += ExtentText.storedBytes(extent);
      at += extent.lengthBytes();
    }
    return json.put("dataBytes", inode.sizeBytes())
        .put("storedBytes", stored)
        .put("extents", extents);
  }
}
