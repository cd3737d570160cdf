package dev.aquifer.build;

import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Builds an image that has the metadata of a tar archive, and has the archive itself as its device:
 * data of files begins at multiples of 512 bytes there, which is the image's block size. What is
 * not in one piece in the archive, as files with holes, is copied to the image.
 */
final class TarIndex {
  /** Headers and data of an archive begin at multiples of 2^9 bytes. */
  private static final int BLOCK_BITS = 9;

  private static final BlockSize BLOCK = new BlockSize(BLOCK_BITS);

  private TarIndex() {}

  /** See {@link ImageBuilder#buildIndex}. */
  static SingleImage.Result build(
      SourceTree tree,
      ByteSource archive,
      String tag,
      Path output,
      Encoding form,
      BuildOptions options)
      throws IOException {
    // A block that is cut off is none: a device must be as long as its slot says.
    Device device = new Device(Device.checkTag(tag), archive.sizeBytes() >>> BLOCK_BITS);
    Encoding encoding = form.forDevices(BLOCK_BITS);
    return SingleImage.build(tree, output, encoding, options, new Archive(tree, device));
  }

  private record Archive(SourceTree tree, Device device) implements Elsewhere {
    @Override
    public List<Device> devices() {
      return List.of(device);
    }

    @Override
    public void place(Node file) throws IOException {
      try (SourceFile data = tree.open(file.entry)) {
        long offset = data.archiveOffsetBytes();
        long end = offset + BLOCK.roundUp(file.sizeBytes());
        if (offset >= 0 && BLOCK.tail(offset) == 0 && end <= device.blocks() << BLOCK_BITS) {
          file.layout = Node.Layout.CHUNK_BASED;
          file.chunks = ChunkMap.run(file.sizeBytes(), BLOCK, 1, offset >>> BLOCK_BITS);
          data.checkUnchanged();
        }
      }
    }
  }
}
