package dev.aquifer.build;

import dev.aquifer.image.DataLayout;
import dev.aquifer.image.DeviceSlot;
import dev.aquifer.image.Inode;
import dev.aquifer.image.Superblock;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where everything lies in the bootstrap, decided before its first byte is written.
 *
 * <pre>
 * byte 0     1024         1152            rootNid * 32
 *  | nothing | superblock | device slots | inodes, the root first | shared xattrs | blocks of flat data |
 * </pre>
 *
 * Behind each inode lie its attributes and then its chunk indexes or what of its data is inline.
 */
final class ImagePlan {
  static final int BLOCK_BYTES = 1 << ChunkMap.BLOCK_BITS;
  static final int DEVICES_AT = Superblock.POSITION_BYTES + Superblock.SIZE_BYTES;
  private static final int CHUNK_INDEX_BYTES = DataLayout.ChunkBased.INDEX_BYTES;

  /** The root's nid must fit in 16 bits. */
  static final int MAX_DEVICES = 10_000;

  private static final long MAX_BLOCKS = 0xffffffffL;

  private final Tree tree;
  private final List<Device> devices;
  private final @Nullable Instant timestamp;

  private long epochSeconds;
  private int epochNanos;
  private long sharedXattrsAt;
  private long sharedXattrsBytes;
  private long blocks;
  private boolean hasChunks;
  private List<Node> byNid = List.of();
  private final List<Node> flat = new ArrayList<>();

  private ImagePlan(Tree tree, List<Device> devices, @Nullable Instant timestamp) {
    this.tree = tree;
    this.devices = devices;
    this.timestamp = timestamp;
  }

  /**
   * Plans the image of {@code tree}, whose regular files have their data placed.
   *
   * @param devices the device slots
   * @param timestamp the modification time of all files, or null
   */
  static ImagePlan of(Tree tree, List<Device> devices, @Nullable Instant timestamp)
      throws IOException {
    ImagePlan plan = new ImagePlan(tree, devices, timestamp);
    plan.chooseEpoch();
    plan.placeInodes();
    plan.placeBlocks();
    return plan;
  }

  /** The most common time, so that most inodes need not store one and can be compact. */
  private void chooseEpoch() {
    if (timestamp != null) {
      epochSeconds = timestamp.getEpochSecond();
      epochNanos = timestamp.getNano();
      return;
    }
    List<Node> nodes = tree.nodes();
    // Seconds in the upper 34 bits and nanoseconds below: from 1698 to 2242, enough for a choice.
    long[] times = new long[nodes.size()];
    for (int i = 0; i < times.length; i++) {
      FileStat stat = nodes.get(i).stat();
      times[i] = stat.mtimeSeconds() << 30 | stat.mtimeNanos();
    }
    Arrays.sort(times);
    long best = times[0];
    int bestCount = 0;
    for (int first = 0; first < times.length; ) {
      int next = first + 1;
      while (next < times.length && times[next] == times[first]) {
        next++;
      }
      if (next - first > bestCount) {
        best = times[first];
        bestCount = next - first;
      }
      first = next;
    }
    epochSeconds = best >> 30;
    epochNanos = (int) (best & (1 << 30) - 1);
  }

  private void placeInodes() {
    sharedXattrsBytes = tree.xattrs().share();
    Slots slots = new Slots(DEVICES_AT + (long) devices.size() * DeviceSlot.SIZE_BYTES);
    for (Node node : tree.nodes()) {
      if (node instanceof Node.Directory directory) {
        directory.sizeBytes = new DirectoryBlocks(directory).sizeBytes();
      }
      node.isExtended = needsExtended(node);
      chooseLayout(node);
      long position =
          node.layout == Node.Layout.CHUNK_BASED
              ? slots.place(chunkIndexOffset(node) + chunkIndexBytes(node), 0)
              : slots.place(headBytes(node), inlineBytes(node));
      node.nid = position / Inode.SLOT_BYTES;
    }
    sharedXattrsAt = slots.endBytes();
    byNid = new ArrayList<>(tree.nodes());
    byNid.sort(Comparator.comparingLong(node -> node.nid));
  }

  private boolean needsExtended(Node node) {
    FileStat stat = node.stat();
    return mtimeSeconds(node) != epochSeconds
        || mtimeNanos(node) != epochNanos
        || stat.uid() > 0xffff
        || stat.gid() > 0xffff
        || node.nlink > 0xffff
        || node.sizeBytes() > 0xffffffffL;
  }

  private void chooseLayout(Node node) {
    long size = node.sizeBytes();
    switch (node.type()) {
      case REGULAR -> {
        if (node.layout == Node.Layout.CHUNK_BASED) {
          hasChunks = true;
          if (node.chunks == null) {
            node.chunks = ChunkMap.hole(size);
          }
        }
      }
      case DIRECTORY, SYMBOLIC_LINK -> {
        int tail = (int) (size % BLOCK_BYTES);
        boolean fits = tail > 0 && headBytes(node) + tail <= BLOCK_BYTES;
        node.layout = fits ? Node.Layout.FLAT_INLINE : Node.Layout.FLAT_PLAIN;
        if (flatBlocks(node) > 0) {
          flat.add(node);
        }
      }
      case CHARACTER_DEVICE, BLOCK_DEVICE, FIFO, SOCKET -> node.layout = Node.Layout.FLAT_PLAIN;
    }
  }

  /** Length of inode and attributes. */
  static long headBytes(Node node) {
    return (node.isExtended ? Inode.EXTENDED_BYTES : Inode.COMPACT_BYTES)
        + (long) node.xattrs.bodyBytes();
  }

  /** Length of the data right after the inode. */
  static int inlineBytes(Node node) {
    return node.layout == Node.Layout.FLAT_INLINE ? (int) (node.sizeBytes() % BLOCK_BYTES) : 0;
  }

  /** Count of the blocks of flat data elsewhere in the bootstrap. */
  static long flatBlocks(Node node) {
    return node.layout == Node.Layout.FLAT_INLINE
        ? node.sizeBytes() / BLOCK_BYTES
        : Math.ceilDiv(node.sizeBytes(), (long) BLOCK_BYTES);
  }

  /** Where a chunk-based inode has its chunk indexes, from its start. */
  static long chunkIndexOffset(Node node) {
    return headBytes(node) + CHUNK_INDEX_BYTES - 1 & -CHUNK_INDEX_BYTES;
  }

  private static long chunkIndexBytes(Node node) {
    return node.chunks == null ? 0 : (long) CHUNK_INDEX_BYTES * node.chunks.count();
  }

  private void placeBlocks() throws IOException {
    tree.xattrs().moveShared(sharedXattrsAt % BLOCK_BYTES);
    blocks = Math.ceilDiv(sharedXattrsAt + sharedXattrsBytes, (long) BLOCK_BYTES);
    for (Node node : flat) {
      // A link's target stays known by its place in the spool.
      node.startBlock = blocks;
      blocks += flatBlocks(node);
    }
    long all = blocks;
    for (Device device : devices) {
      all += device.blocks();
    }
    if (all > MAX_BLOCKS) {
      throw new IOException(
          "the image would address %d blocks of 4 KiB in its bootstrap and blobs: expected at most %d"
              .formatted(all, MAX_BLOCKS));
    }
  }

  /** The time of compact inodes in seconds since 1970. */
  long epochSeconds() {
    return epochSeconds;
  }

  /** The nanoseconds of the time of compact inodes. */
  int epochNanos() {
    return epochNanos;
  }

  long mtimeSeconds(Node node) {
    return timestamp == null ? node.stat().mtimeSeconds() : timestamp.getEpochSecond();
  }

  /** The rest of {@link #mtimeSeconds} in nanoseconds. */
  @SuppressWarnings("JavaInstantGetSecondsGetNano")
  int mtimeNanos(Node node) {
    return timestamp == null ? node.stat().mtimeNanos() : timestamp.getNano();
  }

  /** Whether an inode is chunk-based. */
  boolean hasChunks() {
    return hasChunks;
  }

  /** Where the shared attributes start in bytes; their block is the base of their ids. */
  long sharedXattrsAt() {
    return sharedXattrsAt;
  }

  /** Size of the bootstrap in blocks. */
  long blocks() {
    return blocks;
  }

  List<Device> devices() {
    return devices;
  }

  Tree tree() {
    return tree;
  }

  /** All inodes as they lie in the bootstrap. */
  List<Node> byNid() {
    return byNid;
  }

  /** The inodes with blocks of flat data, as those lie in the bootstrap. */
  List<Node> flat() {
    return flat;
  }
}
