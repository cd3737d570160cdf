package dev.aquifer.build;

import dev.aquifer.image.Directory;
import dev.aquifer.image.Extent;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;

/**
 * Reads an image's metadata back through the reader and compares it with what was planned: the
 * checksum of the superblock, device slots, every inode with all its fields, every name of every
 * directory, the count of extended attributes, whether there is a digest, targets of links, inline
 * data, and where every chunk and cluster lies. The data itself is not read again.
 */
final class ImageChecker {
  /** So many inodes are checked by one thread at a time. */
  private static final int PART = 2048;

  /** Opens the metadata, once for each part. */
  interface Opener {
    ByteSource open() throws IOException;
  }

  private final ImagePlan plan;
  private final ByteSource spooled;
  private final int[] deviceOfBlob;
  private final Image image;
  private final MemorySegment planned = MemorySegment.ofArray(new byte[2 * BlockSize.MAX_BYTES]);

  private ImageChecker(ImagePlan plan, ByteSource spooled, int[] deviceOfBlob, Image image) {
    this.plan = plan;
    this.spooled = spooled;
    this.deviceOfBlob = deviceOfBlob;
    this.image = image;
  }

  /**
   * Checks {@code metadata} in {@code threads} threads.
   *
   * @throws CorruptDataException if it is not as planned: a fault of this program or of the disk
   */
  static void check(ImagePlan plan, Spool spool, int[] deviceOfBlob, Opener metadata, int threads)
      throws IOException {
    int inodes = plan.byNid().size();
    WorkerPool pool = WorkerPool.start(Math.min(threads, 1 + inodes / PART));
    try {
      List<Future<Boolean>> parts = new ArrayList<>();
      for (int first = 0; first < inodes; first += PART) {
        List<Node> nodes = plan.byNid().subList(first, Math.min(first + PART, inodes));
        boolean isFirst = first == 0;
        Callable<Boolean> part =
            () -> {
              try (ByteSource spooled = spool.open();
                  ByteSource written = new PagedSource(metadata.open())) {
                Image image = Image.open(written);
                new ImageChecker(plan, spooled, deviceOfBlob, image).check(isFirst, nodes);
                return true;
              }
            };
        parts.add(pool.executor().submit(part));
      }
      for (Future<Boolean> part : parts) {
        Object unused = Waiting.on(part);
      }
    } finally {
      pool.end();
    }
  }

  private void check(boolean hasHead, List<Node> nodes) throws IOException {
    if (hasHead) {
      checkHead();
    }
    for (Node node : nodes) {
      checkNode(node, image.inode(node.nid));
    }
  }

  private void checkHead() throws IOException {
    require(
        image.superblock().featureCompat() == ImageWriter.compatibleFeatures(plan)
            && image.superblock().featureIncompat() == ImageWriter.incompatibleFeatures(plan),
        "features");
    require(image.superblock().inodes() == plan.byNid().size(), "count of inodes");
    require(image.superblock().blocks() == plan.blocks(), "count of blocks");
    require(
        image.superblock().xattrPrefixes() == plan.tree().xattrs().prefixes().count(),
        "count of long prefixes");
    require(image.root().nid() == plan.tree().root().nid, "root");
    require(image.deviceSlots().size() == plan.devices().size(), "count of devices");
    for (int i = 0; i < plan.devices().size(); i++) {
      Device device = plan.devices().get(i);
      require(
          image.deviceSlots().get(i).tag().equals(device.tag())
              && image.deviceSlots().get(i).blocks() == device.blocks(),
          "device slot " + (i + 1));
    }
  }

  private void checkNode(Node node, Inode inode) throws IOException {
    FileStat stat = node.stat();
    require(
        inode.mode() == stat.mode()
            && inode.uid() == stat.uid()
            && inode.gid() == stat.gid()
            && inode.nlink() == node.nlink
            && inode.sizeBytes() == node.sizeBytes()
            && inode.mtimeSeconds() == plan.mtimeSeconds(node)
            && inode.mtimeNanos() == plan.mtimeNanos(node),
        node);
    if (stat.isDevice()) {
      require(FileStat.rdev(inode.rdevMajor(), inode.rdevMinor()) == stat.rdev(), node);
    }
    require(image.xattrs(inode).size() == node.xattrs.count(), node);
    require(image.digest(inode).isPresent() == hasDigest(node), node);
    if (node instanceof Node.Directory directory) {
      checkNames(directory, image.directory(inode));
    } else if (node.chunks != null) {
      checkChunks(node, node.chunks, inode);
    } else if (node.clusters != null) {
      checkClusters(node, node.clusters, inode);
    } else if (node.stat().isRegular()) {
      checkFlat(node, inode);
    } else if (node.spooledAt != Node.NOWHERE) {
      checkSpooled(node, image.open(inode), 0, (int) node.sizeBytes());
    }
  }

  private boolean hasDigest(Node node) {
    return plan.tree().xattrs().prefixes().hasDigests()
        && node.stat().isRegular()
        && node.sizeBytes() > 0
        && !(node instanceof Node.Packed);
  }

  private void checkFlat(Node node, Inode inode) throws IOException {
    long size = node.sizeBytes();
    int tail = plan.inlineBytes(node);
    if (size > tail) {
      Extent extent = image.map(inode, 0);
      require(
          extent instanceof Extent.Plain plain
              && plain.device() == 0
              && plain.addressBytes() == node.startBlock << plan.frame().block().bits()
              && plain.lengthBytes() >= size - tail,
          node);
    }
    if (tail > 0) {
      checkSpooled(node, image.open(inode), size - tail, tail);
    }
  }

  private void checkClusters(Node node, Clusters clusters, Inode inode) throws IOException {
    long nextAddress = clusters.positionBytes();
    Extent extent = new Extent.Hole(0, 0);
    for (int i = 0; i < clusters.count(); i++) {
      long start = clusters.start(i);
      long end = clusters.end(i, node.sizeBytes());
      long stored = clusters.storedBytes(i);
      long address = clusters.isReference(i) ? clusters.referredBytes(i) : nextAddress;
      // What lies side by side as it is comes as one.
      if (extent.fileOffsetBytes() + extent.lengthBytes() < end) {
        extent = image.map(inode, start);
      }
      boolean isRight =
          switch (extent) {
            case Extent.Hole _ -> false;
            case Extent.Plain plain ->
                !clusters.isEncoded(i)
                    && plain.fileOffsetBytes() + plain.lengthBytes() >= end
                    && (stored == 0
                        || plain.addressBytes() + (start - plain.fileOffsetBytes()) == address);
            case Extent.Encoded encoded ->
                clusters.isEncoded(i)
                    && encoded.algorithm() == clusters.algorithm()
                    && encoded.skipBytes() == 0
                    && encoded.isPartial() == clusters.isPartial(i)
                    && encoded.decodedBytes() == end - start
                    && (stored == 0
                        ? encoded.storedBytes() == clusters.inlineBytes()
                        : encoded.addressBytes() == address && encoded.storedBytes() == stored);
            case Extent.Fragment fragment ->
                clusters.hasFragment()
                    && i == clusters.count() - 1
                    && fragment.lengthBytes() == end - start
                    && fragment.packedOffsetBytes() == clusters.fragmentAt();
          };
      require(isRight, node);
      nextAddress += clusters.isReference(i) ? 0 : stored;
    }
  }

  private void checkNames(Node.Directory node, Directory directory) throws IOException {
    int[] count = {0};
    directory.forEach(
        entry -> {
          int i = count[0]++;
          require(
              i < node.names.length
                  && Arrays.equals(entry.name(), node.names[i])
                  && entry.nid() == node.children[i].nid,
              node);
        });
    require(count[0] == node.names.length, node);
  }

  private void checkSpooled(Node node, ByteSource data, long position, int length)
      throws IOException {
    MemorySegment expected = planned.asSlice(0, length);
    MemorySegment found = planned.asSlice(BlockSize.MAX_BYTES, length);
    spooled.read(node.spooledAt, expected);
    data.read(position, found);
    require(expected.mismatch(found) < 0, node);
  }

  private void checkChunks(Node node, ChunkMap chunks, Inode inode) throws IOException {
    long size = node.sizeBytes();
    for (long at = 0; at < size; ) {
      Extent extent = image.map(inode, at);
      long end = at + extent.lengthBytes();
      while (at < end) {
        checkChunk(node, chunks, at, extent);
        long next = (at >>> chunks.chunkBits()) + 1 << chunks.chunkBits();
        // The last chunk of the largest file ends beyond what a long can say.
        at = next < 0 ? end : Math.min(end, next);
      }
    }
  }

  private void checkChunk(Node node, ChunkMap chunks, long at, Extent extent)
      throws CorruptDataException {
    long address = chunks.address((int) (at >>> chunks.chunkBits()));
    boolean isRight =
        switch (extent) {
          case Extent.Hole _ -> address == ChunkMap.HOLE;
          case Extent.Plain plain ->
              address != ChunkMap.HOLE
                  && plain.device() == deviceOfBlob[ChunkMap.blob(address)]
                  && plain.addressBytes() + (at - plain.fileOffsetBytes())
                      == (ChunkMap.block(address) << plan.frame().block().bits())
                          + (at & (1L << chunks.chunkBits()) - 1);
          case Extent.Encoded _, Extent.Fragment _ -> false;
        };
    require(isRight, node);
  }

  private void require(boolean isRight, Node node) throws CorruptDataException {
    if (!isRight) {
      throw wrong(node.entry.toString());
    }
  }

  private void require(boolean isRight, String what) throws CorruptDataException {
    if (!isRight) {
      throw wrong(what);
    }
  }

  private CorruptDataException wrong(String what) {
    return new CorruptDataException(
        "%s: %s: the metadata read back is not what was written: please report this"
            .formatted(image.name(), what));
  }
}
