package dev.aquifer.image;

import dev.aquifer.codec.Algorithm;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Decoded clusters of one image: those in work, and those used last, up to a number of bytes.
 *
 * <p>A cluster is decoded by who claims it; others wait for it. Nobody who has claimed one waits
 * for one of the same file: only for those of the metabox and of the packed inode that its stored
 * bytes come from, so that no two wait for each other.
 */
final class ClusterCache {
  private final long limitBytes;

  /** In the order of last use; guarded by this. */
  private final LinkedHashMap<Key, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);

  /** The decoded length of all entries; guarded by this. */
  private long heldBytes;

  ClusterCache(long limitBytes) {
    this.limitBytes = limitBytes;
  }

  /** What the decoded bytes of a cluster depend on. */
  private record Key(
      int device,
      long addressBytes,
      int storedBytes,
      Algorithm algorithm,
      int decodedBytes,
      boolean isPartial) {
    static Key of(Extent.Encoded extent) {
      return new Key(
          extent.device(),
          extent.addressBytes(),
          extent.storedBytes(),
          extent.algorithm(),
          extent.decodedBytes(),
          extent.isPartial());
    }

    // Written out, since those of a record take the JVM longer to make than to use for a while.
    @Override
    public int hashCode() {
      return Long.hashCode(addressBytes) + 31 * decodedBytes;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Key that
          && addressBytes == that.addressBytes
          && device == that.device
          && storedBytes == that.storedBytes
          && algorithm == that.algorithm
          && decodedBytes == that.decodedBytes
          && isPartial == that.isPartial;
    }
  }

  /**
   * A claimed cluster.
   *
   * @param decoded gets its bytes, or null if they can't be had: then who waits has to see why
   */
  record Entry(CompletableFuture<byte @Nullable []> decoded, int lengthBytes) {
    boolean isInWork() {
      return !decoded.isDone();
    }

    /** Waits for the bytes. */
    byte @Nullable [] await() {
      return decoded.join();
    }
  }

  /** The entry of {@code extent}'s cluster, or null. */
  synchronized @Nullable Entry get(Extent.Encoded extent) {
    return entries.get(Key.of(extent));
  }

  /**
   * Claims the cluster of {@code extent}. The caller must complete the entry, or {@link #drop} it.
   *
   * @param isAhead whether it is wanted later, so that it takes no more than its share of the room
   * @return null if somebody else has it already, or there is no room
   */
  synchronized @Nullable Entry claim(Extent.Encoded extent, boolean isAhead) {
    if (isAhead && extent.decodedBytes() > limitBytes / 2) {
      return null;
    }
    Key key = Key.of(extent);
    if (entries.containsKey(key)) {
      return null;
    }
    makeRoom(extent.decodedBytes());
    if (isAhead && heldBytes + extent.decodedBytes() > limitBytes) {
      return null;
    }
    Entry entry = new Entry(new CompletableFuture<>(), extent.decodedBytes());
    entries.put(key, entry);
    heldBytes += entry.lengthBytes;
    return entry;
  }

  /** Forgets {@code entry}, which nobody needs any more or which can't be had. */
  synchronized void drop(Extent.Encoded extent, Entry entry) {
    if (entries.remove(Key.of(extent), entry)) {
      heldBytes -= entry.lengthBytes;
    }
    entry.decoded.complete(null);
  }

  private void makeRoom(int lengthBytes) {
    Iterator<Entry> oldest = entries.values().iterator();
    while (heldBytes + lengthBytes > limitBytes && oldest.hasNext()) {
      Entry entry = oldest.next();
      if (!entry.isInWork()) {
        oldest.remove();
        heldBytes -= entry.lengthBytes;
      }
    }
  }

  /** The decoded length of all clusters that are held now. */
  synchronized long heldBytes() {
    return heldBytes;
  }
}
