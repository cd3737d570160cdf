package dev.aquifer.io;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A regular local file that nobody changes while it is open.
 *
 * <p>A thread that is interrupted while it reads fails; others go on. (A {@link FileChannel} is
 * closed for all by that; so it is opened again, if the same file is still there.)
 */
public final class FileSource implements ByteSource {
  /** How often one read begins anew, since another thread was interrupted. */
  private static final int MAX_READS = 100;

  private final Path path;
  private final @Nullable Object fileKey;
  private final long sizeBytes;
  private final ReentrantLock reopening = new ReentrantLock();
  private volatile FileChannel channel; // changed under reopening
  private volatile boolean isClosed; // changed under reopening

  private FileSource(Path path, @Nullable Object fileKey, FileChannel channel) throws IOException {
    this.path = path;
    this.fileKey = fileKey;
    this.channel = channel;
    this.sizeBytes = channel.size();
  }

  /**
   * Opens {@code path} for reading.
   *
   * @throws IOException if it does not exist, is no regular file or can't be read
   */
  public static FileSource open(Path path) throws IOException {
    if (!Files.exists(path)) {
      throw new NoSuchFileException(path.toString(), null, "no such file");
    }
    if (!Files.isRegularFile(path)) {
      throw new IOException(path + ": is no regular file");
    }
    FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
    try {
      return new FileSource(path, fileKey(path), channel);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  @Override
  public String name() {
    return path.toString();
  }

  @Override
  public long sizeBytes() {
    return sizeBytes;
  }

  @Override
  public void read(long positionBytes, MemorySegment dst) throws IOException {
    checkRange(positionBytes, dst.byteSize());
    for (int i = 1; ; i++) {
      FileChannel now = channel;
      try {
        readFully(now, positionBytes, dst, name());
        return;
      } catch (ClosedByInterruptException e) {
        throw e;
      } catch (ClosedChannelException e) {
        if (i == MAX_READS) {
          throw e;
        }
        reopen(now);
      }
    }
  }

  /** Replaces {@code closed}, unless that is done. */
  private void reopen(FileChannel closed) throws IOException {
    reopening.lock();
    try {
      if (isClosed) {
        throw new ClosedChannelException();
      }
      if (channel != closed) {
        return;
      }
      FileChannel again = FileChannel.open(path, StandardOpenOption.READ);
      try {
        if (!Objects.equals(fileKey(path), fileKey) || again.size() != sizeBytes) {
          throw new IOException(path + ": was replaced while it is in use: open it anew");
        }
      } catch (IOException e) {
        again.close();
        throw e;
      }
      channel = again;
    } finally {
      reopening.unlock();
    }
  }

  private static @Nullable Object fileKey(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
  }

  /**
   * Fills {@code dst} from {@code channel}.
   *
   * @throws EOFException if the file ends before, named by {@code name}
   */
  public static void readFully(
      FileChannel channel, long positionBytes, MemorySegment dst, String name) throws IOException {
    long done = 0;
    while (done < dst.byteSize()) {
      // A ByteBuffer holds at most 2 GiB.
      long step = Math.min(dst.byteSize() - done, 1 << 30);
      MemorySegment part = step == dst.byteSize() ? dst : dst.asSlice(done, step);
      ByteBuffer buffer = part.asByteBuffer();
      int count = channel.read(buffer, positionBytes + done);
      if (count < 0) {
        throw new EOFException(name + ": ends at byte " + (positionBytes + done));
      }
      done += count;
    }
  }

  /** Writes all of {@code src} to {@code channel} at {@code positionBytes}. */
  public static void writeFully(FileChannel channel, long positionBytes, MemorySegment src)
      throws IOException {
    long done = 0;
    while (done < src.byteSize()) {
      long step = Math.min(src.byteSize() - done, 1 << 30);
      done += channel.write(src.asSlice(done, step).asByteBuffer(), positionBytes + done);
    }
  }

  @Override
  public void close() throws IOException {
    reopening.lock();
    try {
      isClosed = true;
      channel.close();
    } finally {
      reopening.unlock();
    }
  }
}
