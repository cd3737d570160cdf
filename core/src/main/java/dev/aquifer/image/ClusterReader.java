package dev.aquifer.image;

import dev.aquifer.image.ClusterCache.Entry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Reads the bytes of encoded extents. A cluster that is wanted as a whole is decoded to where it is
 * wanted; one that is wanted in part is decoded once and kept for a while.
 *
 * <p>Safe for use by many threads.
 */
final class ClusterReader {
  private final ClusterCache cache;
  private final ClusterDecoder decoder;

  ClusterReader(ClusterCache cache, ClusterDecoder decoder) {
    this.cache = cache;
    this.decoder = decoder;
  }

  /** Whether another thread is decoding the cluster of {@code extent} just now. */
  boolean isInWork(Extent.Encoded extent) {
    Entry entry = cache.get(extent);
    return entry != null && entry.isInWork();
  }

  /**
   * Reads {@code extents.get(index)}, which must be encoded.
   *
   * @param stored gives the stored bytes
   * @param dst as long as the extent
   * @param place whose data it is, for messages
   */
  void read(
      List<Extent> extents,
      int index,
      StoredBytes stored,
      MemorySegment dst,
      Supplier<String> place)
      throws IOException {
    Extent.Encoded extent = (Extent.Encoded) extents.get(index);
    boolean isWhole = extent.lengthBytes() == extent.decodedBytes();
    Entry entry = cache.get(extent);
    byte @Nullable [] decoded = entry == null ? null : entry.await();
    if (entry != null && isWhole) {
      // Decoded ahead, and used up.
      cache.drop(extent, entry);
    }
    if (decoded == null) {
      if (isWhole && dst.isNative()) {
        decoder.decode(extent, stored.get(extents, index), dst, place);
        return;
      }
      decoded = decode(extents, index, stored, cache.claim(extent, false), place);
    }
    MemorySegment.copy(
        decoded, extent.skipBytes(), dst, ValueLayout.JAVA_BYTE, 0, (int) extent.lengthBytes());
  }

  /**
   * Decodes the cluster of {@code extents.get(index)} to the cache, unless it is there, in work or
   * without room. What goes wrong is told to who reads it.
   */
  void readAhead(List<Extent> extents, int index, StoredBytes stored, Supplier<String> place)
      throws IOException {
    Entry entry = cache.claim((Extent.Encoded) extents.get(index), true);
    if (entry != null) {
      decode(extents, index, stored, entry, place);
    }
  }

  private byte[] decode(
      List<Extent> extents,
      int index,
      StoredBytes stored,
      @Nullable Entry claimed,
      Supplier<String> place)
      throws IOException {
    Extent.Encoded extent = (Extent.Encoded) extents.get(index);
    byte @Nullable [] decoded = null;
    try {
      decoded = decoder.decodeToHeap(extent, stored.get(extents, index), place);
      return decoded;
    } finally {
      if (claimed != null && decoded != null) {
        claimed.decoded().complete(decoded);
      } else if (claimed != null) {
        cache.drop(extent, claimed);
      }
    }
  }
}
