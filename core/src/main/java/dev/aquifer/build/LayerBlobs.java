package dev.aquifer.build;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A blob for each of several layers, with the data of that alone: it is the same whatever the
 * others are. Each is that of an image of the layer, which is built here, for the image of all to
 * refer to.
 */
final class LayerBlobs implements Closeable {
  private final Path directory;
  private final List<ReuseImage> images = new ArrayList<>();
  private int built;
  private long doneBytes;

  private LayerBlobs(Path directory) {
    this.directory = directory;
  }

  /**
   * Builds the blobs.
   *
   * @param layers the lowest first; each is read whole, and stays open
   * @param directory for the images; it is made, and goes when this is closed
   */
  static LayerBlobs build(List<SourceTree> layers, Path directory, BuildOptions options)
      throws IOException {
    LayerBlobs blobs = new LayerBlobs(directory);
    try {
      for (SourceTree layer : layers) {
        blobs.add(layer, options);
      }
      return blobs;
    } catch (IOException | RuntimeException | Error e) {
      try {
        blobs.close();
      } catch (IOException f) {
        e.addSuppressed(f);
      }
      throw e;
    }
  }

  private void add(SourceTree layer, BuildOptions options) throws IOException {
    Path image = directory.resolve(Integer.toString(built++));
    BuildOptions dataOnly =
        options.with(
            draft -> {
              draft.order = List.of();
              draft.sourceOrder = false;
              draft.plainCopy = null;
              draft.xattrs = false;
              draft.xattrPrefixes = List.of();
              draft.inodeDigest = null;
              draft.force = false;
              // How much the whole is shows when all layers are read.
              draft.progress = (done, total) -> options.progress().done(doneBytes + done, 0);
            });
    BuildResult result = LayoutImage.build(layer, image, List.of(), List.of(), dataOnly);
    doneBytes += result.bytes().source();
    if (!result.blobs().isEmpty()) {
      images.add(ReuseImage.open(image, layer.name()));
    }
  }

  /** The images of the layers that have a blob. */
  List<ReuseImage> images() {
    return images;
  }

  /** How {@code listener} is told of what follows. */
  BuildProgress rest(BuildProgress listener) {
    return (done, total) -> listener.done(doneBytes + done, doneBytes + total);
  }

  @Override
  public void close() throws IOException {
    for (ReuseImage image : images) {
      image.close();
    }
    LayoutOutput.delete(directory);
  }
}
