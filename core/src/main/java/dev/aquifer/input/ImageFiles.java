package dev.aquifer.input;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The files of a container image: in a directory, or in a tar archive. */
abstract sealed class ImageFiles implements Closeable {
  private static final int MAX_JSON_BYTES = 16 << 20;

  /** What messages call the image. */
  abstract String name();

  /**
   * A file, usable until this is closed; null if there is none.
   *
   * @throws CorruptDataException if the path leads out of the image
   */
  abstract @Nullable ByteSource find(String path) throws IOException;

  /** As {@link #find}; a file that is missing is a fault. */
  final ByteSource file(String path) throws IOException {
    ByteSource found = find(path);
    if (found == null) {
      throw new CorruptDataException(
          "%s: %s: is missing: expected a whole image".formatted(name(), path));
    }
    return found;
  }

  /** All bytes of a small file. */
  final byte[] json(String path) throws IOException {
    ByteSource file = file(path);
    if (file.sizeBytes() > MAX_JSON_BYTES) {
      throw new CorruptDataException(
          "%s: %s: has %d bytes: expected at most %d"
              .formatted(name(), path, file.sizeBytes(), MAX_JSON_BYTES));
    }
    return file.readBytes(0, (int) file.sizeBytes());
  }

  /** Of a directory. */
  static ImageFiles of(Path directory) throws IOException {
    return new OfDirectory(directory, directory.toRealPath());
  }

  /** Of an archive, which closing this closes. */
  static ImageFiles of(TarTree archive) {
    return new OfArchive(archive);
  }

  private static final class OfDirectory extends ImageFiles {
    private final Path directory;
    private final Path real;
    private final List<ByteSource> open = new ArrayList<>();

    OfDirectory(Path directory, Path real) {
      this.directory = directory;
      this.real = real;
    }

    @Override
    String name() {
      return directory.toString();
    }

    @Override
    @Nullable ByteSource find(String path) throws IOException {
      Path file;
      try {
        file = real.resolve(path).normalize();
      } catch (InvalidPathException e) {
        return null;
      }
      if (!Files.isRegularFile(file)) {
        return null;
      }
      // An image that is not trusted must not name any file of this machine, by links neither.
      if (!file.toRealPath().startsWith(real)) {
        throw new CorruptDataException(
            "%s: '%s' leads out of the image: expected a file inside"
                .formatted(directory, path.strip()));
      }
      MarkedFile source = MarkedFile.open(file);
      open.add(source);
      return source;
    }

    @Override
    public void close() throws IOException {
      for (ByteSource source : open) {
        source.close();
      }
    }
  }

  private static final class OfArchive extends ImageFiles {
    private final TarTree archive;

    OfArchive(TarTree archive) {
      this.archive = archive;
    }

    @Override
    String name() {
      return archive.name();
    }

    @Override
    @Nullable ByteSource find(String path) throws IOException {
      return archive.file(path);
    }

    @Override
    public void close() throws IOException {
      archive.close();
    }
  }
}
