package dev.aquifer.image;

import dev.aquifer.io.ByteSource;
import java.io.IOException;

/** An image of which one directory is inside itself. */
public final class LoopedImage {
  private static final int DIRENT_BYTES = 12;

  private LoopedImage() {}

  /**
   * The image in {@code bytes}, of which the entry number {@code index} of the directory at {@code
   * path}, a directory, is changed to be that directory itself.
   */
  public static byte[] of(byte[] bytes, String path, int index) throws IOException {
    Image image = Image.open(ByteSource.of("looped", bytes));
    Inode directory = image.lookup(path);
    Extent.Plain extent = (Extent.Plain) image.map(directory, 0);
    return new PatchedImage(bytes)
        .u64(extent.addressBytes() + (long) index * DIRENT_BYTES, directory.nid())
        .bytes();
  }
}
