package dev.aquifer.input;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.FileSource;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * A copy of data that can't be read in place. The file that holds it has no name any more once it
 * is open, so that nothing is left of it however the process ends.
 */
final class SpooledData implements ByteSource {
  private static final int BUFFER_BYTES = 256 << 10;

  private final String name;
  private final FileChannel channel;
  private final long sizeBytes;

  private SpooledData(String name, FileChannel channel, long sizeBytes) {
    this.name = name;
    this.channel = channel;
    this.sizeBytes = sizeBytes;
  }

  /**
   * Copies all of {@code in}.
   *
   * @param name what messages call the data
   * @param place a directory, or a path below one that is there: where the file goes
   * @param digest takes the data, too; or null
   */
  static SpooledData copy(String name, InputStream in, Path place, @Nullable MessageDigest digest)
      throws IOException {
    Path directory = existing(place.toAbsolutePath());
    FileChannel channel = nameless(directory);
    try {
      byte[] buffer = new byte[BUFFER_BYTES];
      long size = 0;
      for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
        if (digest != null) {
          digest.update(buffer, 0, count);
        }
        write(directory, channel, size, MemorySegment.ofArray(buffer).asSlice(0, count));
        size += count;
      }
      return new SpooledData(name, channel, size);
    } catch (IOException | RuntimeException | Error e) {
      channel.close();
      throw e;
    }
  }

  private static Path existing(Path place) {
    Path at = place;
    while (!Files.isDirectory(at)) {
      Path parent = at.getParent();
      if (parent == null) {
        break;
      }
      at = parent;
    }
    return at;
  }

  private static FileChannel nameless(Path directory) throws IOException {
    String random = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
    Path file = directory.resolve(".aquifer-input-" + random);
    try {
      Files.createFile(
          file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      try {
        return FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
      } finally {
        Files.delete(file);
      }
    } catch (FileSystemException e) {
      throw failed(directory, e.getReason() == null ? e.toString() : e.getReason(), e);
    }
  }

  private static void write(Path directory, FileChannel channel, long at, MemorySegment data)
      throws IOException {
    try {
      FileSource.writeFully(channel, at, data);
    } catch (java.nio.channels.ClosedChannelException e) {
      throw e;
    } catch (IOException e) {
      throw failed(directory, String.valueOf(e.getMessage()), e);
    }
  }

  private static IOException failed(Path directory, String why, IOException e) {
    return new IOException(
        "%s: the unpacked input can't be kept there meanwhile: %s".formatted(directory, why), e);
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
    FileSource.readFully(channel, positionBytes, dst, name);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
