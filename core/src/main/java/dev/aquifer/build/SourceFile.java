package dev.aquifer.build;

import dev.aquifer.io.ByteSource;
import java.io.IOException;

/**
 * The data of one regular file of a {@link SourceTree}, with its holes. Unlike other byte sources
 * it may be used by one thread at a time only.
 */
public interface SourceFile extends ByteSource {
  /**
   * Where all bytes of this file lie in one piece, as they are, in the archive that the tree is
   * read from; -1 if they don't, or the tree is no archive.
   */
  default long archiveOffsetBytes() {
    return -1;
  }

  /**
   * The position of the first data byte at or after {@code positionBytes}; the file's size if only
   * a hole follows. A source that knows of no holes returns {@code positionBytes}.
   */
  long nextData(long positionBytes) throws IOException;

  /**
   * The position of the first hole at or after {@code positionBytes}; the file's size if only data
   * follows.
   */
  long nextHole(long positionBytes) throws IOException;

  /**
   * Checks that what was read so far is what the tree listed.
   *
   * @throws IOException if the file was changed since it was listed; the message names it
   */
  void checkUnchanged() throws IOException;
}
