package dev.aquifer.blob;

import dev.aquifer.format.BlobObject;
import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.format.SpanTable;
import dev.aquifer.io.BackendException;
import dev.aquifer.io.Sha256;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * One member of a domain and what it holds. Made by {@link Domains#join}. Safe for use by many
 * threads.
 */
public final class Lease implements Closeable {
  /** Spans of unverified blobs: 1 MiB. */
  private static final int UNVERIFIED_SPAN_BITS = 20;

  private final Domains domains;
  private final Domain domain;
  private final @Nullable String domainId;
  private final String fsid;
  private final String holder;
  private final Instant since = Instant.now();
  private final LongAdder metadataBytes = new LongAdder();
  private volatile boolean isClosed; // changed under the lock of domains

  Lease(Domains domains, Domain domain, @Nullable String domainId, String fsid, String holder) {
    this.domains = domains;
    this.domain = domain;
    this.domainId = domainId;
    this.fsid = fsid;
    this.holder = holder;
  }

  /** The name that is unique in the domain. */
  public String fsid() {
    return fsid;
  }

  /** The domain, or null for a private name space. */
  public @Nullable String domainId() {
    return domainId;
  }

  /** What status calls the user. */
  public String holder() {
    return holder;
  }

  Instant since() {
    return since;
  }

  Domain domain() {
    return domain;
  }

  /** What came over the wire for bootstraps and span tables through this lease, in bytes. */
  public long metadataBytes() {
    return metadataBytes.sum();
  }

  private void count(long bytes) {
    metadataBytes.add(bytes);
    domain.metadataBytes.add(bytes);
  }

  /**
   * The image's bootstrap: whole, proven and durable in the cache. One in the cache is proven again
   * and costs no request; one that is missing or damaged is fetched, once for all who ask.
   *
   * @throws BackendException if the origin does not give it
   * @throws dev.aquifer.io.CorruptDataException if its digest differs; nothing is kept of it
   */
  public CachedBootstrap bootstrap(RemoteImage image) throws IOException {
    Descriptor object = image.manifest().bootstrap();
    return domains.alone(
        this,
        object.digest(),
        "bootstrap " + object.digest(),
        () -> domain.space.bootstrap(image.backends(), object, this::count));
  }

  /**
   * The image's blobs in device order, shared with all of the domain, and held until this lease
   * closes. A blob that is in use is not opened again; one that is in the cache costs no request.
   *
   * <p>The image's backends become sources of each blob as long as this lease is open; they must
   * stay open as long.
   *
   * @throws IOException if one can't be opened; those that this call opened are released
   */
  public List<CachedBlob> openBlobs(RemoteImage image) throws IOException {
    List<CachedBlob> blobs = new ArrayList<>();
    List<BlobKey> added = new ArrayList<>();
    try {
      for (Descriptor object : image.manifest().blobs()) {
        List<BlobSource> sources = new ArrayList<>();
        for (Backend backend : image.backends()) {
          sources.add(domain.space.source(backend, object, this::count));
        }
        BlobKey.Verified key = new BlobKey.Verified(idOf(image, object));
        if (!domains.holds(this, key)) {
          added.add(key);
        }
        blobs.add(domains.acquire(this, key, null, sources, () -> open(key.id(), sources)));
      }
      return List.copyOf(blobs);
    } catch (IOException | RuntimeException | Error e) {
      added.forEach(key -> domains.release(this, key));
      throw e;
    }
  }

  private static Sha256 idOf(RemoteImage image, Descriptor object) throws IOException {
    return ImageManifest.blobId(image.name() + "/" + object.path(), object);
  }

  private CachedBlob open(Sha256 id, List<BlobSource> sources) throws IOException {
    Path directory = domain.space.directory().resolve("blobs").resolve(id.hex());
    SpanTable table = FirstOf.answer(sources, BlobSource::layout).table();
    return cached(id.hex(), table, SpanFile.open(directory, id, table));
  }

  private CachedBlob cached(String id, SpanTable table, SpanFile file) {
    return new CachedBlob(id, table, file, domains.fetcher(), domains.store().flusher());
  }

  /**
   * An object that nothing proves, such as a device of an image made by other tools; held until
   * this lease closes. It is known by its origin, key, size and version: if it is in use as
   * another, it is refused, and if the cache has another, that is left alone.
   *
   * @throws BackendException if the origin does not give it, or gives nothing by which a change of
   *     it would be noticed
   * @throws dev.aquifer.io.RefusedException EBUSY if it is in use and has changed at its origin
   */
  public CachedBlob openUnverified(Backend backend, String key) throws IOException {
    return openUnverified(backend, key, backend.stat(key));
  }

  /** As the other, for an object that is known already; asks the origin nothing. */
  public CachedBlob openUnverified(Backend backend, String key, ObjectInfo object)
      throws IOException {
    BlobKey.Unverified blobKey = new BlobKey.Unverified(backend.name(), key);
    if (object.version() == null) {
      throw new BackendException(
          "%s: the origin gives neither a strong ETag nor a Last-Modified date in the past: a change of it would go unnoticed"
              .formatted(blobKey),
          false,
          null);
    }
    SpanTable table = SpanTable.unverified(UNVERIFIED_SPAN_BITS, object.sizeBytes());
    BlobSource source = new BlobSource(backend, key, object, manner -> BlobObject.raw(table));
    Sha256 identity = identity(blobKey, object);
    Path directory = domain.space.directory().resolve("unverified").resolve(identity.hex());
    return domains.acquire(
        this,
        blobKey,
        object,
        List.of(source),
        () -> cached(blobKey.toString(), table, SpanFile.open(directory, identity, table)));
  }

  /** The digest of all that tells one unverified object from another; each text has its length. */
  private static Sha256 identity(BlobKey.Unverified key, ObjectInfo object) {
    MessageDigest digest = Sha256.newDigest();
    for (String text : List.of(key.location(), key.key(), String.valueOf(object.version()))) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      digest.update(ByteBuffer.allocate(4).putInt(0, bytes.length));
      digest.update(bytes);
    }
    digest.update(ByteBuffer.allocate(8).putLong(0, object.sizeBytes()));
    return Sha256.finish(digest);
  }

  boolean isClosed() {
    return isClosed;
  }

  /** Returns whether it was open. */
  boolean markClosed() {
    boolean wasOpen = !isClosed;
    isClosed = true;
    return wasOpen;
  }

  void checkOpen() throws IOException {
    if (isClosed) {
      throw closed();
    }
  }

  IOException closed() {
    return new IOException("the lease of fsid '%s' for %s is closed".formatted(fsid, holder));
  }

  /**
   * Releases the blobs and the membership. What nobody else holds is closed, requests for it are
   * cancelled, and what was fetched is recorded. Idempotent.
   */
  @Override
  public void close() {
    domains.leave(this);
  }
}
