package dev.aquifer.blob;

import dev.aquifer.format.BlobObject;
import dev.aquifer.io.BackendException;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Fetches one run of spans: from the first source that can give them, each span proven and stored
 * as soon as it is there, while the next ones still come.
 *
 * <p>A span that fails its proof is fetched once more, as it may have been damaged on its way; then
 * from the other sources. For one thread.
 */
final class RunFetch implements ReadListener {
  private final CachedBlob blob;
  private final Fetcher.Run run;
  private final FetchBuffers buffers;
  private final int maxRequestBytes;

  /** The span that comes next. */
  private int next;

  // The request under way: spans up to pieceLast, whose first byte is pieceStart in the object.
  private @Nullable BlobObject layout;
  private MemorySegment piece = MemorySegment.NULL;
  private long pieceStart;
  private int pieceLast;
  private long countedBytes;

  RunFetch(CachedBlob blob, Fetcher.Run run, FetchBuffers buffers, int maxRequestBytes) {
    this.blob = blob;
    this.run = run;
    this.buffers = buffers;
    this.maxRequestBytes = maxRequestBytes;
    this.next = run.first;
  }

  /** Settles every span of the run. */
  void fetch() {
    while (next <= run.last) {
      Throwable failure = fetchFromSources();
      if (failure == null) {
        return;
      }
      run.settle(next, new Flight.Outcome.Failed(failure));
      next++;
      // What is wrong with one span says nothing of the others; but only a reader is worth the try.
      if (!(failure instanceof CorruptDataException) || !run.isAwaited(next)) {
        while (next <= run.last) {
          run.settle(next, new Flight.Outcome.Failed(failure));
          next++;
        }
      }
    }
  }

  /** Fetches on from {@link #next}; returns why that span can't be had, null at the run's end. */
  private @Nullable Throwable fetchFromSources() {
    Throwable failure = new IOException(blob.name() + ": nobody who holds it has a source for it");
    for (BlobSource source : blob.sources()) {
      try {
        fetchFrom(source);
        return null;
      } catch (BackendException e) {
        failure = e;
        blob.preferOthers(source);
      } catch (CorruptDataException e) {
        failure = e;
        blob.preferOthers(source);
      } catch (IOException | RuntimeException e) {
        return e;
      }
      if (run.isCancelled()) {
        break;
      }
    }
    return failure;
  }

  private void fetchFrom(BlobSource source) throws IOException {
    int corrupt = -1;
    while (next <= run.last) {
      try {
        fetchPiece(source);
      } catch (CorruptDataException e) {
        if (corrupt == next) {
          throw e;
        }
        corrupt = next;
        source.distrustLayout();
      }
    }
  }

  private void fetchPiece(BlobSource source) throws IOException {
    BlobObject object = source.layout();
    layout = object;
    pieceStart = object.storedOffsetBytes(next);
    pieceLast = next;
    while (pieceLast < run.last
        && storedEnd(object, pieceLast + 1) - pieceStart <= maxRequestBytes) {
      pieceLast++;
    }
    piece = buffers.stored(storedEnd(object, pieceLast) - pieceStart);
    countedBytes = 0;
    source.backend().read(source.key(), source.expected(), pieceStart, piece, this);
  }

  private static long storedEnd(BlobObject object, int index) {
    return object.storedOffsetBytes(index) + object.storedLengthBytes(index);
  }

  @Override
  public void onRequest() {
    blob.countRequest();
  }

  @Override
  public void onReceived(long countBytes) throws IOException {
    blob.countFetched(countBytes - countedBytes);
    countedBytes = countBytes;
    BlobObject object = layout;
    while (object != null
        && next <= pieceLast
        && storedEnd(object, next) - pieceStart <= countBytes) {
      blob.store(next, plain(object));
      run.settle(next, new Flight.Outcome.Present());
      next++;
    }
  }

  /** The proven bytes of span {@link #next}. */
  private MemorySegment plain(BlobObject object) throws CorruptDataException {
    MemorySegment stored =
        piece.asSlice(object.storedOffsetBytes(next) - pieceStart, object.storedLengthBytes(next));
    int plainLength = object.table().lengthBytes(next);
    if (stored.byteSize() == plainLength) {
      object.table().verify(next, stored, blob.name());
      return stored;
    }
    MemorySegment plain = buffers.plain(plainLength);
    object.decode(next, stored, plain, blob.name());
    return plain;
  }

  @Override
  public boolean isCancelled() {
    return run.isCancelled();
  }
}
