package dev.aquifer.blob;

import dev.aquifer.format.BlobObject;
import dev.aquifer.format.SpanTable;
import dev.aquifer.io.BackendException;
import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.System.Logger;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * A blob's local file: sparse, of the blob's full plain size, filled span by span with proven
 * bytes. A range that {@link #isPresent} may be read from the file by anybody; anything else in it
 * is a hole.
 *
 * <p>The file is open for writing from before anybody can learn its path until the last lease on
 * the blob is closed. Ranges that end beyond the blob are cut at its end. Safe for use by many
 * threads.
 */
public final class CachedBlob implements ByteSource {
  private static final Logger LOG = System.getLogger(CachedBlob.class.getName());

  /** How often a read begins anew whose spans were taken back meanwhile. */
  private static final int MAX_READS = 3;

  private final String id;
  private final SpanTable table;
  private final SpanFile file;
  private final Fetcher fetcher;
  private final Flusher flusher;
  private final ReadAhead readAhead;
  private volatile int readBehindSpans;
  private final Instant since = Instant.now();
  private final LongAdder fetchedBytes = new LongAdder();
  private final LongAdder requests = new LongAdder();
  private final Fetcher.Target target = new Spans();
  private final Flusher.Dirty dirty = this::flush;
  private final BlobSources sources = new BlobSources();
  private final Object lock = new Object();
  private Set<Completion> onComplete = new LinkedHashSet<>(); // guarded by lock
  private volatile boolean isComplete; // changed under lock
  private volatile boolean wantsAll;
  private volatile long lastStoredNanos = System.nanoTime();
  private volatile boolean cannotRecord; // changed by the flusher alone

  /** What the fetcher sees. */
  private final class Spans implements Fetcher.Target {
    @Override
    public int count() {
      return table.count();
    }

    @Override
    public boolean isPresent(int index) {
      return file.present().get(index);
    }

    @Override
    public int nextAbsent(int from) {
      return file.present().nextClear(from);
    }

    @Override
    public long storedBytes(int index) {
      BlobSource source = sources.best();
      BlobObject layout = source == null ? null : source.knownLayout();
      return layout == null ? table.lengthBytes(index) : layout.storedLengthBytes(index);
    }

    @Override
    public String origin() {
      BlobSource source = sources.best();
      return source == null ? "" : source.backend().origin();
    }

    @Override
    public void fetch(Fetcher.Run run, FetchBuffers buffers) {
      new RunFetch(CachedBlob.this, fetcher, run, buffers).fetch();
    }

    @Override
    public String toString() {
      return name();
    }
  }

  /** Takes over {@code file}. */
  CachedBlob(String id, SpanTable table, SpanFile file, Fetcher fetcher, Flusher flusher) {
    this.id = id;
    this.table = table;
    this.file = file;
    this.fetcher = fetcher;
    this.flusher = flusher;
    this.readAhead =
        new ReadAhead(
            table, fetcher.limits().readAheadBytes(), fetcher.limits().maxReadAheadBytes());
    this.isComplete = file.isDurablyComplete();
    fetcher.add(target);
  }

  /** The data file. */
  public Path path() {
    return file.path();
  }

  /** 64 hexadecimal digits for a verified blob, else its URL or path. */
  public String id() {
    return id;
  }

  /** Whether digests prove its bytes. */
  public boolean isVerified() {
    return table.isVerified();
  }

  /** The cut into spans. */
  public SpanTable table() {
    return table;
  }

  /**
   * Whether all of the range can be read from {@link #path} now and after a power cut: it is proven
   * and durable. Takes no lock and never waits.
   */
  public boolean isPresent(long offsetBytes, long lengthBytes) {
    long end = end(offsetBytes, lengthBytes);
    if (end <= offsetBytes) {
      return true;
    }
    int first = table.indexOf(offsetBytes);
    int last = table.indexOf(end - 1);
    if (!file.present().isAllSet(first, last)) {
      return false;
    }
    if (readAhead.isMarked(first, last)) {
      prefetch(readAhead.onRead(first, last, false));
    }
    return true;
  }

  private long end(long offsetBytes, long lengthBytes) {
    if (offsetBytes < 0 || lengthBytes < 0) {
      throw new IllegalArgumentException(
          "%s: bytes %d, length %d".formatted(name(), offsetBytes, lengthBytes));
    }
    return lengthBytes < sizeBytes() - offsetBytes ? offsetBytes + lengthBytes : sizeBytes();
  }

  /**
   * Makes {@code [offsetBytes, offsetBytes + lengthBytes)} durable and readable locally, fetching
   * what is missing; the range widens to whole spans. A span is fetched once, however many threads
   * and mounts ask for it.
   *
   * @throws BackendException if no origin gives it, after retries, or if nothing of the blob came
   *     for as long as the fetcher's limit
   * @throws dev.aquifer.io.CorruptDataException if a span's digest differs, also when fetched anew
   * @throws dev.aquifer.io.RefusedException ENOSPC if there is no room for it. After any failure
   *     the span stays absent, all who waited for it get the failure, and a later call tries again;
   *     who joined a request that had begun before asks anew
   */
  public void ensure(long offsetBytes, long lengthBytes) throws IOException {
    if (isPresent(offsetBytes, lengthBytes)) {
      return;
    }
    int first = table.indexOf(offsetBytes);
    int last = table.indexOf(end(offsetBytes, lengthBytes) - 1);
    ReadAhead.Range ahead = readAhead.onRead(first, last, true);
    long startNanos = System.nanoTime();
    while (!getOrJoin(first, last, ahead, startNanos)) {
      // Each time one request less that had begun before.
    }
  }

  /**
   * Waits for spans {@code first} to {@code last}.
   *
   * @return false if a request failed that had begun before {@code startNanos}: its failure is
   *     older than the question
   */
  private boolean getOrJoin(int first, int last, ReadAhead.@Nullable Range ahead, long startNanos)
      throws IOException {
    List<Flight> flights = fetcher.demand(target, withBehind(first), last, ahead);
    for (Flight flight : flights) {
      if (flight.index >= first) {
        try {
          await(flight, startNanos);
        } catch (IOException e) {
          fetcher.leave(flights);
          if (flight.failedSinceBefore(startNanos)) {
            return false;
          }
          throw e;
        }
      }
    }
    return true;
  }

  /** Where a request begins that is to have what is absent behind {@code first}, too. */
  private int withBehind(int first) {
    int from = first;
    while (from > 0 && first - from < readBehindSpans && !file.present().get(from - 1)) {
      from--;
    }
    return from;
  }

  private void await(Flight flight, long startNanos) throws IOException {
    while (true) {
      try {
        flight.done.get(leftNanos(startNanos), TimeUnit.NANOSECONDS);
        return;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException(name() + ": interrupted while waiting for its data");
      } catch (TimeoutException e) {
        if (leftNanos(startNanos) <= 0) {
          throw new BackendException(
              "%s: span %d: not there within %d ms"
                  .formatted(name(), flight.index, fetcher.limits().maxWaitMillis()),
              true,
              e);
        }
      } catch (ExecutionException e) {
        if (e.getCause() instanceof IOException cause) {
          throw cause;
        }
        throw new IOException(name() + ": " + e.getCause(), e.getCause());
      }
    }
  }

  /** How long to wait on: each span of the blob that comes shows that it is not in vain. */
  private long leftNanos(long startNanos) {
    long now = System.nanoTime();
    return TimeUnit.MILLISECONDS.toNanos(fetcher.limits().maxWaitMillis())
        - Math.min(now - startNanos, now - lastStoredNanos);
  }

  /**
   * Asks for a range that nobody waits for yet. Returns at once; does its best, behind everything
   * that somebody waits for, and tells nobody of failures.
   */
  public void prefetch(long offsetBytes, long lengthBytes) {
    long end = end(offsetBytes, lengthBytes);
    if (end > offsetBytes) {
      fetcher.prefetch(target, table.indexOf(offsetBytes), table.indexOf(end - 1) + 1);
    }
  }

  private void prefetch(ReadAhead.@Nullable Range range) {
    if (range != null) {
      fetcher.prefetch(target, range.first(), range.end());
    }
  }

  /**
   * Asks for all that is missing, behind everything else, and until nothing is missing; returns at
   * once.
   */
  public void fetchAll() {
    wantsAll = true;
    fetcher.complete(target);
  }

  /**
   * Sets what is fetched behind a first miss, in bytes; sequential reading doubles it up to the
   * fetcher's limit. 0 switches read-ahead off. Holds for all who use the blob; the last call
   * counts.
   */
  public void setReadAheadBytes(long windowBytes) {
    readAhead.setWindow(windowBytes, windowBytes == 0 ? 0 : fetcher.limits().maxReadAheadBytes());
  }

  /**
   * Sets how much of what comes before a miss is fetched with it, in the same request, for readers
   * who go about near each place; 0, as at first, for nothing. Holds for all who use the blob.
   */
  public void setReadBehindBytes(long bytes) {
    readBehindSpans = (int) Math.min(table.count(), bytes >>> table.spanBits());
  }

  /** Whether every span is present and recorded. {@link #verify} may take it back. */
  public boolean isComplete() {
    return isComplete;
  }

  /**
   * Runs {@code action} once when {@link #isComplete}, in another thread; at once, in this one, if
   * it is. Never, if all leases on the blob are closed before. It must not block.
   */
  public void whenComplete(Runnable action) {
    Waiting unused = onComplete(action);
  }

  /** An action that waits for the completion of a blob. */
  public interface Waiting extends AutoCloseable {
    /** Forgets the action; it may be running now. Idempotent. */
    @Override
    void close();
  }

  /** As {@link #whenComplete}, for a user that may go before the blob is complete. */
  public Waiting onComplete(Runnable action) {
    Completion waiting = new Completion(action);
    synchronized (lock) {
      if (!isComplete) {
        onComplete.add(waiting);
        return waiting;
      }
    }
    action.run();
    return waiting;
  }

  /** Of one user: two may bring the same action. */
  private final class Completion implements Waiting {
    private final Runnable action;

    Completion(Runnable action) {
      this.action = action;
    }

    @Override
    public void close() {
      synchronized (lock) {
        onComplete.remove(this);
      }
    }
  }

  /**
   * Reads every present span from the local file and proves it again. If it is to be repaired, what
   * is damaged is absent from now on, in the record on disk too, and is fetched at the next read;
   * in a blob that was complete, or is to be, at once: who found it complete does not ask any more.
   *
   * <p>Safe while the blob is in use. Reads what the system has in memory of the file, so that
   * damage below it shows once that is evicted.
   *
   * @return the spans that were damaged; none for a blob that nothing proves
   * @throws IOException if the blob is closed meanwhile, or the record on disk can't be changed
   */
  public List<Integer> verify(boolean repair) throws IOException {
    List<Integer> damaged = new ArrayList<>();
    if (!isVerified()) {
      return damaged;
    }
    boolean refetches = wantsAll || isComplete;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(Math.min(1L << table.spanBits(), sizeBytes()));
      SpanBits present = file.present();
      for (int i = present.nextSet(0); i < table.count(); i = present.nextSet(i + 1)) {
        if (!isIntact(i, memory.asSlice(0, table.lengthBytes(i)))) {
          if (repair) {
            takeBack(i);
          }
          damaged.add(i);
        }
      }
    }
    if (repair && !damaged.isEmpty()) {
      if (refetches) {
        fetchAll();
      }
      file.recordForGood();
    }
    return damaged;
  }

  private boolean isIntact(int index, MemorySegment plain) throws IOException {
    try {
      file.read(table.startBytes(index), plain);
      table.verify(index, plain, name());
      return true;
    } catch (ClosedChannelException e) {
      throw e;
    } catch (IOException e) {
      return false;
    }
  }

  private void takeBack(int index) {
    // Together: who finds the blob complete does not ask for its spans.
    synchronized (lock) {
      isComplete = false;
      file.present().clear(index);
    }
  }

  /** A snapshot; the holders are known to the domain alone and left out. */
  public BlobStatus status() {
    return status(List.of());
  }

  BlobStatus status(List<String> holders) {
    return new BlobStatus(
        id,
        isVerified(),
        holders,
        sizeBytes(),
        file.present().setCount(),
        table.count(),
        fetchedBytes.sum(),
        requests.sum(),
        since);
  }

  @Override
  public String name() {
    return isVerified() ? "blob " + id : id;
  }

  @Override
  public long sizeBytes() {
    return table.plainSizeBytes();
  }

  /** Fills {@code dst}, fetching what is missing. */
  @Override
  public void read(long positionBytes, MemorySegment dst) throws IOException {
    checkRange(positionBytes, dst.byteSize());
    for (int i = 0; i < MAX_READS; i++) {
      ensure(positionBytes, dst.byteSize());
      file.read(positionBytes, dst);
      if (isPresent(positionBytes, dst.byteSize())) {
        return;
      }
      // Found to be damaged while it was read.
    }
    throw new IOException(name() + ": damaged in the cache again and again");
  }

  /** Does nothing: the leases that hold the blob own it. */
  @Override
  public void close() {}

  /** Where it can be had. */
  BlobSources sources() {
    return sources;
  }

  void countRequest() {
    requests.increment();
  }

  void countFetched(long bytes) {
    fetchedBytes.add(bytes);
  }

  /** Begins to store proven spans; {@link #stored} follows their commit. */
  SpanFile.Batch newBatch() {
    return file.new Batch();
  }

  /** Spans have become present. */
  void stored() {
    lastStoredNanos = System.nanoTime();
    flusher.add(dirty, file.present().isFull());
  }

  private void flush() {
    try {
      file.flush();
      cannotRecord = false;
    } catch (IOException e) {
      if (!cannotRecord) {
        cannotRecord = true;
        LOG.log(
            Logger.Level.WARNING,
            "what was fetched can''t be recorded for the next start, tried on: {0}",
            e.getMessage());
      }
      flusher.add(dirty, false);
      return;
    }
    Set<Completion> waiting;
    synchronized (lock) {
      if (isComplete || !file.isDurablyComplete()) {
        return;
      }
      isComplete = true;
      waiting = onComplete;
      onComplete = new LinkedHashSet<>();
    }
    waiting.forEach(one -> run(one.action));
  }

  private void run(Runnable action) {
    try {
      action.run();
    } catch (RuntimeException | Error e) {
      LOG.log(Logger.Level.ERROR, name() + ": what follows its completion failed", e);
    }
  }

  /** Ends its requests, records what is there and closes the files. */
  void closeFiles() throws IOException {
    fetcher.forget(target);
    file.close();
  }
}
