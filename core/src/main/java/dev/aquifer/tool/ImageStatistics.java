package dev.aquifer.tool;

import dev.aquifer.image.Extent;
import dev.aquifer.image.Feature;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.image.Superblock;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What an image is made of: how many inodes of each type and of each data layout, how many bytes
 * their data has and how many bytes of devices it refers to. Data that several files share counts
 * for each.
 *
 * <p>For use by one thread.
 */
public final class ImageStatistics {
  private final Image image;
  private final Set<Long> seen = new HashSet<>();
  private final Map<String, Long> inodesOfType = new TreeMap<>();
  private final Map<String, Layout> layouts = new TreeMap<>();
  private final Map<String, Coded> algorithms = new TreeMap<>();
  private long fragmentBytes;
  private long packedBytes;
  private long inodes;
  private long names;
  private long withXattrs;
  private long bytes;
  private long holeBytes;
  private long storedBytes;
  private long extents;
  private long unmapped;

  private static final class Layout {
    private long inodes;
    private long bytes;
  }

  /** What one algorithm packed. */
  private static final class Coded {
    private long extents;
    private long bytes;
    private long storedBytes;
  }

  private ImageStatistics(Image image) {
    this.image = image;
  }

  /** Counts what is in {@code image}: reads all metadata and no data. */
  public static ImageStatistics of(Image image) throws IOException {
    ImageStatistics statistics = new ImageStatistics(image);
    ImageWalk.walk(
        image,
        entry -> {
          statistics.add(entry.inode());
          return true;
        });
    Superblock superblock = image.superblock();
    if (superblock.has(Feature.FRAGMENTS) && superblock.packedNid() != 0) {
      Inode packed = image.inode(superblock.packedNid());
      statistics.packedBytes = packed.sizeBytes();
      statistics.map(packed);
    }
    return statistics;
  }

  private void add(Inode inode) throws IOException {
    names++;
    if (!seen.add(inode.nid())) {
      return;
    }
    inodes++;
    withXattrs += inode.xattrSizeBytes() > 0 ? 1 : 0;
    inodesOfType.merge(inode.type().toString(), 1L, Long::sum);
    if (inode.type().hasData()) {
      Layout layout =
          layouts.computeIfAbsent(Manifest.layoutName(inode.layout()), name -> new Layout());
      layout.inodes++;
      layout.bytes += inode.sizeBytes();
    }
    if (inode.type() == FileType.REGULAR) {
      bytes += inode.sizeBytes();
      try {
        map(inode);
      } catch (UnsupportedFeatureException e) {
        unmapped++;
      }
    }
  }

  private void map(Inode inode) throws IOException {
    for (long at = 0; at < inode.sizeBytes(); ) {
      Extent extent = image.map(inode, at);
      switch (extent) {
        case Extent.Hole _ -> holeBytes += extent.lengthBytes();
        case Extent.Fragment _ -> fragmentBytes += extent.lengthBytes();
        case Extent.Plain _ -> extents++;
        case Extent.Encoded encoded -> {
          extents++;
          Coded coded =
              algorithms.computeIfAbsent(ExtentText.algorithm(encoded), name -> new Coded());
          coded.extents++;
          coded.bytes += encoded.lengthBytes();
          coded.storedBytes += encoded.storedBytes();
        }
      }
      storedBytes += ExtentText.storedBytes(extent);
      at += extent.lengthBytes();
    }
  }

  /** The counts as one JSON object. */
  public JsonObject json() {
    JsonObject byLayout = new JsonObject();
    layouts.forEach(
        (name, layout) ->
            byLayout.put(
                name, new JsonObject().put("inodes", layout.inodes).put("bytes", layout.bytes)));
    JsonObject byAlgorithm = new JsonObject();
    algorithms.forEach(
        (name, coded) ->
            byAlgorithm.put(
                name,
                new JsonObject()
                    .put("extents", coded.extents)
                    .put("bytes", coded.bytes)
                    .put("storedBytes", coded.storedBytes)));
    return new JsonObject()
        .put("inodes", inodes)
        .put("names", names)
        .put("withXattrs", withXattrs)
        .put("types", inodesOfType)
        .put("layouts", byLayout)
        .put("fileBytes", bytes)
        .put("algorithms", byAlgorithm)
        .put("holeBytes", holeBytes)
        .put("fragmentBytes", fragmentBytes)
        .put("packedBytes", packedBytes)
        .put("storedBytes", storedBytes)
        .put("extents", extents)
        .put("unmappedFiles", unmapped == 0 ? null : unmapped);
  }
}
