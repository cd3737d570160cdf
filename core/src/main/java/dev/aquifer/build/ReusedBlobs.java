package dev.aquifer.build;

import dev.aquifer.format.Descriptor;
import dev.aquifer.image.Extent;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;

/**
 * The blobs of earlier images. Their chunks are read through the reader, proven, and hashed again;
 * nothing is taken on another image's word.
 */
final class ReusedBlobs {
  /**
   * One blob, with a number from 1 in chunk addresses.
   *
   * @param object where the object is described in the image's manifest
   */
  record Blob(int number, ReuseImage image, StoredBlob stored, Descriptor object) {
    Sha256 id() {
      return stored.blob().table().id();
    }
  }

  private static final int BLOCK_BITS = ChunkMap.BLOCK_BITS;
  private static final int MAX_BLOBS = 1 << 14;
  private static final int BATCH_BYTES = 1 << 20;
  private static final int MAX_IN_FLIGHT = 4;

  private final List<Blob> blobs = new ArrayList<>();
  private final Map<Sha256, Integer> numbers = new HashMap<>();
  private final int chunkBits;

  private ReusedBlobs(int chunkBits) {
    this.chunkBits = chunkBits;
  }

  /**
   * Puts all chunks of {@code images} into {@code index}; the images given first come first.
   *
   * @param chunkBits the size of chunk in which the new image is searched for equal data
   */
  static ReusedBlobs index(
      List<ReuseImage> images, int chunkBits, DigestIndex index, ExecutorService pool)
      throws IOException {
    ReusedBlobs reused = new ReusedBlobs(chunkBits);
    LongSet chunks = new LongSet();
    for (ReuseImage image : images) {
      reused.addChunks(image, chunks);
    }
    // Later images mostly have earlier ones' blobs: all chunks together, so that each is read once.
    reused.hash(chunks.sorted(), index, pool);
    return reused;
  }

  List<Blob> blobs() {
    return blobs;
  }

  private void hash(long[] chunks, DigestIndex index, ExecutorService pool) throws IOException {
    Deque<Future<Hashes>> inFlight = new ArrayDeque<>();
    try {
      for (int first = 0; first < chunks.length; ) {
        int next = first + 1;
        long bytes = Chunk.lengthBytes(chunks[first]);
        while (next < chunks.length
            && Chunk.blob(chunks[next]) == Chunk.blob(chunks[first])
            && bytes + Chunk.lengthBytes(chunks[next]) <= BATCH_BYTES) {
          bytes += Chunk.lengthBytes(chunks[next++]);
        }
        StoredBlob blob = blobs.get(Chunk.blob(chunks[first]) - 1).stored;
        inFlight.add(pool.submit(new Hashes(blob, Arrays.copyOfRange(chunks, first, next))));
        first = next;
        if (inFlight.size() >= MAX_IN_FLIGHT) {
          Waiting.on(inFlight.remove()).putInto(index);
        }
      }
      while (!inFlight.isEmpty()) {
        Waiting.on(inFlight.remove()).putInto(index);
      }
    } finally {
      inFlight.forEach(future -> future.cancel(false));
    }
  }

  /** Adds every chunk of file data in blobs of {@code image}. */
  private void addChunks(ReuseImage image, LongSet chunks) throws IOException {
    int[] numberOfDevice = new int[image.blobs().size()];
    for (int i = 0; i < numberOfDevice.length; i++) {
      numberOfDevice[i] = number(image, i);
    }
    for (long nid : files(image.image())) {
      addFile(image.image(), image.image().inode(nid), numberOfDevice, chunks);
    }
  }

  /** A blob that several images have gets one number. */
  private int number(ReuseImage image, int device) throws IOException {
    StoredBlob stored = image.blobs().get(device);
    Integer known = numbers.get(stored.blob().table().id());
    if (known != null) {
      return known;
    }
    if (blobs.size() == MAX_BLOBS) {
      throw new IOException("images to reuse: more than %d blobs".formatted(MAX_BLOBS));
    }
    int number = blobs.size() + 1;
    blobs.add(new Blob(number, image, stored, image.manifest().blobs().get(device)));
    numbers.put(stored.blob().table().id(), number);
    return number;
  }

  /** The nids of all regular files, each once whatever the count of its names. */
  private static long[] files(Image image) throws IOException {
    LongSet files = new LongSet();
    Set<Long> seen = new HashSet<>();
    seen.add(image.root().nid());
    Deque<Inode> rest = new ArrayDeque<>();
    rest.push(image.root());
    while (!rest.isEmpty()) {
      Waiting.checkInterrupt();
      image
          .directory(rest.pop())
          .forEach(
              entry -> {
                if (entry.type() == FileType.REGULAR) {
                  files.add(entry.nid());
                } else if (entry.type() == FileType.DIRECTORY) {
                  // Without this an image of a few bytes could keep us busy for ever.
                  if (!seen.add(entry.nid())) {
                    throw new CorruptDataException(
                        "%s: %s: this directory is also in another place: expected one place"
                            .formatted(image.name(), entry));
                  }
                  rest.push(image.inode(entry));
                }
              });
    }
    return files.sorted();
  }

  private void addFile(Image image, Inode file, int[] numberOfDevice, LongSet found)
      throws IOException {
    if (file.type() != FileType.REGULAR) {
      throw new CorruptDataException(
          "%s: inode nid %d: is a %s: a directory entry says regular file"
              .formatted(image.name(), file.nid(), file.type()));
    }
    long size = file.sizeBytes();
    int bits = chunkBits(image, file);
    for (long at = 0; at < size; ) {
      Extent extent = image.map(file, at);
      if (extent instanceof Extent.Plain plain && plain.device() > 0 && bits > 0) {
        addExtent(plain, size, bits, numberOfDevice[plain.device() - 1], found);
      }
      at += extent.lengthBytes();
    }
  }

  /** The size of chunk that the same file would have in the new image. */
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

  /** Adds the chunks of a file that lie wholly in one run of blocks. */
  private static void addExtent(
      Extent.Plain run, long fileSize, int bits, int blob, LongSet found) {
    long end = run.fileOffsetBytes() + run.lengthBytes();
    long chunk = 1L << bits;
    for (long at = run.fileOffsetBytes() + chunk - 1 >>> bits << bits; at < end; at += chunk) {
      long length = Math.min(chunk, fileSize - at);
      long address = run.addressBytes() + (at - run.fileOffsetBytes());
      if (at + length <= end && Chunk.canBe(address)) {
        found.add(Chunk.of(blob, address >>> BLOCK_BITS, length));
      }
    }
  }

  /** A place in a blob as one number: 14 bits of blob, 32 of block, 16 of count of blocks. */
  private static final class Chunk {
    private static final int COUNT_BITS = 16;
    private static final int BLOCK_NUMBER_BITS = 32;

    static boolean canBe(long addressBytes) {
      return (addressBytes & (1L << BLOCK_BITS) - 1) == 0
          && addressBytes >>> BLOCK_BITS < 1L << BLOCK_NUMBER_BITS;
    }

    static long of(int blob, long block, long lengthBytes) {
      long blocks = (lengthBytes - 1 >>> BLOCK_BITS) + 1;
      return ((long) blob << BLOCK_NUMBER_BITS | block) << COUNT_BITS | blocks;
    }

    static int blob(long chunk) {
      return (int) (chunk >>> COUNT_BITS + BLOCK_NUMBER_BITS);
    }

    static long block(long chunk) {
      return chunk >>> COUNT_BITS & (1L << BLOCK_NUMBER_BITS) - 1;
    }

    static long lengthBytes(long chunk) {
      return (chunk & (1 << COUNT_BITS) - 1) << BLOCK_BITS;
    }
  }

  /** Reads and hashes neighbouring chunks of one blob. */
  private static final class Hashes implements Callable<Hashes> {
    private final StoredBlob blob;
    private final long[] chunks;
    private final long[] digests;

    Hashes(StoredBlob blob, long[] chunks) {
      this.blob = blob;
      this.chunks = chunks;
      this.digests = new long[DigestIndex.DIGEST_LONGS * chunks.length];
    }

    @Override
    public Hashes call() throws IOException {
      long longest = 0;
      for (long chunk : chunks) {
        longest = Math.max(longest, Chunk.lengthBytes(chunk));
      }
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment buffer = arena.allocate(longest, 8);
        for (int i = 0; i < chunks.length; i++) {
          MemorySegment bytes = buffer.asSlice(0, Chunk.lengthBytes(chunks[i]));
          long position = Chunk.block(chunks[i]) << BLOCK_BITS;
          if (position > blob.sizeBytes() - bytes.byteSize()) {
            throw new CorruptDataException(
                "%s: ends at byte %d: a file of its image needs %d"
                    .formatted(blob.name(), blob.sizeBytes(), position + bytes.byteSize()));
          }
          blob.read(position, bytes);
          DigestIndex.toLongs(Sha256.hash(bytes).bytes(), digests, digestAt(i));
        }
      }
      return this;
    }

    private static int digestAt(int chunk) {
      return chunk * DigestIndex.DIGEST_LONGS;
    }

    void putInto(DigestIndex index) {
      for (int i = 0; i < chunks.length; i++) {
        index.put(
            digests, digestAt(i), ChunkMap.address(Chunk.blob(chunks[i]), Chunk.block(chunks[i])));
      }
    }
  }
}
