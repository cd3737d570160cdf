package dev.aquifer.build;

import dev.aquifer.format.SpanTable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;

/** Looks at each span of earlier blobs that has chunks, once. Used by one thread. */
final class SpanPass {
  private static final long MAX_IN_FLIGHT_BYTES = 256 << 20;

  private final ReusedBlobs blobs;
  private final long[] places;
  private final List<EarlierData.Part> parts;
  private final ExecutorService pool;
  private final Deque<Future<SpanCheck>> inFlight = new ArrayDeque<>();
  private final Deque<SpanCheck> idle = new ArrayDeque<>();
  private final long[] fingerprints;
  private int nextPart;

  /** The first place whose end was not seen. */
  private int open;

  /**
   * A pass that was not run.
   *
   * @param places of all chunks, sorted
   * @param parts what is to be compared, sorted by where it may be
   */
  SpanPass(ReusedBlobs blobs, long[] places, List<EarlierData.Part> parts, ExecutorService pool) {
    this.blobs = blobs;
    this.places = places;
    this.parts = parts;
    this.pool = pool;
    this.fingerprints = new long[places.length];
  }

  /**
   * Runs it: chunks of which a part is not where it may be get no address.
   *
   * @param arena for buffers; shared, and open until no thread of the pool runs
   */
  EarlierChunks run(SourceTree source, int threads, Arena arena) throws IOException {
    if (places.length > 0) {
      makeChecks(source, threads, arena);
    }
    try {
      submitAll();
      while (!inFlight.isEmpty()) {
        takeOldest();
      }
    } finally {
      inFlight.forEach(future -> future.cancel(false));
    }
    if (nextPart < parts.size()) {
      throw new AssertionError("not compared: " + parts.get(nextPart));
    }
    return new EarlierChunks(blobs, places, fingerprints);
  }

  private void makeChecks(SourceTree source, int threads, Arena arena) {
    int spanBits = 0;
    for (ReusedBlobs.Blob blob : blobs.blobs()) {
      spanBits = Math.max(spanBits, blob.stored().blob().table().spanBits());
    }
    long count = Math.clamp(MAX_IN_FLIGHT_BYTES / (3L << spanBits), 1, threads + 2);
    for (int i = 0; i < count; i++) {
      idle.add(new SpanCheck(source::open, 1L << spanBits, arena));
    }
  }

  /** All spans in which a place is, in their order. */
  private void submitAll() throws IOException {
    int blob = 0;
    int next = 0;
    for (long place : places) {
      next = Place.blob(place) == blob ? next : 0;
      blob = Place.blob(place);
      SpanTable table = blobs.stored(blob).blob().table();
      int last = table.indexOf(Place.endBytes(place) - 1);
      for (int span = Math.max(next, table.indexOf(Place.startBytes(place)));
          span <= last;
          span++) {
        submit(blob, span);
        next = span + 1;
      }
    }
  }

  private void submit(int blob, int span) throws IOException {
    if (idle.isEmpty()) {
      takeOldest();
    }
    SpanCheck check = idle.remove();
    check.begin(blob, blobs.stored(blob), span);
    int first = nextPart;
    while (nextPart < parts.size() && check.has(parts.get(nextPart))) {
      nextPart++;
    }
    check.compare(parts.subList(first, nextPart));
    inFlight.add(pool.submit(check));
  }

  private void takeOldest() throws IOException {
    SpanCheck check = Waiting.on(inFlight.remove());
    check.unequal().forEach(part -> unset(part.node(), part.chunk()));
    for (int i = open; i < places.length && check.isBehindStart(places[i]); i++) {
      fingerprints[i] = check.fingerprint(fingerprints[i], places[i]);
    }
    while (open < places.length && check.isBehindEnd(places[open])) {
      open++;
    }
    idle.add(check);
  }

  private static void unset(Node node, int chunk) {
    ChunkMap chunks = node.chunks;
    if (chunks != null) {
      chunks.set(chunk, ChunkMap.HOLE);
    }
  }
}
