package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class ChunkMapTest {
  private static final int BITS = 16;
  private static final long BLOCKS = 1 << BITS - ChunkMap.BLOCK_BITS;

  /** Where each chunk of 2^16 bytes is, whatever the map's own chunks are. */
  private static long[] places(ChunkMap map, int count) {
    long[] places = new long[count];
    for (int i = 0; i < count; i++) {
      int shift = map.chunkBits() - BITS;
      long start = map.address(i >> shift);
      places[i] = start == ChunkMap.HOLE ? ChunkMap.HOLE : start + (i & (1 << shift) - 1) * BLOCKS;
    }
    return places;
  }

  @Property(tries = 300)
  void mergingChangesNoPlace(@ForAll long seed, @ForAll @IntRange(min = 1, max = 70) int count) {
    Random random = new Random(seed);
    ChunkMap map = ChunkMap.holes((long) count << BITS, BITS, BlockSize.USUAL);
    long next = 0;
    for (int i = 0; i < count; i++) {
      switch (random.nextInt(random.nextInt(3) + 10)) {
        case 0 -> next += BLOCKS * random.nextInt(9);
        case 1 -> next = ChunkMap.address(random.nextInt(3), random.nextInt(1000));
        default -> {}
      }
      if (random.nextInt(8) > 0) {
        map.set(i, next);
        next += BLOCKS;
      }
    }
    long[] before = places(map, count);
    map.merge();
    assertThat(places(map, count)).isEqualTo(before);
  }

  @Test
  void aContiguousFileNeedsOneEntry() {
    ChunkMap map = ChunkMap.holes((17L << BITS) - 5, BITS, BlockSize.USUAL);
    for (int i = 0; i < 17; i++) {
      map.set(i, ChunkMap.address(3, 100 + i * BLOCKS));
    }
    map.merge();
    assertThat(map.count()).isEqualTo(1);
    assertThat(map.chunkBits()).isEqualTo(BITS + 5);
    assertThat(ChunkMap.blob(map.address(0))).isEqualTo(3);
    assertThat(ChunkMap.block(map.address(0))).isEqualTo(100);
  }

  @Test
  void chunksOfOtherBlobsDoNotContinueEachOther() {
    ChunkMap map = ChunkMap.holes(2L << BITS, BITS, BlockSize.USUAL);
    map.set(0, ChunkMap.address(1, 0));
    map.set(1, ChunkMap.address(2, BLOCKS));
    map.merge();
    assertThat(map.count()).isEqualTo(2);
  }

  @Test
  void aHoleNeedsOneEntryUpToTheLargestChunk() {
    assertThat(ChunkMap.hole(1, BlockSize.USUAL).chunkBits()).isEqualTo(12);
    assertThat(ChunkMap.hole(4096, BlockSize.USUAL).chunkBits()).isEqualTo(12);
    assertThat(ChunkMap.hole(4097, BlockSize.USUAL).chunkBits()).isEqualTo(13);
    assertThat(ChunkMap.hole(1L << 40, BlockSize.USUAL).count()).isEqualTo(1);
    assertThat(ChunkMap.hole((1L << 40) + 1, BlockSize.USUAL).chunkBits()).isEqualTo(41);
    assertThat(ChunkMap.hole(Long.MAX_VALUE, BlockSize.USUAL).chunkBits()).isEqualTo(43);
    assertThat(ChunkMap.hole(Long.MAX_VALUE, BlockSize.USUAL).count()).isEqualTo(1 << 20);
  }
}
