package dev.aquifer.image;

import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;

/**
 * The bytes of one file's index, read a window at a time: who goes through it reads it once. What
 * is asked for must not cross a multiple of {@value #WINDOW_BYTES}.
 *
 * <p>Safe for use by many threads.
 */
final class IndexBytes {
  static final int WINDOW_BYTES = 4096;

  private final Metadata metadata;
  private final Supplier<String> place;

  /** The last window; another thread may replace it at any time. */
  private volatile Window window = new Window(0, new byte[0]);

  @SuppressWarnings("ArrayRecordComponent")
  private record Window(long position, byte[] bytes) {}

  IndexBytes(Metadata metadata, Supplier<String> place) {
    this.metadata = metadata;
    this.place = place;
  }

  /** The window that has {@code [position, position + length)}; see {@link #offset}. */
  byte[] at(long position, int length) throws IOException {
    Window last = window;
    long from = position & -WINDOW_BYTES;
    if (last.position != from || last.bytes.length < position - from + length) {
      metadata.check(position, length, place);
      int size = (int) Math.min(WINDOW_BYTES, metadata.available(from));
      byte[] read = new byte[size];
      metadata.bytes().read(from, MemorySegment.ofArray(read));
      last = new Window(from, read);
      window = last;
    }
    return last.bytes;
  }

  /** An error in what is read here. */
  CorruptDataException corrupt(String what) {
    return new CorruptDataException(place.get() + ": " + what);
  }

  /** Where {@code position} is in its window. */
  static int offset(long position) {
    return (int) position & WINDOW_BYTES - 1;
  }
}
