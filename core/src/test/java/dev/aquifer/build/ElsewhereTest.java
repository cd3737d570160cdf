package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.image.Extent;
import dev.aquifer.image.Image;
import dev.aquifer.io.FileSource;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images with some of their data on a device. */
class ElsewhereTest {
  private static final int BLOCK = 4096;

  @TempDir Path temp;

  /** All of a file but its last block is on the device. */
  private record AllButTheLast(String path, int blocks, long firstBlock) implements Elsewhere {
    @Override
    public List<Device> devices() {
      return List.of(new Device("device", firstBlock + blocks));
    }

    @Override
    public void place(Node file) {
      if (file.entry.toString().equals(path)) {
        file.layout = Node.Layout.CHUNK_BASED;
        file.chunks = ChunkMap.holes((long) blocks * BLOCK, 12, BlockSize.USUAL);
        for (int i = 0; i < blocks - 1; i++) {
          file.chunks.set(i, ChunkMap.address(1, firstBlock + i));
        }
        file.chunks.set(blocks - 1, ChunkMap.WANTED);
      }
    }
  }

  /** Its block would have the number after that of its neighbour on the device, so it moves. */
  @Test
  void aChunkThatMovesMovesNoEndOfAFileOfSeveralParts() throws Exception {
    byte[] large = TestTrees.noise(1, (4 << 20) + BLOCK);
    byte[] small = TestTrees.noise(2, 2 * BLOCK);
    MemoryTree tree = new MemoryTree();
    tree.file("a", large);
    tree.file("b", small);
    long behindLarge = 1 + large.length / BLOCK;
    Path file = temp.resolve("image");
    SingleImage.build(
        tree,
        file,
        Encoding.plain(),
        BuildOptions.defaults(),
        new AllButTheLast("/b", 2, behindLarge - 1));
    try (FileSource source = FileSource.open(file)) {
      Image image = Image.open(source);
      byte[] found = image.open(image.lookup("a")).readBytes(0, large.length);
      assertThat(Arrays.mismatch(found, large)).isEqualTo(-1);
      Extent.Plain copied = (Extent.Plain) image.map(image.lookup("b"), BLOCK);
      assertThat(copied.device()).isZero();
      assertThat(copied.addressBytes()).isEqualTo((behindLarge + 1) * BLOCK);
      assertThat(source.readBytes(copied.addressBytes(), BLOCK))
          .isEqualTo(Arrays.copyOfRange(small, BLOCK, 2 * BLOCK));
    }
  }
}
