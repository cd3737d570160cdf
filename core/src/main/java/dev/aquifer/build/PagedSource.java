package dev.aquifer.build;

import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/**
 * Reads another source in pages, of which it keeps some, as what is small is mostly read from a few
 * places that advance side by side. Used by one thread; closes the other source.
 */
final class PagedSource implements ByteSource {
  private static final int PAGE_BITS = 16;
  private static final int PAGE_BYTES = 1 << PAGE_BITS;
  private static final int MAX_PAGES = 16;

  private final ByteSource source;

  /** Parts of the source by their number, the one used last at the end. */
  private final SequencedMap<Long, byte[]> pages = new LinkedHashMap<>(32, 0.75f, true);

  PagedSource(ByteSource source) {
    this.source = source;
  }

  @Override
  public String name() {
    return source.name();
  }

  @Override
  public long sizeBytes() {
    return source.sizeBytes();
  }

  @Override
  public void read(long positionBytes, MemorySegment dst) throws IOException {
    checkRange(positionBytes, dst.byteSize());
    for (long done = 0; done < dst.byteSize(); ) {
      long at = positionBytes + done;
      long from = at & PAGE_BYTES - 1;
      long step = Math.min(dst.byteSize() - done, PAGE_BYTES - from);
      MemorySegment.copy(MemorySegment.ofArray(page(at >>> PAGE_BITS)), from, dst, done, step);
      done += step;
    }
  }

  private byte[] page(long number) throws IOException {
    byte[] known = pages.get(number);
    if (known != null) {
      return known;
    }
    byte[] page =
        pages.size() < MAX_PAGES ? new byte[PAGE_BYTES] : pages.pollFirstEntry().getValue();
    long start = number << PAGE_BITS;
    long length = Math.min(PAGE_BYTES, sizeBytes() - start);
    source.read(start, MemorySegment.ofArray(page).asSlice(0, length));
    pages.put(number, page);
    return page;
  }

  @Override
  public void close() throws IOException {
    source.close();
  }
}
