package dev.aquifer.build;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.NamedSource;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * A new file that keeps the plain form of a compressed archive when an image of it is built, and
 * that an index of the archive can have for its device: {@link ImageBuilder#plainCopy}.
 *
 * <p>It is written under a hidden name beside its own, which it takes just before the image has
 * its; if the image can't be had it is gone again, or what it replaced is back. Closing it leaves
 * nothing, unless an image was built together with it. It is for one archive and one image, and
 * used by one thread, but that many may read what {@link #fill} returned.
 */
public final class PlainCopy implements Closeable {
  private static final int BUFFER_BYTES = 256 << 10;

  private final Path path;
  private final NewFile file;
  private boolean isFilled;
  private boolean isTaken;

  private PlainCopy(Path path, NewFile file) {
    this.path = path;
    this.file = file;
  }

  /**
   * Makes the hidden file.
   *
   * @param force whether a regular file at {@code path} is replaced
   * @throws dev.aquifer.io.RefusedException EEXIST, if there is something at {@code path}
   */
  public static PlainCopy create(Path path, boolean force) throws IOException {
    return new PlainCopy(path, NewFile.create(path, force, "building"));
  }

  /** Where the file will be, as it was given. */
  public Path path() {
    return path;
  }

  /**
   * Takes all of {@code plain}, which stays open.
   *
   * @param name what messages call the archive
   * @return what was taken; the caller closes it
   * @throws IllegalStateException if it has taken something before
   */
  public ByteSource fill(String name, InputStream plain) throws IOException {
    if (isFilled) {
      throw new IllegalStateException(path + ": is the plain form of an archive already");
    }
    isFilled = true;
    byte[] buffer = new byte[BUFFER_BYTES];
    long size = 0;
    for (int count = plain.read(buffer); count >= 0; count = plain.read(buffer)) {
      file.file().write(size, MemorySegment.ofArray(buffer).asSlice(0, count));
      size += count;
    }
    file.file().beginSync();
    return new NamedSource(name, file.file().open());
  }

  /** The file, for the one image that it belongs to. */
  NewFile take() {
    if (isTaken) {
      throw new IllegalStateException(path + ": belongs to another image already");
    }
    isTaken = true;
    return file;
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
