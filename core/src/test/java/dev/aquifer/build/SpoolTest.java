package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.testing.ProcessIo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpoolTest {
  private static final int PIECES = 40_000;
  private static final int PIECE_BYTES = 100;

  @TempDir Path temp;
  private final byte[] data = TestTrees.noise(1, PIECES * PIECE_BYTES + 70_000);
  private Spool spool;

  @BeforeEach
  void fill() throws IOException {
    spool = Spool.create(OutputFile.create(temp.resolve("spool")));
    for (int i = 0; i < PIECES; i++) {
      int at = i * PIECE_BYTES;
      assertThat(spool.append(Arrays.copyOfRange(data, at, at + PIECE_BYTES))).isEqualTo(at);
    }
    spool.append(Arrays.copyOfRange(data, PIECES * PIECE_BYTES, data.length));
    spool.finish();
  }

  @AfterEach
  void close() throws IOException {
    spool.close();
  }

  private void assertReads(int position, int length) throws IOException {
    byte[] found = new byte[length + 1];
    spool.read(position, length, MemorySegment.ofArray(found), 1);
    assertThat(Arrays.mismatch(found, 1, length + 1, data, position, position + length))
        .isEqualTo(-1);
  }

  @Test
  void givesWhatWasPutWhereverItLies() throws IOException {
    for (int round = 0; round < 3; round++) {
      // Pieces across pages, the short last page, and more pages than are kept.
      for (int i = 0; i < PIECES; i += 655) {
        assertReads(i * PIECE_BYTES, PIECE_BYTES);
      }
      assertReads(PIECES * PIECE_BYTES, 70_000);
      assertReads(data.length - 1, 1);
    }
  }

  @Test
  void placesThatAdvanceSideBySideAreReadOnce() throws IOException {
    long before = ProcessIo.bytesRead();
    int third = PIECES / 3;
    for (int i = 0; i < third; i++) {
      assertReads(i * PIECE_BYTES, PIECE_BYTES);
      assertReads((third + i) * PIECE_BYTES, PIECE_BYTES);
      assertReads((2 * third + i) * PIECE_BYTES, PIECE_BYTES);
    }
    assertThat(ProcessIo.bytesRead() - before).isLessThan(3L * data.length);
  }
}
