package dev.aquifer.blob;

import dev.aquifer.format.SpanTable;
import org.jspecify.annotations.Nullable;

/**
 * Decides what is fetched ahead of a reader. A first miss is followed by a window; a reader that
 * comes to the first span of what was fetched ahead reads in sequence, and the next window, twice
 * as long, is asked for while it reads this one. A few readers at different places are told apart.
 *
 * <p>Safe for use by many threads; {@link #isMarked} takes no lock.
 */
final class ReadAhead {
  private static final int MAX_STREAMS = 8;

  /** Spans {@code [first, end)}. */
  record Range(int first, int end) {}

  /**
   * One sequential reader, somewhere in {@code [first, end]}.
   *
   * <pre>
   * first            mark                 end
   *   |-- being read --|-- fetched ahead --|
   * </pre>
   */
  private static final class Stream {
    private int first = -1;
    private int mark = -1;
    private int end = -1;
    private int windowSpans;
    private long lastUse;
  }

  private final int count;
  private final int spanBits;
  private final SpanBits marks;
  private final Stream[] streams = new Stream[MAX_STREAMS]; // guarded by this
  private int windowSpans; // guarded by this
  private int maxWindowSpans; // guarded by this
  private long uses; // guarded by this

  ReadAhead(SpanTable table, long windowBytes, long maxWindowBytes) {
    this.count = table.count();
    this.spanBits = table.spanBits();
    this.marks = new SpanBits(count);
    for (int i = 0; i < MAX_STREAMS; i++) {
      streams[i] = new Stream();
    }
    setWindow(windowBytes, maxWindowBytes);
  }

  synchronized void setWindow(long windowBytes, long maxWindowBytes) {
    windowSpans = spans(windowBytes);
    maxWindowSpans = Math.max(windowSpans, spans(maxWindowBytes));
  }

  private int spans(long bytes) {
    return (int) Math.min(count, (bytes + (1L << spanBits) - 1) >>> spanBits);
  }

  /** Whether reading {@code [first, last]} touches the start of something fetched ahead. */
  boolean isMarked(int first, int last) {
    return marks.setCount() > 0 && marks.nextSet(first) <= last;
  }

  /**
   * What to fetch ahead now that a reader wants {@code [first, last]}; null for nothing.
   *
   * @param isMiss whether it has to wait for them
   */
  synchronized @Nullable Range onRead(int first, int last, boolean isMiss) {
    if (windowSpans == 0) {
      return null;
    }
    Stream stream = streamAt(first);
    if (stream == null) {
      return isMiss ? begin(first, last) : null;
    }
    if (last < stream.mark) {
      return null;
    }
    stream.windowSpans = Math.min(maxWindowSpans, 2 * stream.windowSpans);
    return advance(stream, Math.max(last + 1, stream.end));
  }

  private @Nullable Stream streamAt(int index) {
    for (Stream stream : streams) {
      if (stream.mark >= 0 && index >= stream.first && index <= stream.end) {
        return stream;
      }
    }
    return null;
  }

  private @Nullable Range begin(int first, int last) {
    Stream oldest = streams[0];
    for (Stream stream : streams) {
      if (stream.lastUse < oldest.lastUse) {
        oldest = stream;
      }
    }
    unmark(oldest);
    oldest.mark = first;
    oldest.windowSpans = windowSpans;
    return advance(oldest, last + 1);
  }

  private @Nullable Range advance(Stream stream, int from) {
    unmark(stream);
    stream.lastUse = ++uses;
    stream.first = stream.mark;
    stream.mark = Math.min(from, count);
    stream.end = Math.min(count, from + stream.windowSpans);
    if (stream.mark == count) {
      return null;
    }
    marks.set(stream.mark);
    return new Range(stream.mark, stream.end);
  }

  private void unmark(Stream stream) {
    if (stream.mark >= 0 && stream.mark < count) {
      marks.clear(stream.mark);
    }
  }
}
