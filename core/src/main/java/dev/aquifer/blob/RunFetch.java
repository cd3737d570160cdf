package dev.aquifer.blob;

import dev.aquifer.format.BlobObject;
import dev.aquifer.io.BackendException;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Failpoint;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Fetches one run of spans: from the first source that can give them, each span proven, stored and
 * made durable as soon as it is there, while the next ones still come.
 *
 * <p>A span that fails its proof is fetched once more, as it may have been damaged on its way; then
 * from the other sources. For one thread.
 */
final class RunFetch {
  private final CachedBlob blob;
  private final Fetcher.Run run;
  private final FetchBuffers buffers;
  private final int maxRequestBytes;

  /** The span that comes next. */
  private int next;

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
    Piece piece = new Piece(source.layout());
    source.backend().read(source.key(), source.expected(), piece.start, piece.stored, piece);
  }

  /** The request under way. */
  private final class Piece implements ReadListener {
    private final BlobObject object;

    /** Where it starts in the object. */
    private final long start;

    private final int last;
    private final MemorySegment stored;
    private long countedBytes;

    /** Asks for what is left of the run, within the limit of a request. */
    Piece(BlobObject object) {
      this.object = object;
      start = object.storedOffsetBytes(next);
      int end = next + 1;
      while (end <= run.last && endBytes(end) <= maxRequestBytes) {
        end++;
      }
      last = end - 1;
      stored = buffers.stored(endBytes(last));
    }

    /** Where span {@code index} ends in this piece. */
    private long endBytes(int index) {
      return object.storedOffsetBytes(index) + object.storedLengthBytes(index) - start;
    }

    @Override
    public void onRequest() {
      Failpoint.reachQuietly("request-sent");
      blob.countRequest();
    }

    /** Stores all spans that are whole by now, and makes them durable in one go. */
    @Override
    public void onReceived(long countBytes) throws IOException {
      Failpoint.reach("bytes-in");
      blob.countFetched(countBytes - countedBytes);
      countedBytes = countBytes;
      SpanFile.Batch batch = blob.newBatch();
      int end = next;
      IOException failure = null;
      try {
        for (; end <= last && endBytes(end) <= countBytes; end++) {
          batch.write(end, plain(end));
        }
      } catch (IOException e) {
        // It says nothing of the spans before.
        failure = e;
      }
      if (end > next) {
        batch.commit();
        blob.stored();
        for (; next < end; next++) {
          run.settle(next, new Flight.Outcome.Present());
        }
      }
      if (failure != null) {
        throw failure;
      }
    }

    /** The proven bytes of span {@code index}. */
    private MemorySegment plain(int index) throws IOException {
      int length = object.storedLengthBytes(index);
      MemorySegment found = stored.asSlice(endBytes(index) - length, length);
      MemorySegment plain = found;
      if (length == object.table().lengthBytes(index)) {
        object.table().verify(index, found, blob.name());
      } else {
        plain = buffers.plain(object.table().lengthBytes(index));
        object.decode(index, found, plain, blob.name());
      }
      Failpoint.reach("verified");
      return plain;
    }

    @Override
    public boolean isCancelled() {
      return run.isCancelled();
    }
  }
}
