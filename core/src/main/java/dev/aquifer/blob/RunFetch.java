package dev.aquifer.blob;

import dev.aquifer.format.BlobObject;
import dev.aquifer.io.BackendException;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Failpoint;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Fetches one run of spans: from the first source that can give them, each span proven, stored and
 * made durable as soon as it is there, while the next ones still come.
 *
 * <p>A source whose bytes do not prove goes behind the others for a while. For one thread.
 */
final class RunFetch {
  private final CachedBlob blob;
  private final Fetcher fetcher;
  private final Fetcher.Run run;
  private final FetchBuffers buffers;

  /** The span that comes next. */
  private int next;

  RunFetch(CachedBlob blob, Fetcher fetcher, Fetcher.Run run, FetchBuffers buffers) {
    this.blob = blob;
    this.fetcher = fetcher;
    this.run = run;
    this.buffers = buffers;
    this.next = run.first;
  }

  /** Settles every span of the run. */
  void fetch() {
    while (next <= run.last) {
      Throwable failure = fetchFromSources();
      if (failure == null) {
        return;
      }
      run.settle(next, failure);
      next++;
      // What is wrong with one span says nothing of the others; but only a reader is worth the try.
      if (!(failure instanceof CorruptDataException) || !run.isAwaited(next)) {
        while (next <= run.last) {
          run.settle(next, failure);
          next++;
        }
      }
    }
  }

  /** Fetches on from {@link #next}; returns why that span can't be had, null at the run's end. */
  private @Nullable Throwable fetchFromSources() {
    List<BlobSource> sources = blob.sources().bestFirst();
    if (sources.isEmpty()) {
      return new IOException(blob.name() + ": nobody who holds it has a source for it");
    }
    Map<String, IOException> corrupt = new HashMap<>();
    try {
      boolean unused =
          FirstOf.answer(
              sources, run::isCancelled, (source, manner) -> fetchFrom(source, manner, corrupt));
      return null;
    } catch (IOException | RuntimeException e) {
      return e;
    }
  }

  private boolean fetchFrom(
      BlobSource source, FirstOf.Manner manner, Map<String, IOException> corrupt)
      throws IOException {
    IOException known = corrupt.get(source.name());
    if (known != null) {
      // The same object once more, of another holder.
      throw known;
    }
    try {
      fetchFrom(source, manner);
      return true;
    } catch (BackendException e) {
      blob.sources().preferOthers(source);
      throw e;
    } catch (CorruptDataException e) {
      blob.sources().quarantine(source);
      corrupt.put(source.name(), e);
      throw e;
    }
  }

  /**
   * Fetches what is left from {@code source}. A span that does not prove is asked for once more, as
   * it may have been damaged on its way.
   */
  private void fetchFrom(BlobSource source, FirstOf.Manner manner) throws IOException {
    String origin = source.backend().origin();
    BackendException refusal = fetcher.circuits().refusal(origin);
    if (refusal != null) {
      throw refusal;
    }
    int corrupt = -1;
    while (next <= run.last) {
      try {
        fetchPiece(source, manner);
      } catch (CorruptDataException e) {
        if (corrupt == next) {
          throw e;
        }
        corrupt = next;
        source.distrustLayout();
      } catch (BackendException e) {
        if (e.isTransient() && manner.isLast()) {
          fetcher.circuits().failed(origin, e);
        }
        throw e;
      }
    }
  }

  private void fetchPiece(BlobSource source, FirstOf.Manner manner) throws IOException {
    Piece piece = new Piece(source, source.layout(manner));
    manner
        .of(source.backend())
        .read(source.key(), source.expected(), piece.start, piece.stored, piece);
  }

  /** The request under way. */
  private final class Piece implements ReadListener {
    private final BlobSource source;
    private final BlobObject object;

    /** Where it starts in the object. */
    private final long start;

    private final int last;
    private final MemorySegment stored;
    private long countedBytes;

    /** Asks for what is left of the run, within the limit of a request. */
    Piece(BlobSource source, BlobObject object) {
      this.source = source;
      this.object = object;
      start = object.storedOffsetBytes(next);
      int end = next + 1;
      while (end <= run.last && endBytes(end) <= fetcher.limits().maxRequestBytes()) {
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
      fetcher.answered(source.backend().origin());
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
          run.settle(next, null);
        }
      }
      if (failure != null) {
        throw failure;
      }
    }

    /** The proven bytes of span {@code index}. */
    private MemorySegment plain(int index) throws IOException {
      String name = blob.name() + " from " + source.name();
      int length = object.storedLengthBytes(index);
      MemorySegment found = stored.asSlice(endBytes(index) - length, length);
      MemorySegment plain = found;
      if (length == object.table().lengthBytes(index)) {
        object.table().verify(index, found, name);
      } else {
        plain = buffers.plain(object.table().lengthBytes(index));
        object.decode(index, found, plain, name);
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
