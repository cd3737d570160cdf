package dev.aquifer.blob;

import dev.aquifer.format.SpanTable;
import dev.aquifer.io.FileSource;
import dev.aquifer.io.RefusedException;
import dev.aquifer.io.Sha256;
import java.io.Closeable;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A blob's sparse data file together with what is known of it: which spans it holds, in memory and
 * on disk.
 *
 * <p>A bit is set in memory when the span was written, and on disk once its data is durable; see
 * {@link #flush}. Safe for use by many threads.
 */
final class SpanFile implements Closeable {
  private final Path path;
  private final SpanTable table;
  private final FileChannel data;
  private final SpanMap map; // guarded by ioLock
  private final SpanBits present;
  private final SpanBits durable; // changed under ioLock
  // Held across I/O on the span map: flushes of one file follow each other.
  private final ReentrantLock ioLock = new ReentrantLock();
  private volatile boolean isAtRest;
  private final AtomicInteger flushFailures = new AtomicInteger();
  private volatile boolean isClosed;
  // Readers have a channel of their own: interrupting one closes it, and writers must not suffer.
  private volatile FileChannel reader;

  private SpanFile(Path path, SpanTable table, FileChannel data, FileChannel reader, SpanMap map) {
    this.path = path;
    this.table = table;
    this.data = data;
    this.reader = reader;
    this.map = map;
    this.present = new SpanBits(table.count());
    this.durable = new SpanBits(table.count());
  }

  /**
   * Opens {@code data} and {@code spans} in {@code directory}; if they are missing, damaged or do
   * not belong together, makes them anew and empty.
   *
   * @param identity what the data is: two different contents never have the same
   */
  static SpanFile open(Path directory, Sha256 identity, SpanTable table) throws IOException {
    try {
      return openNamed(directory, identity, table);
    } catch (IOException e) {
      throw FileFailure.named(directory, e);
    }
  }

  private static SpanFile openNamed(Path directory, Sha256 identity, SpanTable table)
      throws IOException {
    Path path = directory.resolve("data");
    Path mapPath = directory.resolve("spans");
    Files.createDirectories(directory);
    if (Files.isRegularFile(path) && Files.isRegularFile(mapPath)) {
      SpanFile known = openKnown(path, mapPath, identity, table);
      if (known != null) {
        return known;
      }
    }
    Files.deleteIfExists(mapPath);
    Files.deleteIfExists(path);
    return create(path, mapPath, identity, table);
  }

  private static @Nullable SpanFile openKnown(
      Path path, Path mapPath, Sha256 identity, SpanTable table) throws IOException {
    try (Opening opening = new Opening()) {
      FileChannel data = opening.add(openWritable(path));
      FileChannel reader = opening.add(FileChannel.open(path, StandardOpenOption.READ));
      SpanMap map = opening.add(new SpanMap(openWritable(mapPath), identity, table));
      FileIdentity file = FileIdentity.of(path);
      long[] bits = map.read(file);
      if (bits == null) {
        return null;
      }
      SpanFile known = new SpanFile(path, table, data, reader, map);
      known.present.addAll(bits);
      known.durable.addAll(bits);
      known.isAtRest = map.isAtRest();
      opening.keep();
      return known;
    }
  }

  private static SpanFile create(Path path, Path mapPath, Sha256 identity, SpanTable table)
      throws IOException {
    try (Opening opening = new Opening()) {
      FileChannel data = opening.add(createSparse(path, table.plainSizeBytes()));
      // A birth time differs from a modification time long ago, if the file system has one.
      Files.setLastModifiedTime(path, FileTime.from(1, TimeUnit.SECONDS));
      FileIdentity file = FileIdentity.of(path);
      FileChannel reader = opening.add(FileChannel.open(path, StandardOpenOption.READ));
      SpanMap map =
          opening.add(
              new SpanMap(
                  FileChannel.open(
                      mapPath,
                      StandardOpenOption.CREATE_NEW,
                      StandardOpenOption.READ,
                      StandardOpenOption.WRITE),
                  identity,
                  table));
      map.format(file.createdNanos() == file.modifiedNanos() ? 0 : file.createdNanos());
      map.write(new long[SpanBits.wordsOf(table.count())], file, false);
      data.force(true);
      syncDirectory(path.getParent());
      opening.keep();
      return new SpanFile(path, table, data, reader, map);
    }
  }

  private static FileChannel openWritable(Path path) throws IOException {
    return FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
  }

  private static FileChannel createSparse(Path path, long sizeBytes) throws IOException {
    if (Files.exists(path)) {
      throw new IOException(path + ": is there already");
    }
    // The only way in the JDK to give a file a size without writing to it.
    RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw");
    try {
      file.setLength(sizeBytes);
    } catch (IOException e) {
      file.close();
      throw e;
    }
    return file.getChannel();
  }

  /** Makes the entries of {@code directory} durable. */
  static void syncDirectory(@Nullable Path directory) throws IOException {
    if (directory != null) {
      try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
        channel.force(true);
      }
    }
  }

  Path path() {
    return path;
  }

  SpanBits present() {
    return present;
  }

  /** Whether every span is there, durably and recorded. */
  boolean isDurablyComplete() {
    return durable.isFull();
  }

  /** Whether {@link #flush} has work. */
  boolean isDirty() {
    return durable.setCount() != present.setCount();
  }

  /**
   * Stores the plain bytes of span {@code index}, which the caller has proven, and marks it
   * present.
   *
   * @throws RefusedException ENOSPC if there is no room; the span stays absent
   */
  void write(int index, MemorySegment plain) throws IOException {
    int failuresBefore = flushFailures.get();
    try {
      endRest();
      FileSource.writeFully(data, table.startBytes(index), plain);
    } catch (IOException e) {
      throw FileFailure.named(path, e);
    }
    present.set(index);
    if (flushFailures.get() != failuresBefore) {
      // The failure may have been of these bytes, and is reported only once.
      present.clear(index);
      throw new IOException(path + ": could not be written to disk");
    }
  }

  /**
   * A map that says "at rest" is believed only while nothing was written since: so that must be
   * taken back, durably, before the first write.
   */
  private void endRest() throws IOException {
    if (!isAtRest) {
      return;
    }
    ioLock.lock();
    try {
      if (isAtRest) {
        map.write(durable.toWords(), FileIdentity.of(path), false);
        isAtRest = false;
      }
    } finally {
      ioLock.unlock();
    }
  }

  /** Fills {@code dst}; all its spans must be present. */
  void read(long positionBytes, MemorySegment dst) throws IOException {
    FileChannel channel = reader;
    try {
      FileSource.readFully(channel, positionBytes, dst, path.toString());
    } catch (ClosedByInterruptException e) {
      throw e;
    } catch (ClosedChannelException e) {
      FileSource.readFully(reopenReader(channel), positionBytes, dst, path.toString());
    }
  }

  private FileChannel reopenReader(FileChannel closed) throws IOException {
    ioLock.lock();
    try {
      if (isClosed) {
        throw new ClosedChannelException();
      }
      if (reader == closed) {
        reader = FileChannel.open(path, StandardOpenOption.READ);
      }
      return reader;
    } finally {
      ioLock.unlock();
    }
  }

  /**
   * Makes what was written durable, and then records it.
   *
   * @throws IOException if that fails; spans that are then not known to be durable are absent
   *     again, as the system may have dropped their data
   */
  void flush() throws IOException {
    ioLock.lock();
    try {
      if (!isClosed && isDirty()) {
        flushLocked(false);
      }
    } finally {
      ioLock.unlock();
    }
  }

  private void flushLocked(boolean isLast) throws IOException {
    long[] bits = present.toWords();
    SpanBits snapshot = new SpanBits(table.count());
    snapshot.addAll(bits);
    boolean rests = isLast || snapshot.isFull();
    try {
      // With all its metadata if the modification time is to be recorded.
      data.force(rests);
      map.write(bits, FileIdentity.of(path), rests);
    } catch (IOException e) {
      flushFailures.incrementAndGet();
      for (int i = present.nextSet(0); i < table.count(); i = present.nextSet(i + 1)) {
        if (!durable.get(i)) {
          present.clear(i);
        }
      }
      throw FileFailure.named(path, e);
    }
    isAtRest = rests;
    durable.addAll(bits);
  }

  /** Flushes and closes; idempotent. No write may be under way. */
  @Override
  public void close() throws IOException {
    ioLock.lock();
    try {
      if (isClosed) {
        return;
      }
      isClosed = true;
      try (data;
          map;
          FileChannel _ = reader) {
        if (!isAtRest) {
          flushLocked(true);
        }
      }
    } finally {
      ioLock.unlock();
    }
  }

  /** Closes without recording anything, as a crash would; for tests. */
  void abandon() throws IOException {
    ioLock.lock();
    try (data;
        map;
        FileChannel _ = reader) {
      isClosed = true;
    } finally {
      ioLock.unlock();
    }
  }
}
