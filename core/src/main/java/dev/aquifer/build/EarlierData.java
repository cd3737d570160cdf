package dev.aquifer.build;

import dev.aquifer.image.Extent;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.function.BooleanSupplier;

/**
 * What earlier images have of the data of a new tree. Where their chunks lie is taken from them;
 * that the bytes are there is not: each span is decoded and proven once, and compared with the
 * files of the new tree that may have come from it.
 */
final class EarlierData {
  /** A part of a chunk of the new tree, and where in one span of an earlier blob it may be. */
  record Part(
      Node node, int chunk, long positionBytes, int lengthBytes, int blob, long addressBytes) {
    /** Whether {@code next} follows on, in its file as in the blob. */
    boolean isBefore(Part next) {
      return next.positionBytes == positionBytes + lengthBytes
          && next.addressBytes == addressBytes + lengthBytes;
    }
  }

  /** Is told of the chunks of a file that lie wholly in one run of blocks. */
  private interface Chunks {
    void take(long positionBytes, long lengthBytes, int blob, long addressBytes) throws IOException;
  }

  /**
   * An earlier image.
   *
   * @param numbers of its blobs, in device order
   */
  private record Read(Image image, List<Integer> numbers, EarlierDirectory root) {}

  private final ReusedBlobs blobs;
  private final int chunkBits;
  private final List<Read> images = new ArrayList<>();
  private final LongSet places = new LongSet();
  private final List<Part> parts = new ArrayList<>();

  /** Files with chunks that may be known. */
  private final List<Node> nodes = new ArrayList<>();

  private EarlierData(ReusedBlobs blobs, int chunkBits) {
    this.blobs = blobs;
    this.chunkBits = chunkBits;
  }

  /**
   * Reads where the chunks of {@code images} lie.
   *
   * @param images those given first come first
   * @param chunkBits the size of chunk in which the new image is searched for equal data
   * @param isEnded whether nobody waits for it any more, which no interrupt tells a thread of a
   *     pool
   */
  static EarlierData read(List<ReuseImage> images, int chunkBits, BooleanSupplier isEnded)
      throws IOException {
    EarlierData data = new EarlierData(ReusedBlobs.of(images), chunkBits);
    for (ReuseImage reused : images) {
      Image image = reused.image();
      List<Integer> numbers = data.blobs.numbers(reused);
      EarlierDirectory root =
          EarlierDirectory.read(
              image,
              file -> {
                if (isEnded.getAsBoolean()) {
                  throw new InterruptedIOException("ended");
                }
                data.addPlaces(image, numbers, file);
              });
      data.images.add(new Read(image, numbers, root));
    }
    return data;
  }

  ReusedBlobs blobs() {
    return blobs;
  }

  /**
   * Looks for the data of {@code tree} where its files' twins are, and gives chunks that are there
   * their addresses. Returns what finds all others.
   */
  EarlierChunks find(
      Tree tree, SourceTree source, BuildOptions options, ExecutorService pool, Arena arena)
      throws IOException {
    for (Read read : images) {
      Twins.find(
          tree, read.root, options.inlineMaxBytes(), (node, nid) -> addParts(node, read, nid));
    }
    images.clear();
    parts.sort(EarlierData::compare);
    // Later images mostly have earlier ones' blobs: all together, so that each is read once.
    SpanPass pass = new SpanPass(blobs, places.sorted(), parts, pool);
    EarlierChunks chunks = pass.run(source, options.threads(), arena);
    nodes.forEach(EarlierData::settle);
    return chunks;
  }

  private static int compare(Part a, Part b) {
    return a.blob != b.blob
        ? Integer.compare(a.blob, b.blob)
        : Long.compare(a.addressBytes, b.addressBytes);
  }

  private void addPlaces(Image image, List<Integer> numbers, Inode file) throws IOException {
    int bits = chunkBits(image, file);
    forEachChunk(
        image,
        numbers,
        file,
        bits,
        (position, length, blob, address) -> {
          long place = Place.of(blob, address, length);
          StoredBlob stored = blobs.stored(blob);
          if (Place.endBytes(place) > stored.sizeBytes()) {
            throw new CorruptDataException(
                "%s: ends at byte %d: a file of its image needs %d"
                    .formatted(stored.name(), stored.sizeBytes(), Place.endBytes(place)));
          }
          places.add(place);
        });
  }

  /** The size of chunk that the same file would have in the new image; -1 if it is too large. */
  private int chunkBits(Image image, Inode file) throws IOException {
    long size = file.sizeBytes();
    ChunkSize chunkSize = new ChunkSize(size, chunkBits);
    for (long at = 0; at < size && chunkSize.dependsOnData(); ) {
      Extent extent = image.map(file, at);
      if (extent instanceof Extent.Plain) {
        chunkSize.addData(at, at + extent.lengthBytes());
      }
      at += extent.lengthBytes();
    }
    return chunkSize.bits();
  }

  private static void forEachChunk(
      Image image, List<Integer> numbers, Inode file, int bits, Chunks taker) throws IOException {
    long size = file.sizeBytes();
    for (long at = 0; at < size && bits > 0; ) {
      Extent extent = image.map(file, at);
      if (extent instanceof Extent.Plain run && run.device() > 0) {
        forEachChunk(run, size, bits, numbers.get(run.device() - 1), taker);
      }
      at += extent.lengthBytes();
    }
  }

  private static void forEachChunk(
      Extent.Plain run, long fileSize, int bits, int blob, Chunks taker) throws IOException {
    long end = run.fileOffsetBytes() + run.lengthBytes();
    long chunk = 1L << bits;
    for (long at = run.fileOffsetBytes() + chunk - 1 >>> bits << bits; at < end; at += chunk) {
      long length = Math.min(chunk, fileSize - at);
      long address = run.addressBytes() + (at - run.fileOffsetBytes());
      if (at + length <= end && Place.canBe(address)) {
        taker.take(at, length, blob, address);
      }
    }
  }

  /** Notes what is to be compared; of several twins the first that has a chunk counts. */
  private void addParts(Node node, Read read, long nid) throws IOException {
    ChunkSize chunkSize = new ChunkSize(node.sizeBytes(), chunkBits);
    if (chunkSize.dependsOnData() || chunkSize.bits() < 0) {
      return;
    }
    int bits = chunkSize.bits();
    ChunkMap known = node.chunks;
    if (known == null) {
      known = ChunkMap.holes(node.sizeBytes(), bits, BlockSize.USUAL);
      node.chunks = known;
      nodes.add(node);
    }
    ChunkMap chunks = known;
    forEachChunk(
        read.image,
        read.numbers,
        read.image.inode(nid),
        bits,
        (position, length, blob, address) -> {
          int chunk = (int) (position >>> bits);
          if (chunks.address(chunk) == ChunkMap.HOLE) {
            chunks.set(chunk, ChunkMap.address(blob, address >>> ChunkMap.BLOCK_BITS));
            split(node, chunk, position, length, blob, address);
          }
        });
  }

  private void split(Node node, int chunk, long position, long length, int blob, long address) {
    int spanBits = blobs.stored(blob).blob().table().spanBits();
    for (long done = 0; done < length; ) {
      long at = address + done;
      long step = Math.min(length - done, SpanCheck.MAX_PART_BYTES);
      step = Math.min(step, ((at >>> spanBits) + 1 << spanBits) - at);
      parts.add(new Part(node, chunk, position + done, (int) step, blob, at));
      done += step;
    }
  }

  /**
   * Leaves of the addresses of a file, of which all stand for equal bytes by now, those that may be
   * side by side: see {@link Chunker}.
   */
  private static void settle(Node node) {
    ChunkMap chunks = node.chunks;
    if (chunks == null) {
      return;
    }
    long blocks = 1L << chunks.chunkBits() - ChunkMap.BLOCK_BITS;
    long before = ChunkMap.HOLE;
    for (int i = 0; i < chunks.count(); i++) {
      long address = chunks.address(i);
      if (address != ChunkMap.HOLE && ChunkMap.continuesOtherBlob(before, blocks, address)) {
        chunks.set(i, ChunkMap.HOLE);
      } else if (address != ChunkMap.HOLE) {
        before = address;
      }
    }
    if (before == ChunkMap.HOLE) {
      node.chunks = null;
    }
  }
}
