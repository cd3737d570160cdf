package dev.aquifer.build;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.FileSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/** A new file on a disk. */
final class DiskFile implements OutputFile {
  private static final Set<OpenOption> NEW =
      Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);

  private final Path path;
  private final FileChannel channel;

  private DiskFile(Path path, FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  static DiskFile create(Path path) throws IOException {
    try {
      return new DiskFile(path, FileChannel.open(path, NEW));
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
  }

  @Override
  public void read(long positionBytes, MemorySegment dst) throws IOException {
    FileSource.readFully(channel, positionBytes, dst, path.toString());
  }

  @Override
  public void sync() throws IOException {
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
    channel.close();
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
