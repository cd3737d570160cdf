package dev.aquifer.io;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A regular local file that nobody changes while it is open.
 *
 * <p>Interrupting a thread that reads closes the file for all threads (a property of {@link
 * FileChannel}); later reads fail with an exception and never with wrong bytes.
 */
public final class FileSource implements ByteSource {
  private final String name;
  private final FileChannel channel;
  private final long sizeBytes;

  private FileSource(String name, FileChannel channel) throws IOException {
    this.name = name;
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
      return new FileSource(path.toString(), channel);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long sizeBytes() {
    return sizeBytes;
  }

  @Override
  public void read(long positionBytes, MemorySegment dst) throws IOException {
    checkRange(positionBytes, dst.byteSize());
    readFully(channel, positionBytes, dst, name);
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
      ByteBuffer buffer = dst.asSlice(done, step).asByteBuffer();
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
    channel.close();
  }
}
