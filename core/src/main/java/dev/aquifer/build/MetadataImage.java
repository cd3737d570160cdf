package dev.aquifer.build;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Builds an image that has no data of regular files, but for their sizes: overlayfs takes it from a
 * layer below, as the attribute {@code trusted.overlay.metacopy} tells it.
 */
final class MetadataImage {
  private static final byte[] METACOPY =
      "trusted.overlay.metacopy".getBytes(StandardCharsets.US_ASCII);

  private MetadataImage() {}

  /** See {@link ImageBuilder#buildMetadata}. */
  static SingleImage.Result build(
      SourceTree tree, Path output, Encoding encoding, BuildOptions options) throws IOException {
    if (encoding.compression() != null || encoding.chunkBits() > 0) {
      throw new IllegalArgumentException(
          "an image without data: expected neither compression of files nor chunks of them");
    }
    return SingleImage.build(tree, output, encoding, options, new Below(tree, encoding, options));
  }

  /** The data of all files is in a layer below. */
  private record Below(SourceTree tree, Encoding encoding, BuildOptions options)
      implements Elsewhere {
    @Override
    public List<Device> devices() {
      return List.of();
    }

    @Override
    public void place(Node file) throws IOException {
      if (!options.xattrs() || !isLookedForBelow(file.entry)) {
        throw new IOException(
            "%s: %s: its %d bytes would be read as zeros: expected the attribute trusted.overlay.metacopy, by which overlayfs takes them from a layer below"
                .formatted(tree.name(), file.entry, file.sizeBytes()));
      }
      file.layout = Node.Layout.CHUNK_BASED;
      file.chunks = ChunkMap.hole(file.sizeBytes(), encoding.block());
    }

    private boolean isLookedForBelow(SourceEntry entry) throws IOException {
      for (Xattr xattr : tree.xattrs(entry)) {
        if (Arrays.equals(xattr.name(), METACOPY)) {
          return true;
        }
      }
      return false;
    }
  }
}
