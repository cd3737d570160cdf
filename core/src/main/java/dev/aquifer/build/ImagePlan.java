package dev.aquifer.build;

import dev.aquifer.image.DataLayout;
import dev.aquifer.image.Inode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Where everything lies in an image's metadata, decided before its first byte is written. After the
 * head, see {@link Frame}:
 *
 * <pre>
 *  | inodes, the root first | shared xattrs | blocks of directories and long links |
 * </pre>
 *
 * or, in two steps, since how long the metabox gets compressed nobody knows before:
 *
 * <pre>
 *  | blocks of directories and long links | metabox | its inode and the packed one |
 *                   metabox: | inodes, the root first | shared xattrs |
 * </pre>
 *
 * Behind each inode lie its attributes and then its chunk indexes, its index of clusters, or what
 * of its data is inline.
 */
final class ImagePlan {
  private static final int CHUNK_INDEX_BYTES = DataLayout.ChunkBased.INDEX_BYTES;

  /** Chunk indexes, and the header of an index of clusters, are at multiples of this. */
  private static final long MAP_ALIGNMENT = 8;

  /** The root's nid must fit in 16 bits. */
  static final int MAX_DEVICES = 10_000;

  private static final long MAX_32 = 0xffff_ffffL;

  private final Tree tree;
  private final List<Device> devices;
  private final @Nullable Instant timestamp;
  private Frame frame;
  private final BlockSize block;
  private final Encoding encoding;

  /** The inodes of the tree, and after them the packed inode, if there is one. */
  private final List<Node> nodes;

  /** The inode of the metabox, when that is placed. */
  private @Nullable Node metabox;

  private final @Nullable Node packed;

  private long epochSeconds;
  private int epochNanos;
  private long buildSeconds;
  private long sharedXattrsAt;
  private long sharedXattrsBytes;
  private long usedBlocks;
  private boolean hasChunks;
  private final List<Node> byNid = new ArrayList<>();
  private final List<Node> flat = new ArrayList<>();

  private ImagePlan(
      Tree tree,
      List<Device> devices,
      @Nullable Instant timestamp,
      Frame frame,
      Encoding encoding,
      @Nullable Node packed) {
    this.tree = tree;
    this.devices = devices;
    this.timestamp = timestamp;
    this.frame = frame;
    this.block = frame.block();
    this.encoding = encoding;
    this.packed = packed;
    this.nodes = new ArrayList<>(tree.nodes());
    if (packed != null) {
      nodes.add(packed);
    }
  }

  /**
   * Plans the bootstrap of {@code tree}, whose regular files have their data placed on devices.
   *
   * @param devices the device slots
   * @param timestamp the modification time of all files, or null
   */
  static ImagePlan of(Tree tree, List<Device> devices, @Nullable Instant timestamp)
      throws IOException {
    Encoding plain = Encoding.plain();
    Frame frame = Frame.bootstrap(headPrefixes(tree, plain).length, devices.size());
    return of(tree, devices, timestamp, frame, plain, null);
  }

  /**
   * Plans an image of {@code tree}, whose regular files have their data placed.
   *
   * @param encoding how regular files were encoded
   * @param packed the packed inode, or null for none
   */
  static ImagePlan of(
      Tree tree,
      List<Device> devices,
      @Nullable Instant timestamp,
      Frame frame,
      Encoding encoding,
      @Nullable Node packed)
      throws IOException {
    ImagePlan plan = new ImagePlan(tree, devices, timestamp, frame, encoding, packed);
    plan.chooseEpoch();
    plan.placeInodes();
    plan.placeBlocks();
    return plan;
  }

  /** The long prefixes of names of attributes, as they lie in the head. */
  static byte[] headPrefixes(Tree tree, Encoding encoding) {
    return encoding.packsPrefixes() ? new byte[0] : tree.xattrs().prefixes().records();
  }

  /**
   * The most common time, so that most inodes need not store one and can be compact. With 48-bit
   * addresses compact ones do store seconds, 32 bits after the epoch: then nanoseconds alone have
   * to be the most common ones, and the epoch is as early as it may be.
   */
  private void chooseEpoch() {
    if (timestamp != null) {
      buildSeconds = timestamp.getEpochSecond();
      epochNanos = timestamp.getNano();
    } else if (encoding.wide() && encoding.inodes() != Encoding.Inodes.COMPACT) {
      buildSeconds = mostCommon(node -> node.stat().mtimeSeconds());
      epochNanos = (int) mostCommon(node -> node.stat().mtimeNanos());
    } else {
      // Seconds in the upper 34 bits and nanoseconds below: from 1698 to 2242, enough for a choice.
      long time = mostCommon(node -> node.stat().mtimeSeconds() << 30 | node.stat().mtimeNanos());
      buildSeconds = time >> 30;
      epochNanos = (int) (time & (1 << 30) - 1);
    }
    epochSeconds = encoding.wide() ? Math.max(0, buildSeconds - MAX_32) : buildSeconds;
  }

  private long mostCommon(ToLongFunction<Node> value) {
    long[] values = nodes.stream().mapToLong(value).sorted().toArray();
    long best = values[0];
    int bestCount = 0;
    for (int first = 0; first < values.length; ) {
      int next = first + 1;
      while (next < values.length && values[next] == values[first]) {
        next++;
      }
      if (next - first > bestCount) {
        best = values[first];
        bestCount = next - first;
      }
      first = next;
    }
    return best;
  }

  private void placeInodes() throws IOException {
    // Their ids do not reach far.
    sharedXattrsBytes = frame.isFar() && !hasMetabox() ? 0 : tree.xattrs().share();
    Slots slots = new Slots(hasMetabox() ? 0 : frame.inodesAt(), block);
    for (Node node : hasMetabox() ? tree.nodes() : nodes) {
      long position = place(node, slots);
      node.nid = hasMetabox() ? Frame.metaboxNid(position) : frame.nid(position);
      byNid.add(node);
    }
    sharedXattrsAt = slots.endBytes();
    byNid.sort(Comparator.comparingLong(node -> node.nid));
  }

  private long place(Node node, Slots slots) throws IOException {
    if (node instanceof Node.Directory directory) {
      directory.sizeBytes = blocks(directory).sizeBytes();
    }
    node.isExtended = needsExtended(node);
    chooseLayout(node);
    return slots.place(mapOffset(node) + mapBytes(node), inlineBytes(node));
  }

  /**
   * Places the inodes that are not in the metabox: its own and the packed one.
   *
   * @param node the inode of the metabox, whose data is placed
   * @param startBlock the block after that data
   */
  void placeMetabox(Node node, long startBlock) throws IOException {
    metabox = node;
    frame = frame.withInodesFrom(startBlock, encoding.wide());
    Slots slots = new Slots(frame.inodesAt(), block);
    List<Node> outside = new ArrayList<>();
    outside.add(node);
    if (packed != null) {
      outside.add(packed);
    }
    for (Node each : outside) {
      each.nid = frame.nid(place(each, slots));
    }
    outside.sort(Comparator.comparingLong(each -> each.nid));
    byNid.addAll(outside);
    usedBlocks = block.count(slots.endBytes());
    checkBlocks();
  }

  /** The blocks of a directory; its nids must be known when they are written. */
  DirectoryBlocks blocks(Node.Directory directory) {
    return new DirectoryBlocks(directory, block, encoding.omitsDots());
  }

  private boolean needsExtended(Node node) throws IOException {
    FileStat stat = node.stat();
    boolean isLarge =
        stat.uid() > 0xffff
            || stat.gid() > 0xffff
            || node.nlink > 0xffff
            || node.sizeBytes() > MAX_32
            || frame.isFar();
    return switch (encoding.inodes()) {
      case SMALLEST -> isLarge || !hasCompactTime(node);
      case EXTENDED -> true;
      case COMPACT -> {
        if (isLarge || !hasCompactTime(node)) {
          throw new IOException(
              "%s: owner %d:%d, %d names, %d bytes, at second %d: expected what a compact inode has room for: numbers below 65536, less than 4 GiB, a time of 1970 to 2106; or leave out force-inode-compact"
                  .formatted(
                      node.entry,
                      stat.uid(),
                      stat.gid(),
                      node.nlink,
                      node.sizeBytes(),
                      mtimeSeconds(node)));
        }
        yield false;
      }
    };
  }

  private boolean hasCompactTime(Node node) {
    long after = mtimeSeconds(node) - epochSeconds;
    return mtimeNanos(node) == epochNanos && after >= 0 && after <= (encoding.wide() ? MAX_32 : 0);
  }

  private void chooseLayout(Node node) {
    long size = node.sizeBytes();
    switch (node.type()) {
      case REGULAR -> {
        if (node.layout == Node.Layout.CHUNK_BASED) {
          hasChunks = true;
          if (node.chunks == null) {
            node.chunks = ChunkMap.hole(size, block);
          }
        }
      }
      case DIRECTORY, SYMBOLIC_LINK -> {
        if (node instanceof Node.Directory && encoding.compressedDirectories()) {
          chooseFragment(node);
          return;
        }
        int tail = block.tail(size);
        boolean fits = tail > 0 && headBytes(node) + tail <= block.bytes();
        node.layout = fits ? Node.Layout.FLAT_INLINE : Node.Layout.FLAT_PLAIN;
        if (flatBlocks(node) > 0) {
          flat.add(node);
        }
      }
      case CHARACTER_DEVICE, BLOCK_DEVICE, FIFO, SOCKET -> node.layout = Node.Layout.FLAT_PLAIN;
    }
  }

  /** Where a directory is among the fragments is said when they are there. */
  private void chooseFragment(Node node) {
    if (node.clusters == null) {
      node.clusters = Clusters.fragmentAlone(0, encoding.algorithm());
    }
    node.layout = FileIndex.layout(node.clusters, encoding);
  }

  /** Adds the directories to the data of the packed inode. */
  void packDirectories(PackedData packed) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(block.bytes());
      for (Node node : tree.nodes()) {
        Waiting.checkInterrupt();
        if (node instanceof Node.Directory directory) {
          DirectoryBlocks blocks = blocks(directory);
          long at = packed.sizeBytes();
          for (int i = 0; i < blocks.count(); i++) {
            long rest = directory.sizeBytes - ((long) i << block.bits());
            MemorySegment bytes = buffer.asSlice(0, Math.min(rest, block.bytes())).fill((byte) 0);
            blocks.write(i, bytes);
            packed.append(bytes);
          }
          directory.clusters = Clusters.fragmentAlone(at, encoding.algorithm());
        }
      }
    }
  }

  /** Length of inode and attributes. */
  static long headBytes(Node node) {
    return (node.isExtended ? Inode.EXTENDED_BYTES : Inode.COMPACT_BYTES)
        + (long) node.xattrs.bodyBytes();
  }

  /** Length of the data right after the inode and its map. */
  int inlineBytes(Node node) {
    if (node.clusters != null) {
      return node.clusters.inlineBytes();
    }
    return node.layout == Node.Layout.FLAT_INLINE ? block.tail(node.sizeBytes()) : 0;
  }

  /** Count of the blocks of a directory or link elsewhere in the metadata. */
  long flatBlocks(Node node) {
    return node.layout == Node.Layout.FLAT_INLINE
        ? node.sizeBytes() >>> block.bits()
        : block.count(node.sizeBytes());
  }

  /** Where an inode has its chunk indexes or its index of clusters, from its start. */
  static long mapOffset(Node node) {
    long head = headBytes(node);
    return node.chunks != null || node.clusters != null
        ? head + MAP_ALIGNMENT - 1 & -MAP_ALIGNMENT
        : head;
  }

  /** The length of what is at {@link #mapOffset}. */
  long mapBytes(Node node) {
    if (node.clusters != null) {
      return FileIndex.of(node, node.clusters, encoding).sizeBytes(mapOffset(node));
    }
    return node.chunks == null ? 0 : (long) CHUNK_INDEX_BYTES * node.chunks.count();
  }

  private void placeBlocks() throws IOException {
    tree.xattrs().moveShared(block.tail(sharedXattrsAt));
    usedBlocks =
        hasMetabox() ? frame.dataEndBlock() : block.count(sharedXattrsAt + sharedXattrsBytes);
    for (Node node : flat) {
      // A link's target stays known by its place in the spool.
      node.startBlock = usedBlocks;
      usedBlocks += flatBlocks(node);
    }
    checkBlocks();
  }

  private void checkBlocks() throws IOException {
    long all = blocks();
    for (Device device : devices) {
      all += device.blocks();
    }
    if (all > encoding.maxBlocks()) {
      throw new IOException(
          "the image would address %d blocks of %d bytes in its metadata and blobs: expected at most %d"
              .formatted(all, block.bytes(), encoding.maxBlocks()));
    }
  }

  /** What the times of compact inodes count from, in seconds since 1970. */
  long epochSeconds() {
    return epochSeconds;
  }

  /** The nanoseconds of the time of compact inodes. */
  int epochNanos() {
    return epochNanos;
  }

  /** The time of the image in seconds since 1970. */
  long buildSeconds() {
    return buildSeconds;
  }

  /** Whether all inodes have the time of the image. */
  private boolean hasOneTime() {
    return timestamp != null || encoding.inodes() == Encoding.Inodes.COMPACT;
  }

  long mtimeSeconds(Node node) {
    return hasOneTime() ? buildSeconds : node.stat().mtimeSeconds();
  }

  /** The rest of {@link #mtimeSeconds} in nanoseconds. */
  int mtimeNanos(Node node) {
    return hasOneTime() ? epochNanos : node.stat().mtimeNanos();
  }

  /** Whether an inode is chunk-based. */
  boolean hasChunks() {
    return hasChunks;
  }

  /**
   * Where the shared attributes start in bytes, of the image or of the metabox; their block is the
   * base of their ids.
   */
  long sharedXattrsAt() {
    return sharedXattrsAt;
  }

  /** Whether there is a metabox, placed or not. */
  boolean hasMetabox() {
    return encoding.metabox() != null;
  }

  /** The inode of the metabox; null before it is placed. */
  @Nullable Node metabox() {
    return metabox;
  }

  /** How long the data of the metabox is. */
  long metaboxBytes() {
    // Readers take blocks of it.
    return block.roundUp(sharedXattrsAt + sharedXattrsBytes);
  }

  /** Size of the bootstrap, or of the whole image with its data, in blocks. */
  long blocks() {
    return encoding.spacing().size(usedBlocks);
  }

  /**
   * How many of {@link #blocks} have something in them, from the first on; before the metabox is
   * placed those before it.
   */
  long usedBlocks() {
    return usedBlocks;
  }

  Frame frame() {
    return frame;
  }

  Encoding encoding() {
    return encoding;
  }

  /** The inode that has the fragments; null for none. */
  @Nullable Node packed() {
    return packed;
  }

  List<Device> devices() {
    return devices;
  }

  Tree tree() {
    return tree;
  }

  /** All inodes as they lie in the image. */
  List<Node> byNid() {
    return byNid;
  }

  /** The inodes with blocks of flat data, as those lie in the bootstrap. */
  List<Node> flat() {
    return flat;
  }
}
