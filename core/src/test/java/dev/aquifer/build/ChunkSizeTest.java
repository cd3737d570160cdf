package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChunkSizeTest {
  @TempDir Path temp;

  private static int bitsOfDense(long sizeBytes) {
    ChunkSize size = new ChunkSize(sizeBytes, 16);
    size.addData(0, sizeBytes);
    return size.bits();
  }

  private static int bitsOfPieces(long sizeBytes, int pieces) {
    ChunkSize size = new ChunkSize(sizeBytes, 16);
    for (int i = 0; i < pieces; i++) {
      long at = sizeBytes / pieces * i;
      size.addData(at, at + 4096);
    }
    return size.bits();
  }

  @Test
  void largeFilesGetLargerChunksSoThatTheirMapStaysShort() {
    assertThat(bitsOfDense(1L << 34)).isEqualTo(16);
    assertThat(bitsOfDense((1L << 34) + 1)).isEqualTo(17);
    assertThat(bitsOfDense(1L << 40)).isEqualTo(22);
    assertThat(bitsOfDense(1L << 50)).isEqualTo(26);
    assertThat(bitsOfDense((1L << 50) + 1)).isEqualTo(-1);
  }

  @Test
  void filesOfManyHolesGetSmallerOnes() {
    assertThat(bitsOfPieces(1L << 40, 1)).isEqualTo(22);
    assertThat(bitsOfPieces(1L << 40, 100)).isEqualTo(20);
    // As many pieces as the map of the larger chunks has entries.
    assertThat(bitsOfPieces(1L << 40, 1 << 18)).isEqualTo(16);
    // The map has its limit.
    assertThat(bitsOfPieces(1L << 44, 1 << 20)).isEqualTo(20);
  }

  @Test
  void piecesInOneChunkCountOnce() {
    ChunkSize size = new ChunkSize(1L << 40, 16);
    for (int i = 0; i < 1000; i++) {
      size.addData(5000 + i * 4096L, 5000 + i * 4096L + 10);
    }
    assertThat(size.bits()).isEqualTo(22);
  }

  @Test
  void aFileOfManyHolesMakesASmallBlobAndIsFoundAgain() throws IOException {
    MemoryTree tree = new MemoryTree();
    MemoryTree.Item file = tree.sparse("f", 1L << 40);
    for (int i = 0; i < 100; i++) {
      file.data((1L << 40) / 100 * i, TestTrees.noise(i, 4096));
    }
    ImageBuilder builder = ImageBuilder.defaults();
    BuildResult result = builder.buildLayout(tree, temp.resolve("out"));
    // With chunks of 4 MiB it would be 400 MiB.
    assertThat(result.blobs().getFirst().plainBytes()).isBetween(1L << 20, 110L << 20);
    assertThat(result.bootstrapBytes()).isLessThan(9 << 20);
    try (ReuseImage image = ReuseImage.open(temp.resolve("out"))) {
      List<String> expected = new ArrayList<>();
      List<String> found = new ArrayList<>();
      TreeDigest.lines(tree, expected::add);
      TreeDigest.lines(ImageTree.of(image.image()), found::add);
      assertThat(found).isEqualTo(expected);
      BuildResult again = builder.reuse(List.of(image)).buildLayout(tree, temp.resolve("again"));
      assertThat(again.bytes().unique()).isZero();
    }
  }
}
