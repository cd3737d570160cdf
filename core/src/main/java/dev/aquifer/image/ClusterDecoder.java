package dev.aquifer.image;

import dev.aquifer.codec.Algorithm;
import dev.aquifer.codec.BadStreamException;
import dev.aquifer.io.CorruptDataException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;

/**
 * Decodes the stored bytes of clusters. A stream ends with the stored bytes, and zeros may come
 * before it, in the first block; only LZ4 of images without LZ4_0PADDING begins with them, and has
 * anything behind it.
 */
final class ClusterDecoder {
  /**
   * Decoding to the heap passes through native memory of the cluster's size: not in many threads.
   */
  private static final Semaphore TO_HEAP =
      new Semaphore(
          (int)
              Math.clamp(
                  Runtime.getRuntime().maxMemory() / (32 << 20),
                  1,
                  2L * Runtime.getRuntime().availableProcessors()));

  private final boolean isPadded;
  private final int blockSize;

  ClusterDecoder(Superblock superblock) {
    this.isPadded = superblock.has(Feature.LZ4_0PADDING);
    this.blockSize = superblock.blockSizeBytes();
  }

  /**
   * Decodes the cluster of {@code extent}, all of it.
   *
   * @param stored its stored bytes, native memory
   * @param dst as long as the cluster's decoded bytes, native memory
   */
  void decode(
      Extent.Encoded extent, MemorySegment stored, MemorySegment dst, Supplier<String> place)
      throws CorruptDataException {
    boolean isFromStart = extent.algorithm() == Algorithm.LZ4 && !isPadded;
    try {
      MemorySegment stream = isFromStart ? stored : stored.asSlice(padding(extent, stored));
      extent.algorithm().decompressor().decompress(stream, dst, extent.isPartial() || isFromStart);
    } catch (BadStreamException e) {
      throw new CorruptDataException(
          "%s: bytes %d to %d of its data, compressed at byte 0x%x of %s: %s"
              .formatted(
                  place.get(),
                  extent.clusterEndBytes() - extent.decodedBytes(),
                  extent.clusterEndBytes(),
                  extent.addressBytes(),
                  extent.device() == Extent.METABOX ? "the metabox" : "device " + extent.device(),
                  e.getMessage()));
    }
  }

  /** As {@link #decode}, to the heap. */
  byte[] decodeToHeap(Extent.Encoded extent, MemorySegment stored, Supplier<String> place)
      throws CorruptDataException {
    TO_HEAP.acquireUninterruptibly();
    try (Scratch scratch = Scratch.take(extent.decodedBytes())) {
      MemorySegment decoded = scratch.memory().asSlice(0, extent.decodedBytes());
      decode(extent, stored, decoded, place);
      return decoded.toArray(ValueLayout.JAVA_BYTE);
    } finally {
      TO_HEAP.release();
    }
  }

  private long padding(Extent.Encoded extent, MemorySegment stored) throws BadStreamException {
    long most = Math.min(stored.byteSize(), blockSize - (extent.addressBytes() & blockSize - 1));
    for (long i = 0; i < most; i++) {
      if (stored.get(ValueLayout.JAVA_BYTE, i) != 0) {
        return i;
      }
    }
    throw new BadStreamException("%d zeros and no stream".formatted(most));
  }
}
