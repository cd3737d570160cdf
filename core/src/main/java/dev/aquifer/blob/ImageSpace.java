package dev.aquifer.blob;

import dev.aquifer.format.BlobObject;
import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Failpoint;
import dev.aquifer.io.FileSource;
import dev.aquifer.io.Sha256;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * The metadata files of one domain: bootstraps and blob tails. What is in the cache is proven again
 * whenever it is used; what is not is fetched whole, proven, and then moved to its place.
 *
 * <p>Calls for one file must not overlap.
 */
final class ImageSpace {
  private static final Logger LOG = System.getLogger(ImageSpace.class.getName());
  private static final int PIECE_BYTES = 4 << 20;

  private final CacheStore store;
  private final Path directory;

  ImageSpace(CacheStore store, Path directory) {
    this.store = store;
    this.directory = directory;
  }

  Path directory() {
    return directory;
  }

  /**
   * The bootstrap, from the first of {@code backends} that gives it; {@code meter} is told the wire
   * bytes.
   */
  CachedBootstrap bootstrap(List<Backend> backends, Descriptor object, LongConsumer meter)
      throws IOException {
    Path path = directory.resolve("bootstraps").resolve(object.digest().hex());
    if (isProven(path, object)) {
      return new CachedBootstrap(path, object.digest(), 0);
    }
    return FirstOf.answer(
        backends, (backend, manner) -> bootstrap(manner.of(backend), object, path, meter));
  }

  private CachedBootstrap bootstrap(
      Backend backend, Descriptor object, Path path, LongConsumer meter) throws IOException {
    Files.createDirectories(path.getParent());
    Path temp = store.newTemp();
    long[] fetched = {0};
    try {
      fetch(
          backend,
          object,
          temp,
          count -> {
            fetched[0] += count;
            meter.accept(count);
          });
      Files.move(temp, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw FileFailure.named(temp, e);
    } finally {
      Files.deleteIfExists(temp);
    }
    SpanFile.syncDirectory(path.getParent());
    return new CachedBootstrap(path, object.digest(), fetched[0]);
  }

  private static boolean isProven(Path path, Descriptor object) throws IOException {
    if (!Files.isRegularFile(path) || Files.size(path) != object.sizeBytes()) {
      return false;
    }
    try {
      return digest(path, object.sizeBytes()).equals(object.digest());
    } catch (ClosedByInterruptException e) {
      throw e;
    } catch (IOException e) {
      // What can't be read is had anew, like what is damaged.
      return false;
    }
  }

  private static Sha256 digest(Path path, long sizeBytes) throws IOException {
    Failpoint.reach("cache-read");
    MessageDigest digest = Sha256.newDigest();
    try (FileChannel channel = FileChannel.open(path);
        Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(PIECE_BYTES);
      for (long at = 0; at < sizeBytes; at += PIECE_BYTES) {
        MemorySegment piece = buffer.asSlice(0, Math.min(PIECE_BYTES, sizeBytes - at));
        FileSource.readFully(channel, at, piece, path.toString());
        Sha256.update(digest, piece);
      }
    }
    return Sha256.finish(digest);
  }

  private static void fetch(Backend backend, Descriptor object, Path temp, LongConsumer meter)
      throws IOException {
    MessageDigest digest = Sha256.newDigest();
    ObjectInfo expected = new ObjectInfo(object.sizeBytes(), null);
    // The arena is shared: an HTTP client's threads fill the buffer.
    try (FileChannel channel =
            FileChannel.open(temp, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        Arena arena = Arena.ofShared()) {
      MemorySegment buffer = arena.allocate(Math.min(PIECE_BYTES, object.sizeBytes()));
      for (long at = 0; at < object.sizeBytes(); at += PIECE_BYTES) {
        MemorySegment piece = buffer.asSlice(0, Math.min(PIECE_BYTES, object.sizeBytes() - at));
        backend.read(object.path(), expected, at, piece, new Meter(meter));
        Sha256.update(digest, piece);
        FileSource.writeFully(channel, at, piece);
      }
      Sha256 found = Sha256.finish(digest);
      if (!found.equals(object.digest())) {
        throw new CorruptDataException(
            "%s/%s: its digest is %s: the origin's data is damaged or was changed"
                .formatted(backend.name(), object.path(), found));
      }
      channel.force(true);
    }
  }

  /** Counts what came over the wire. */
  private static final class Meter implements ReadListener {
    private final LongConsumer meter;
    private long toldBytes;

    Meter(LongConsumer meter) {
      this.meter = meter;
    }

    @Override
    public void onReceived(long countBytes) {
      meter.accept(countBytes - toldBytes);
      toldBytes = countBytes;
    }
  }

  /** The source that an image's {@code object} is for its blob. */
  BlobSource source(Backend backend, Descriptor object, LongConsumer meter) throws IOException {
    String name = backend.name() + "/" + object.path();
    return new BlobSource(
        backend,
        object.path(),
        new ObjectInfo(object.sizeBytes(), null),
        new Tail(
            name,
            backend,
            object,
            ImageManifest.blobId(name, object),
            ImageManifest.tailOffset(name, object),
            meter));
  }

  /** The layout of a blob object: from the cache, or from the object's own end. */
  private final class Tail implements BlobSource.Layout {
    private final String name;
    private final Backend backend;
    private final Descriptor object;
    private final Sha256 blobId;
    private final long offsetBytes;
    private final LongConsumer meter;
    private final Path path;
    private volatile boolean isFromOrigin;

    Tail(
        String name,
        Backend backend,
        Descriptor object,
        Sha256 blobId,
        long offsetBytes,
        LongConsumer meter) {
      this.name = name;
      this.backend = backend;
      this.object = object;
      this.blobId = blobId;
      this.offsetBytes = offsetBytes;
      this.meter = meter;
      this.path = directory.resolve("tails").resolve(object.digest().hex());
    }

    @Override
    public BlobObject load(FirstOf.Manner manner) throws IOException {
      long length = object.sizeBytes() - offsetBytes;
      try (Arena arena = Arena.ofShared()) {
        MemorySegment tail = arena.allocate(length, 8);
        if (readCached(tail)) {
          try {
            return BlobObject.parse(path.toString(), tail, offsetBytes, blobId);
          } catch (CorruptDataException | UnsupportedFeatureException e) {
            // Left by another version, or damaged: had anew below.
          }
        }
        manner
            .of(backend)
            .read(
                object.path(),
                new ObjectInfo(object.sizeBytes(), null),
                offsetBytes,
                tail,
                new Meter(meter));
        BlobObject fetched = BlobObject.parse(name, tail, offsetBytes, blobId);
        isFromOrigin = true;
        writeCached(tail);
        return fetched;
      }
    }

    private boolean readCached(MemorySegment tail) throws IOException {
      try (FileChannel channel = FileChannel.open(path)) {
        if (channel.size() != tail.byteSize()) {
          return false;
        }
        Failpoint.reach("cache-read");
        FileSource.readFully(channel, 0, tail, path.toString());
        return true;
      } catch (ClosedByInterruptException e) {
        throw e;
      } catch (IOException e) {
        // Not there, or it can't be read: had anew.
        return false;
      }
    }

    /**
     * For the next time; so a failure is none of the caller's. Not synced: what a crash spoils does
     * not prove, and is had anew.
     */
    private void writeCached(MemorySegment tail) {
      Path temp = store.newTemp();
      try {
        Files.createDirectories(path.getParent());
        try (FileChannel channel =
            FileChannel.open(temp, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
          FileSource.writeFully(channel, 0, tail);
          Files.move(temp, path, StandardCopyOption.ATOMIC_MOVE);
        } finally {
          Files.deleteIfExists(temp);
        }
      } catch (IOException e) {
        LOG.log(
            Logger.Level.WARNING,
            "a span table can''t be kept: {0}",
            FileFailure.named(path, e).getMessage());
      }
    }

    /**
     * The digests in a tail prove the plain bytes alone, so one that others had from their origins
     * may mislead about where the spans are.
     */
    @Override
    public boolean distrust() {
      if (isFromOrigin) {
        return false;
      }
      try {
        Files.deleteIfExists(path);
        return true;
      } catch (IOException e) {
        return false;
      }
    }
  }
}
