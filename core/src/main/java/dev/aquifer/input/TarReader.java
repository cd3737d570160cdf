package dev.aquifer.input;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Reads the entries of a tar archive in turn: V7, ustar, GNU and pax. Data of files is passed over.
 *
 * <p>For use by one thread.
 */
final class TarReader {
  private static final int WINDOW_BYTES = 128 << 10;

  /** A map of a file with very many pieces may be long; nothing else is. */
  private static final int MAX_EXTENSION_BYTES = 64 << 20;

  private final ByteSource archive;
  private final boolean needsEnd;
  private final boolean isHeaderball;
  private final PaxRecords global = new PaxRecords();
  private final byte[] window = new byte[WINDOW_BYTES];
  private long windowAt;
  private int windowLength;

  /** Where the next header is. */
  private long position;

  /**
   * Starts at the first byte of {@code archive}.
   *
   * @param needsEnd whether blocks of zeros must mark the end; without them nobody can tell whether
   *     the archive is whole, unless by a digest
   */
  TarReader(ByteSource archive, boolean needsEnd) {
    this(archive, needsEnd, false);
  }

  /** As the other; {@code isHeaderball} says that the data of regular files is left out. */
  TarReader(ByteSource archive, boolean needsEnd, boolean isHeaderball) {
    this.archive = archive;
    this.needsEnd = needsEnd;
    this.isHeaderball = isHeaderball;
  }

  /** Whether the data of regular files is left out. */
  boolean isHeaderball() {
    return isHeaderball;
  }

  /**
   * The next entry, or null at the end.
   *
   * @throws CorruptDataException if the archive is damaged
   * @throws UnsupportedFeatureException if the entry is of a type that has no meaning here
   */
  @Nullable TarEntry next() throws IOException {
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("interrupted");
    }
    long start = position;
    PaxRecords records = new PaxRecords(global);
    byte[] longName = null;
    byte[] longLink = null;
    while (true) {
      HeaderBlock header = header(position != start);
      if (header == null) {
        return null;
      }
      switch (header.flag()) {
        case 'x', 'X' -> parse(records, header, start);
        case 'g' -> {
          parse(global, header, start);
          if (position != start + HeaderBlock.BYTES) {
            // Values for all entries are weaker than those for the next alone.
            records = merged(records);
          }
        }
        case 'L' -> longName = untilZero(extension(header, start));
        case 'K' -> longLink = untilZero(extension(header, start));
        case 'V' -> {
          // The name of the whole archive, and no entry.
          extension(header, start);
          start = position;
        }
        default -> {
          TarEntryReader entry = new TarEntryReader(this, header, records, start);
          return entry.read(longName, longLink);
        }
      }
    }
  }

  private PaxRecords merged(PaxRecords local) {
    PaxRecords both = new PaxRecords(global);
    both.add(local);
    return both;
  }

  private void parse(PaxRecords records, HeaderBlock header, long start) throws IOException {
    long at = position - HeaderBlock.BYTES;
    byte[] data = extension(header, start);
    try {
      records.parse(data);
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw wrong("extended header at byte " + at, String.valueOf(e.getMessage()));
    }
  }

  /** The data of a header that extends the next one. */
  private byte[] extension(HeaderBlock header, long start) throws IOException {
    long size = header.sizeBytes();
    String what = "extended header at byte " + start;
    if (size < 0 || size > MAX_EXTENSION_BYTES) {
      throw wrong(
          what, "it has %d bytes: expected at most %d".formatted(size, MAX_EXTENSION_BYTES));
    }
    checkInside(what, size);
    byte[] data = new byte[(int) size];
    copy(position, data);
    position += padded(size);
    return data;
  }

  private static byte[] untilZero(byte[] data) {
    int end = 0;
    while (end < data.length && data[end] != 0) {
      end++;
    }
    return Arrays.copyOf(data, end);
  }

  /**
   * Reads a header block; null at the end of the archive.
   *
   * @param isInside whether what came before needs it
   */
  private @Nullable HeaderBlock header(boolean isInside) throws IOException {
    long at = position;
    if (needsEnd && archive.sizeBytes() < HeaderBlock.BYTES) {
      throw new CorruptDataException(
          "%s: is no tar archive: it has %d bytes: expected blocks of %d"
              .formatted(archive.name(), archive.sizeBytes(), HeaderBlock.BYTES));
    }
    if (at >= archive.sizeBytes()) {
      if (needsEnd || isInside) {
        throw wrong(
            "byte " + at,
            isInside
                ? "it ends within an entry: it is truncated, use the whole archive"
                : "it ends without blocks of zeros, which mark the end: it is truncated, use the whole archive");
      }
      return null;
    }
    HeaderBlock header = block();
    if (header.isZero()) {
      if (isInside) {
        throw wrong("byte " + at, "it ends within an entry: expected another header");
      }
      if (position + HeaderBlock.BYTES <= archive.sizeBytes() && !block().isZero()) {
        throw wrong(
            "byte " + at, "a lone block of zeros: expected two at the end, and none elsewhere");
      }
      return null;
    }
    if (!header.isSumRight()) {
      throw at == 0
          ? new CorruptDataException(
              archive.name() + ": is no tar archive: its first block has no right checksum")
          : wrong(
              "byte " + at,
              isHeaderball
                  ? "the header's checksum is wrong: the archive is damaged here, or has data of files: expected headers alone"
                  : "the header's checksum is wrong: the archive is damaged here");
    }
    return header;
  }

  /** Takes the block at the position. */
  HeaderBlock block() throws IOException {
    long at = position;
    checkInside("header at byte " + at, HeaderBlock.BYTES);
    byte[] block = new byte[HeaderBlock.BYTES];
    copy(at, block);
    position += HeaderBlock.BYTES;
    return new HeaderBlock(block, "%s: header at byte %d".formatted(archive.name(), at));
  }

  /** Passes over the data that begins at the position; returns where that is. */
  long skipData(String what, long sizeBytes) throws CorruptDataException {
    long at = position;
    checkInside(what, sizeBytes);
    position += padded(sizeBytes);
    return at;
  }

  /** Copies bytes that lie inside the archive. */
  void copy(long at, byte[] dst) throws IOException {
    if (dst.length > WINDOW_BYTES) {
      archive.read(at, MemorySegment.ofArray(dst));
      return;
    }
    if (at < windowAt || at + dst.length > windowAt + windowLength) {
      windowLength = (int) Math.min(WINDOW_BYTES, archive.sizeBytes() - at);
      windowAt = at;
      archive.read(at, MemorySegment.ofArray(window).asSlice(0, windowLength));
    }
    System.arraycopy(window, (int) (at - windowAt), dst, 0, dst.length);
  }

  private void checkInside(String what, long sizeBytes) throws CorruptDataException {
    if (sizeBytes < 0) {
      throw wrong(what, "its size is %d".formatted(sizeBytes));
    }
    if (sizeBytes > archive.sizeBytes() - position) {
      throw wrong(
          what,
          "%d bytes follow at byte %d, but the archive ends at byte %d: it is truncated, use the whole archive"
              .formatted(sizeBytes, position, archive.sizeBytes()));
    }
  }

  /** The size with what fills the last block; nobody needs that at the end of the archive. */
  private static long padded(long sizeBytes) {
    return sizeBytes + HeaderBlock.BYTES - 1 & -HeaderBlock.BYTES;
  }

  CorruptDataException wrong(String what, String why) {
    return new CorruptDataException("%s: %s: %s".formatted(archive.name(), what, why));
  }

  UnsupportedFeatureException unsupported(String what, String why) {
    return new UnsupportedFeatureException("%s: %s: %s".formatted(archive.name(), what, why));
  }
}
