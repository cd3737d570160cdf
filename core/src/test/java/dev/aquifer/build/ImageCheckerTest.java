package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.image.FileType;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.FileSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageCheckerTest {
  private static final int[] DEVICE_OF_BLOB = {1};
  private static final int BLOCKS = 100;

  @TempDir Path temp;
  private Spool spool;
  private Tree tree;
  private ImagePlan plan;
  private Path bootstrap;

  @BeforeEach
  void write() throws IOException {
    MemoryTree source = new MemoryTree();
    source.file("chunked", new byte[200_000]).owner(70_000, 1);
    source.file("inline", TestTrees.noise(1, 300)).xattr("user.a", "b");
    source.link("link", "target").mtime(5, 6);
    source.special("device", FileType.BLOCK_DEVICE, FileStat.rdev(8, 1)).permissions(0660);
    source.directory("d");
    for (int i = 0; i < 300; i++) {
      source.file("d/" + i, new byte[0]);
    }
    spool = Spool.create(OutputFile.create(temp.resolve("spool")));
    tree = TreeReader.read(source, spool, BuildOptions.defaults(), Set.of());
    for (Node node : tree.nodes()) {
      switch (node.entry.toString()) {
        case "/chunked" -> {
          node.layout = Node.Layout.CHUNK_BASED;
          node.chunks = ChunkMap.holes(200_000, 16, BlockSize.USUAL);
          node.chunks.set(0, ChunkMap.address(0, 50));
          node.chunks.set(2, ChunkMap.address(0, 7));
        }
        case "/inline" -> {
          node.layout = Node.Layout.FLAT_INLINE;
          node.spooledAt = spool.append(TestTrees.noise(1, 300));
        }
        default -> {}
      }
    }
    plan = ImagePlan.of(tree, List.of(new Device("blob", BLOCKS)), null);
    bootstrap = temp.resolve("bootstrap");
    spool.finish();
    try (OutputFile file = OutputFile.create(bootstrap)) {
      ImageWriter.write(plan, spool, null, DEVICE_OF_BLOB, "", null, file);
    }
  }

  private void check() throws IOException {
    ImageChecker.check(plan, spool, DEVICE_OF_BLOB, () -> FileSource.open(bootstrap), 2);
  }

  private Node node(String path) {
    return tree.nodes().stream()
        .filter(node -> node.entry.toString().equals(path))
        .findFirst()
        .orElseThrow();
  }

  /** Flips a bit, and makes the superblock's checksum right again. */
  private void flip(long position) throws IOException {
    byte[] bytes = Files.readAllBytes(bootstrap);
    bytes[(int) position] ^= 1;
    CRC32C crc = new CRC32C();
    for (int i = 0; i < 4; i++) {
      bytes[1028 + i] = 0;
    }
    crc.update(bytes, 1024, 4096 - 1024);
    for (int i = 0; i < 4; i++) {
      bytes[1028 + i] = (byte) (~crc.getValue() >>> 8 * i);
    }
    Files.write(bootstrap, bytes);
  }

  private void assertNoticed(long position) throws IOException {
    flip(position);
    assertThatThrownBy(this::check).as("byte %d", position).isInstanceOf(IOException.class);
    flip(position);
    check();
  }

  @Test
  void acceptsWhatWasWritten() throws IOException {
    check();
  }

  @Test
  void noticesEveryFieldOfInodes() throws IOException {
    long chunked = node("/chunked").nid * 32;
    // Extended: format, xattrs, mode, size, chunk format, uid, gid, mtime, nanoseconds, nlink.
    assertThat(node("/chunked").isExtended).isTrue();
    for (int offset : new int[] {0, 2, 4, 8, 16, 24, 28, 32, 40, 44}) {
      assertNoticed(chunked + offset);
    }
    long inline = node("/inline").nid * 32;
    assertThat(node("/inline").isExtended).isFalse();
    for (int offset : new int[] {0, 2, 4, 6, 8, 24, 26}) {
      assertNoticed(inline + offset);
    }
    assertNoticed(node("/device").nid * 32 + 16);
  }

  @Test
  void noticesNamesTargetsDataAndChunks() throws IOException {
    Node chunked = node("/chunked");
    long indexes = chunked.nid * 32 + ImagePlan.mapOffset(chunked);
    for (int offset : new int[] {2, 4, 12, 18, 20}) {
      assertNoticed(indexes + offset);
    }
    for (String path : List.of("/inline", "/link")) {
      Node node = node(path);
      long data = node.nid * 32 + ImagePlan.headBytes(node);
      assertNoticed(data);
      assertNoticed(data + node.sizeBytes() - 1);
    }
    long names = node("/d").startBlock * 4096;
    // Of the third entry: nid, place and type; and the last byte of the first block's names.
    for (int offset : new int[] {24, 32, 34}) {
      assertNoticed(names + offset);
    }
  }

  @Test
  void noticesTheSuperblockAndDevices() throws IOException {
    for (int offset : new int[] {12, 14, 16, 36, 80, 86, 88}) {
      assertNoticed(1024 + offset);
    }
    assertNoticed(1152);
    assertNoticed(1152 + 64);
  }

  @Test
  void saysWhichFileIsWrong() throws IOException {
    flip(node("/link").nid * 32 + ImagePlan.headBytes(node("/link")));
    assertThatThrownBy(this::check)
        .isInstanceOf(CorruptDataException.class)
        .hasMessage(
            bootstrap
                + ": /link: the metadata read back is not what was written: please report this");
  }
}
