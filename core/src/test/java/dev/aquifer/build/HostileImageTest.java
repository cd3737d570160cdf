package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.format.BlobObject;
import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.format.SpanCodec;
import dev.aquifer.format.SpanTable;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Images whose digests are right and whose content is made to do harm. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostileImageTest {
  private static final ImageBuilder BUILDER = ImageBuilder.defaults();

  @TempDir Path temp;

  private PatchedLayout built(MemoryTree tree) throws IOException {
    BUILDER.buildLayout(tree, temp.resolve("hostile"));
    return new PatchedLayout(temp.resolve("hostile"));
  }

  private BuildResult reuse() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("f", TestTrees.noise(1, 100_000));
    try (ReuseImage image = ReuseImage.open(temp.resolve("hostile"))) {
      return BUILDER.reuse(List.of(image)).buildLayout(tree, temp.resolve("out"));
    }
  }

  private void assertRefusedByWhoeverWalksIt() throws IOException {
    assertThatThrownBy(this::reuse)
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("expected one place");
    try (ReuseImage image = ReuseImage.open(temp.resolve("hostile"))) {
      SourceTree tree = ImageTree.of(image.image());
      assertThatThrownBy(() -> TreeDigest.of(tree)).hasMessageContaining("expected one place");
      assertThatThrownBy(() -> BUILDER.buildLayout(tree, temp.resolve("out")))
          .isInstanceOf(CorruptDataException.class)
          .hasMessageContaining("expected one place");
    }
    assertThat(temp.resolve("out")).doesNotExist();
  }

  @Test
  void aDirectoryInItselfIsRefused() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.directory("d");
    tree.directory("d/e");
    tree.directory("d/e/f");
    PatchedLayout layout = built(tree);
    layout.redirect("d/e/f", layout.nid("d/e")).write();
    assertRefusedByWhoeverWalksIt();
  }

  @Test
  void theRootInItselfIsRefused() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.directory("d");
    PatchedLayout layout = built(tree);
    layout.redirect("d", layout.nid("")).write();
    assertRefusedByWhoeverWalksIt();
  }

  @Test
  void directoriesThatShareTheirChildrenAreRefused() throws IOException {
    MemoryTree tree = new MemoryTree();
    // 2^40 paths if each y were walked as x is.
    String at = "";
    for (int i = 0; i < 40; i++) {
      tree.directory(at + "x");
      tree.directory(at + "y");
      at += "x/";
    }
    PatchedLayout layout = built(tree);
    for (int i = 0; i < 40; i++) {
      at = at.substring(2);
      layout.redirect(at + "y", layout.nid(at + "x"));
    }
    layout.write();
    assertRefusedByWhoeverWalksIt();
  }

  @Test
  void manyNamesOfOneFileAreOneFile() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("a", TestTrees.noise(1, 100_000));
    tree.file("b", TestTrees.noise(2, 100_000));
    PatchedLayout layout = built(tree);
    // The link count stays 1.
    layout.redirect("b", layout.nid("a")).write();
    assertThat(reuse().bytes().unique()).isZero();
    try (ReuseImage image = ReuseImage.open(temp.resolve("hostile"))) {
      List<String> lines = new ArrayList<>();
      TreeDigest.lines(ImageTree.of(image.image()), lines::add);
      assertThat(lines).contains("/b same as /a");
      BuildResult copy = BUILDER.buildLayout(ImageTree.of(image.image()), temp.resolve("copy"));
      assertThat(copy.counts().hardLinks()).isEqualTo(1);
    }
  }

  @Test
  void anEntryThatSaysRegularFileOfADirectoryIsRefused() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("a", TestTrees.noise(1, 100_000));
    tree.directory("d");
    PatchedLayout layout = built(tree);
    layout.redirect("a", layout.nid("d")).write();
    assertThatThrownBy(this::reuse)
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("a directory entry says regular file");
  }

  @Test
  void aBlockThatNoChunkAddressHoldsIsNotReused() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("a", TestTrees.noise(2, 5000));
    PatchedLayout layout = built(tree);
    // A blob of more than 2^32 blocks that promises much and holds nothing.
    int spans = (1 << 18) + 1;
    SpanTable table = SpanTable.of(26, (long) spans << 26, new byte[32 * spans]);
    int[] lengths = new int[spans];
    Arrays.fill(lengths, 1);
    byte[] tail = BlobObject.tail(table, SpanCodec.ZSTD, lengths);
    byte[] object = Arrays.copyOf(new byte[spans], spans + tail.length);
    System.arraycopy(tail, 0, object, spans, tail.length);
    Descriptor descriptor =
        new Descriptor(
            ImageManifest.BLOB_TYPE,
            Sha256.hash(object),
            object.length,
            Map.of(
                ImageManifest.BLOB_ID,
                table.id().toString(),
                ImageManifest.TAIL_OFFSET,
                "" + spans));
    Files.write(temp.resolve("hostile").resolve(descriptor.path()), object);
    long inode = layout.nid("a") * 32;
    // 48-bit addresses, and block 2^32 of the device; the slot does not say its size.
    LittleEndian.put8(layout.bytes(), inode + 16, LittleEndian.u8(layout.bytes(), inode + 16) | 64);
    LittleEndian.put16(layout.bytes(), inode + 32, 1);
    byte[] tag = table.id().hex().getBytes(StandardCharsets.US_ASCII);
    MemorySegment.copy(tag, 0, layout.bytes(), ValueLayout.JAVA_BYTE, 1152, tag.length);
    LittleEndian.put32(layout.bytes(), 1152 + 64, 0);
    layout.write(before -> descriptor);
    assertThat(reuse().bytes().reused()).isZero();
  }

  @Test
  void aHoleOfAnySizeIsDigestedAtOnce() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.sparse("hole", Long.MAX_VALUE);
    tree.sparse("data", Long.MAX_VALUE).data(1L << 62, TestTrees.noise(1, 3_000_000));
    List<String> lines = new ArrayList<>();
    TreeDigest.lines(tree, lines::add);
    assertThat(lines).hasSize(3);
  }

  @Test
  void theDigestDoesNotTellZerosFromHolesButAllElse() throws IOException {
    byte[] data = new byte[5 << 20];
    data[3 << 20] = 1;
    assertThat(digest(0, data)).isEqualTo(digest(3 << 20, new byte[] {1}));
    assertThat(digest(0, data)).isNotEqualTo(digest(2 << 20, new byte[] {1}));
    assertThat(digest(0, data)).isNotEqualTo(digest(3 << 20, new byte[] {2}));
    assertThat(digest(0, data)).isNotEqualTo(digest(3 << 20, new byte[] {0}));
  }

  private static String digest(long position, byte[] data) throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.sparse("f", 5 << 20).data(position, data);
    return TreeDigest.of(tree).hex();
  }
}
