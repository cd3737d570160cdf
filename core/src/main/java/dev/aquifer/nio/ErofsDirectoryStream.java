package dev.aquifer.nio;

import dev.aquifer.image.DirEntry;
import java.io.IOException;
import java.nio.file.ClosedFileSystemException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/** The entries of a directory, which was read when this was made. For one thread at a time. */
final class ErofsDirectoryStream implements DirectoryStream<Path> {
  private final ErofsPath directory;
  private final Iterator<DirEntry> entries;
  private final DirectoryStream.Filter<? super Path> filter;
  private final Runnable onClose;
  private boolean isIterated;
  private volatile boolean isClosed;

  ErofsDirectoryStream(
      ErofsPath directory,
      List<DirEntry> entries,
      DirectoryStream.Filter<? super Path> filter,
      Runnable onClose) {
    this.directory = directory;
    this.entries = entries.iterator();
    this.filter = filter;
    this.onClose = onClose;
  }

  @Override
  public Iterator<Path> iterator() {
    if (isClosed) {
      if (!directory.getFileSystem().isOpen()) {
        throw new ClosedFileSystemException();
      }
      throw new IllegalStateException("the directory stream is closed");
    }
    if (isIterated) {
      throw new IllegalStateException("a directory stream gives one iterator");
    }
    isIterated = true;
    return new Entries();
  }

  private final class Entries implements Iterator<Path> {
    private @Nullable Path next;

    @Override
    public boolean hasNext() {
      // After closing, what was promised is still given.
      while (next == null && !isClosed && entries.hasNext()) {
        Path candidate = directory.resolve(entries.next());
        if (isAccepted(candidate)) {
          next = candidate;
        }
      }
      return next != null;
    }

    @Override
    public Path next() {
      Path given = hasNext() ? next : null;
      if (given == null) {
        throw new NoSuchElementException();
      }
      next = null;
      return given;
    }
  }

  private boolean isAccepted(Path candidate) {
    try {
      return filter.accept(candidate);
    } catch (IOException e) {
      throw new DirectoryIteratorException(e);
    }
  }

  @Override
  public void close() {
    isClosed = true;
    onClose.run();
  }
}
