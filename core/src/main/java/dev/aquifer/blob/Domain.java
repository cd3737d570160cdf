package dev.aquifer.blob;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * One domain, or one private name space, that is in use: its members and the blobs they hold. Gone
 * with its last member. Guarded by the lock of {@link Domains}.
 */
final class Domain {
  /** Which domain: shared ones and private ones never clash. */
  sealed interface Key {
    /** A domain that was named. */
    record Shared(String domainId) implements Key {}

    /** The name space of a mount without a domain. */
    record Private(String fsid) implements Key {}
  }

  /** A blob in use and all who use it. */
  static final class Entry {
    final CachedBlob blob;

    /** The object that an unverified blob was opened as; null for a verified one. */
    final @Nullable ObjectInfo object;

    final Set<Lease> holders = new LinkedHashSet<>();

    Entry(CachedBlob blob, @Nullable ObjectInfo object) {
      this.blob = blob;
      this.object = object;
    }
  }

  final Key key;
  final ImageSpace space;
  final Instant since = Instant.now();
  final LongAdder metadataBytes = new LongAdder();
  final Map<String, Lease> members = new LinkedHashMap<>();
  final Map<BlobKey, Entry> blobs = new LinkedHashMap<>();

  Domain(Key key, ImageSpace space) {
    this.key = key;
    this.space = space;
  }

  /** Its name; null for a private name space. */
  @Nullable String id() {
    return key instanceof Key.Shared shared ? shared.domainId() : null;
  }

  DomainStatus status() {
    List<DomainStatus.Member> who =
        members.values().stream()
            .map(lease -> new DomainStatus.Member(lease.fsid(), lease.holder(), lease.since()))
            .toList();
    List<BlobStatus> what =
        blobs.values().stream()
            .map(entry -> entry.blob.status(entry.holders.stream().map(Lease::fsid).toList()))
            .toList();
    return new DomainStatus(id(), who, what, metadataBytes.sum(), since);
  }
}
