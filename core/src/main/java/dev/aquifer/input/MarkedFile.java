package dev.aquifer.input;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.FileSource;
import dev.aquifer.io.NamedSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import org.jspecify.annotations.Nullable;

/** A local file that is read in place, and what tells that somebody changed it. */
final class MarkedFile implements ByteSource {
  private final Path path;
  private final FileSource file;
  private final Mark mark;

  private MarkedFile(Path path, FileSource file, Mark mark) {
    this.path = path;
    this.file = file;
    this.mark = mark;
  }

  private record Mark(String key, long sizeBytes, FileTime changed) {
    static Mark of(Path file) throws IOException {
      BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
      return new Mark(String.valueOf(now.fileKey()), now.size(), now.lastModifiedTime());
    }
  }

  static MarkedFile open(Path path) throws IOException {
    FileSource file = FileSource.open(path);
    try {
      return new MarkedFile(path, file, Mark.of(path));
    } catch (IOException e) {
      file.close();
      throw e;
    }
  }

  /**
   * Checks that the file {@code data} is read from, if it is one, is as it was at first.
   *
   * @throws IOException if it was changed since; the message names it
   */
  static void check(@Nullable ByteSource data) throws IOException {
    switch (data) {
      case MarkedFile marked -> marked.check();
      case ItemFile inArchive -> inArchive.checkUnchanged();
      case NamedSource named -> check(named.bytes());
      case null, default -> {}
    }
  }

  private void check() throws IOException {
    Mark now;
    try {
      now = Mark.of(path);
    } catch (NoSuchFileException e) {
      // The open file is as it was.
      return;
    }
    if (!now.equals(mark)) {
      throw new IOException(
          "%s: changed while it was read: expected the %d bytes that it had at first; build from an archive at rest"
              .formatted(path, mark.sizeBytes));
    }
  }

  @Override
  public String name() {
    return file.name();
  }

  @Override
  public long sizeBytes() {
    return file.sizeBytes();
  }

  @Override
  public void read(long positionBytes, MemorySegment dst) throws IOException {
    file.read(positionBytes, dst);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
