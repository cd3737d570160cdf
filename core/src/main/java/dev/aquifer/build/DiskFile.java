package dev.aquifer.build;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.FileSource;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/**
 * A new file on a disk. What is to stay goes there while more is written, so that the wait at the
 * end is short.
 */
final class DiskFile implements OutputFile {
  /** With so much that is new, the next trip to the disk begins. */
  private static final long TRIP_BYTES = 64 << 20;

  private static final Set<OpenOption> NEW =
      Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);

  private final Path path;
  private final FileChannel channel;
  private final boolean isKept;

  /** What no trip to the disk was begun for. */
  private long newBytes;

  private @Nullable FutureTask<Boolean> trip;

  private DiskFile(Path path, FileChannel channel, boolean isKept) {
    this.path = path;
    this.channel = channel;
    this.isKept = isKept;
  }

  static DiskFile create(Path path, boolean isKept) throws IOException {
    try {
      return new DiskFile(path, FileChannel.open(path, NEW), isKept);
    } catch (FileSystemException e) {
      throw OutputFile.failed(path, e);
    }
  }

  @Override
  public String name() {
    return path.toString();
  }

  @Override
  public FileKey key() throws IOException {
    return FileKey.of(path);
  }

  @Override
  public void write(long positionBytes, MemorySegment bytes) throws IOException {
    try {
      FileSource.writeFully(channel, positionBytes, bytes);
    } catch (java.nio.channels.ClosedByInterruptException e) {
      throw e;
    } catch (IOException e) {
      throw OutputFile.failed(path, e);
    }
    if (isKept) {
      addNew(bytes.byteSize());
    }
  }

  private synchronized void addNew(long sizeBytes) throws IOException {
    newBytes += sizeBytes;
    if (newBytes >= TRIP_BYTES) {
      beginSync();
    }
  }

  /** Unless a trip is under way: {@link #sync} has the rest then. */
  @Override
  public synchronized void beginSync() throws IOException {
    if (trip != null && !trip.isDone()) {
      return;
    }
    endTrip();
    newBytes = 0;
    FutureTask<Boolean> next =
        new FutureTask<>(
            () -> {
              channel.force(false);
              return true;
            });
    Thread.ofPlatform().daemon().name("aquifer-sync").start(next);
    trip = next;
  }

  /** The system tells an error of the disk once: here it must not be missed. */
  private synchronized void endTrip() throws IOException {
    FutureTask<Boolean> last = trip;
    if (last == null) {
      return;
    }
    try {
      Object unused = Waiting.on(last);
    } catch (InterruptedIOException e) {
      throw e;
    } catch (IOException e) {
      throw OutputFile.failed(path, e);
    }
  }

  @Override
  public void read(long positionBytes, MemorySegment dst) throws IOException {
    FileSource.readFully(channel, positionBytes, dst, path.toString());
  }

  @Override
  public void sync() throws IOException {
    endTrip();
    try {
      channel.force(false);
    } catch (IOException e) {
      throw OutputFile.failed(path, e);
    }
  }

  @Override
  public ByteSource open() throws IOException {
    return FileSource.open(path);
  }

  @Override
  public void close() throws IOException {
    try {
      endTrip();
    } finally {
      channel.close();
    }
  }

  @Override
  public void delete() throws IOException {
    try {
      channel.close();
    } finally {
      Files.deleteIfExists(path);
    }
  }
}
