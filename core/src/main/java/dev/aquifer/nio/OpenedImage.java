package dev.aquifer.nio;

import dev.aquifer.image.Image;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;

/**
 * An image together with all that it reads from.
 *
 * <p>A reference names an image in one of these ways:
 *
 * <ul>
 *   <li>the path of a file that holds an EROFS file system
 *   <li>the path of a directory that is an OCI image layout, as {@code aquifer build} makes it
 *   <li>an {@code http} or {@code https} URL of such a layout
 *   <li>an {@code http} or {@code https} URL of a file that holds an EROFS file system
 * </ul>
 *
 * <p>A path may also be written as a {@code file:} URL. Of a layout, and of a remote file, data is
 * fetched when it is read; the bytes of a layout are proven by their digests before anybody sees
 * them, those of other images are taken as they are ({@link #isVerified} tells).
 *
 * <pre>{@code
 * try (OpenedImage opened = OpenedImage.open("http://127.0.0.1:8080/app", OpenOptions.DEFAULT)) {
 *   Image image = opened.image();
 *   ByteSource data = image.open(image.lookup("etc/os-release"));
 *   byte[] text = data.readBytes(0, (int) data.sizeBytes());
 * }
 * }</pre>
 *
 * <p>Safe for use by many threads.
 */
public final class OpenedImage implements Closeable {
  private final String name;
  private final Image image;
  private final boolean isVerified;
  private final Held held;

  OpenedImage(String name, Image image, boolean isVerified, Held held) {
    this.name = name;
    this.image = image;
    this.isVerified = isVerified;
    this.held = held;
  }

  /**
   * Opens the image at {@code reference}. Reads its superblock, and of a layout all of the
   * metadata; asks for data when it is read.
   *
   * @throws dev.aquifer.io.RefusedException ENOENT if there is nothing at a path; EINVAL if what is
   *     there is no image, or the options don't fit it; EBUSY if another process, such as a daemon,
   *     uses the cache directory
   * @throws dev.aquifer.io.BackendException if an origin does not give what is asked of it
   * @throws dev.aquifer.io.CorruptDataException if it is damaged
   * @throws dev.aquifer.io.UnsupportedFeatureException if it needs what this version does not have
   */
  public static OpenedImage open(String reference, OpenOptions options) throws IOException {
    return new ImageOpener(options).open(reference);
  }

  /** As the other, for a path of any file system; a layout must be in the default one. */
  public static OpenedImage open(Path path, OpenOptions options) throws IOException {
    return new ImageOpener(options).open(path);
  }

  /** The image, usable until this is closed. */
  public Image image() {
    return image;
  }

  /** The reference, without what may be secret in a URL. */
  public String name() {
    return name;
  }

  /** Whether digests prove every byte that is read. */
  public boolean isVerified() {
    return isVerified;
  }

  /** Ends requests under way, and closes all that the image reads from. Idempotent. */
  @Override
  public void close() throws IOException {
    held.close();
  }
}
