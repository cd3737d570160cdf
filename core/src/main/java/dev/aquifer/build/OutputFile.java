package dev.aquifer.build;

import dev.aquifer.io.FileSource;
import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/**
 * A new file that is being written. Its errors name it. Used by one thread.
 *
 * <p>What is to stay goes to the disk while more is written, so that the wait at the end is short.
 */
final class OutputFile implements Closeable {
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

  private OutputFile(Path path, FileChannel channel, boolean isKept) {
    this.path = path;
    this.channel = channel;
    this.isKept = isKept;
  }

  /** Makes a file that is to stay; {@link #sync} when it is whole. */
  static OutputFile create(Path path) throws IOException {
    return create(path, true);
  }

  /** Makes a file that is only needed meanwhile. */
  static OutputFile createScratch(Path path) throws IOException {
    return create(path, false);
  }

  private static OutputFile create(Path path, boolean isKept) throws IOException {
    try {
      return new OutputFile(path, FileChannel.open(path, NEW), isKept);
    } catch (FileSystemException e) {
      throw failed(path, e);
    }
  }

  Path path() {
    return path;
  }

  void write(long positionBytes, MemorySegment bytes) throws IOException {
    try {
      FileSource.writeFully(channel, positionBytes, bytes);
    } catch (java.nio.channels.ClosedByInterruptException e) {
      throw e;
    } catch (IOException e) {
      throw failed(path, e);
    }
    newBytes += bytes.byteSize();
    if (isKept && newBytes >= TRIP_BYTES && (trip == null || trip.isDone())) {
      startTrip();
    }
  }

  private void startTrip() throws IOException {
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
  private void endTrip() throws IOException {
    FutureTask<Boolean> last = trip;
    if (last == null) {
      return;
    }
    try {
      Object unused = Waiting.on(last);
    } catch (InterruptedIOException e) {
      throw e;
    } catch (IOException e) {
      throw failed(path, e);
    }
  }

  void read(long positionBytes, MemorySegment dst) throws IOException {
    FileSource.readFully(channel, positionBytes, dst, path.toString());
  }

  /** Waits until what was written is on the disk. */
  void sync() throws IOException {
    endTrip();
    try {
      channel.force(false);
    } catch (IOException e) {
      throw failed(path, e);
    }
  }

  /** Waits until all files and directories below {@code directory}, and itself, are on the disk. */
  static void syncTree(Path directory) throws IOException {
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        if (Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
          syncTree(entry);
        } else {
          try (FileChannel file = FileChannel.open(entry, StandardOpenOption.READ)) {
            file.force(false);
          } catch (IOException e) {
            throw failed(entry, e);
          }
        }
      }
    }
    syncDirectory(directory);
  }

  /** Waits until the names in {@code directory} are on the disk, as far as it lets us. */
  static void syncDirectory(Path directory) {
    try (FileChannel names = FileChannel.open(directory, StandardOpenOption.READ)) {
      names.force(true);
    } catch (IOException e) {
      // Some file systems can't; the files themselves are on the disk.
    }
  }

  /** The error of writing {@code path}: what can't be written, and why. */
  static IOException failed(Path path, IOException e) {
    String reason =
        switch (e) {
          case java.nio.file.AccessDeniedException _ -> "Permission denied";
          case java.nio.file.FileAlreadyExistsException _ -> "it exists already";
          case java.nio.channels.ClosedByInterruptException _ -> "interrupted";
          case java.nio.file.NoSuchFileException _ -> "no such directory";
          case FileSystemException f when f.getReason() != null -> f.getReason();
          default -> String.valueOf(e.getMessage());
        };
    return new IOException("%s: can't be written: %s".formatted(path, reason), e);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
