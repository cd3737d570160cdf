package dev.aquifer.blob;

import dev.aquifer.format.SpanTable;
import dev.aquifer.io.Failpoint;
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
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A blob's sparse data file together with what is known of it: which spans it holds, in memory and
 * on disk.
 *
 * <p>A span is present only when its data is durable. What was merely written may still be lost: if
 * the system can't bring it to the disk, it drops it from memory too, and readers get zeros.
 *
 * <pre>
 *   {@link Batch#write}  ->  {@link Batch#commit}: data durable, then the bit in memory  ->  {@link #flush}: the bit on disk
 * </pre>
 *
 * <p>Safe for use by many threads.
 */
final class SpanFile implements Closeable {
  private final Path path;
  private final SpanTable table;
  private final FileChannel data;
  private final SpanMap map; // guarded by ioLock
  private final SpanBits present;
  private volatile SpanBits recorded; // what the map says; changed under ioLock
  // Held across I/O on the span map: flushes of one file follow each other.
  private final ReentrantLock ioLock = new ReentrantLock();
  private volatile boolean isAtRest; // changed under ioLock
  // Held while data becomes durable; taken after ioLock where both are held.
  private final ReentrantLock syncLock = new ReentrantLock();
  private final AtomicInteger syncFailures = new AtomicInteger();
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
    this.recorded = new SpanBits(table.count());
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
      long[] bits = readMap(map, file);
      if (bits == null) {
        return null;
      }
      SpanFile known = new SpanFile(path, table, data, reader, map);
      known.present.addAll(bits);
      known.recorded.addAll(bits);
      known.isAtRest = map.isAtRest();
      noteUse(path);
      opening.keep();
      return known;
    }
  }

  private static long @Nullable [] readMap(SpanMap map, FileIdentity file) throws IOException {
    try {
      Failpoint.reach("cache-read");
      return map.read(file);
    } catch (ClosedByInterruptException e) {
      throw e;
    } catch (IOException e) {
      // What can't be read is made anew, like what is damaged.
      return null;
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

  /** For the collector, which goes by it. */
  private static void noteUse(Path data) throws IOException {
    Files.setLastModifiedTime(data.resolveSibling("."), FileTime.from(Instant.now()));
  }

  Path path() {
    return path;
  }

  SpanBits present() {
    return present;
  }

  /** Whether every span is there and recorded. */
  boolean isDurablyComplete() {
    return recorded.isFull() && present.isFull();
  }

  /** Whether {@link #flush} has work. */
  boolean isDirty() {
    return !Arrays.equals(recorded.toWords(), present.toWords());
  }

  /**
   * Spans that are written one by one and become present together. For one thread.
   *
   * <p>The system reports that data was lost once for each open file, to whoever asks first; and
   * all writers of this file share one. So a failure that others saw since this batch began may be
   * that of its spans, and fails it too.
   */
  final class Batch {
    private final int failuresBefore = syncFailures.get();
    private final List<Integer> written = new ArrayList<>();

    /**
     * Writes the plain bytes of span {@code index}, which the caller has proven.
     *
     * @throws RefusedException ENOSPC if there is no room; the span stays absent
     */
    void write(int index, MemorySegment plain) throws IOException {
      try {
        endRest();
        FileSource.writeFully(data, table.startBytes(index), plain);
      } catch (IOException e) {
        throw FileFailure.named(path, e);
      }
      Failpoint.reach("written");
      written.add(index);
    }

    /**
     * Makes all that was written durable, and then present.
     *
     * @throws IOException if that fails; the spans stay absent
     */
    void commit() throws IOException {
      sync(false);
      if (syncFailures.get() != failuresBefore) {
        throw new IOException(path + ": could not be written to disk");
      }
      Failpoint.reach("durable");
      written.forEach(present::set);
      Failpoint.reach("bit-set");
    }
  }

  /** Makes the data durable; with {@code withTimes} also when it was last changed. */
  private void sync(boolean withTimes) throws IOException {
    syncLock.lock();
    try {
      data.force(withTimes);
    } catch (IOException e) {
      syncFailures.incrementAndGet();
      throw FileFailure.named(path, e);
    } finally {
      syncLock.unlock();
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
        record(recorded, false);
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
   * Records which spans are present.
   *
   * @throws IOException if that fails; they stay present, and a later call tries again
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
    SpanBits now = new SpanBits(table.count());
    now.addAll(present.toWords());
    boolean rests = isLast || now.isFull();
    if (rests) {
      sync(true);
    }
    record(now, rests);
  }

  private void record(SpanBits now, boolean rests) throws IOException {
    try {
      Failpoint.reach("record");
      map.write(now.toWords(), FileIdentity.of(path), rests);
    } catch (IOException e) {
      throw FileFailure.named(path, e);
    }
    isAtRest = rests;
    recorded = now;
  }

  /** Records which spans are present so that no older record knows more: spans were taken back. */
  void recordForGood() throws IOException {
    ioLock.lock();
    try {
      // Once for each slot of the map.
      for (int i = 0; i < 2 && !isClosed; i++) {
        SpanBits now = new SpanBits(table.count());
        now.addAll(present.toWords());
        record(now, false);
      }
    } finally {
      ioLock.unlock();
    }
  }

  /**
   * Records what is present and closes; idempotent. A write that is still under way fails, or
   * spoils the record, which is then not believed.
   */
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
      } finally {
        noteUse(path);
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
