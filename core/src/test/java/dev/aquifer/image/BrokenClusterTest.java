package dev.aquifer.image;

import static dev.aquifer.image.PatchedImage.sb;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** As {@link BrokenImageTest}, for compressed data. */
class BrokenClusterTest {
  private static final String FULL = "32-lz4-full";
  private static final String COMPACT = "30-lz4";
  private static final String BIG = "31-lz4hc-C64k";
  private static final String RECORDS = "92-48bit-zstd-ext";
  private static final String OFFSETS = "65-48bit-dedupe";
  private static final String FRAGMENTS = "53-fragments";
  private static final String FILE = "t070001";

  private static GoldenImages golden;

  @BeforeAll
  static void readGoldenImages() throws IOException {
    golden = GoldenImages.ofResources();
  }

  private static PatchedImage patch(String id) {
    return new PatchedImage(golden.bytes(id));
  }

  private static Inode file(String id) throws IOException {
    return PatchedImage.open(golden.bytes(id)).lookup(FILE);
  }

  private static long header(String id) throws IOException {
    return ((DataLayout.Compressed) file(id).layout()).headerPositionBytes();
  }

  private static String place(Inode inode) {
    return "image: inode nid %d at byte 0x%x: ".formatted(inode.nid(), inode.positionBytes());
  }

  private static byte[] readAll(Image image, Inode inode) throws IOException {
    ByteSource data = image.open(image.inode(inode.nid()));
    return data.readBytes(0, (int) data.sizeBytes());
  }

  private static void breaks(String id, PatchedImage patched, String message) throws IOException {
    Image image = patched.open();
    corrupt(() -> readAll(image, file(id)), place(file(id)) + message);
  }

  private static void corrupt(ThrowingCallable call, String message) {
    assertThatThrownBy(call).isInstanceOf(CorruptDataException.class).hasMessage(message);
  }

  @Test
  void entryBeginsAfterItsCluster() throws IOException {
    breaks(
        FULL,
        patch(FULL).u16(header(FULL) + 16 + 2, 4096),
        "byte 0 of its data: entry 0 of the index begins at byte 4096 of 2^12");
  }

  @Test
  void entryLeadsBackBeforeTheFile() throws IOException {
    breaks(
        FULL,
        patch(FULL).u16(header(FULL) + 16, Lcluster.NONHEAD).u16(header(FULL) + 16 + 4, 1),
        "byte 0 of its data: entry 0 of the index leads back to no head");
  }

  @Test
  void entryLeadsBackToItself() throws IOException {
    breaks(
        FULL,
        patch(FULL).u16(header(FULL) + 16, Lcluster.NONHEAD).u16(header(FULL) + 16 + 4, 0),
        "byte 0 of its data: entry 0 of the index leads back to no head");
  }

  @Test
  void blockCountWithoutBigClusters() throws IOException {
    long entry = header(FULL) + 16 + 8;
    assertThat(patch(FULL).u16(entry) & 3).isEqualTo(Lcluster.NONHEAD);
    breaks(
        FULL,
        patch(FULL).u16(entry + 4, Lcluster.BLOCK_COUNT | 1),
        "byte 4096 of its data: entry 1 of the index says a number of stored blocks: there are no big clusters");
  }

  @Test
  void distanceToNoHead() throws IOException {
    long entry = header(FULL) + 16 + 8;
    assertThat(patch(FULL).u16(entry) & 3).isEqualTo(Lcluster.NONHEAD);
    String message =
        "byte 4096 of its data: entry 1 of the index says that its head is %d back: it follows that of entry 0";
    breaks(FULL, patch(FULL).u16(entry + 4, 0), message.formatted(0));
    breaks(FULL, patch(FULL).u16(entry + 4, 2), message.formatted(2));
  }

  @Test
  void plainFragment() throws IOException {
    Inode inode = PatchedImage.open(golden.bytes(FRAGMENTS)).lookup("r004097");
    DataLayout.Compressed layout = (DataLayout.Compressed) inode.layout();
    assertThat(layout.isCompact()).isTrue();
    long last = layout.headerPositionBytes() + 8 + 2;
    assertThat(patch(FRAGMENTS).u16(last) >> 12).isEqualTo(Lcluster.HEAD1);
    Image image = patch(FRAGMENTS).u16(last, Lcluster.PLAIN << 12).open();
    corrupt(
        () -> readAll(image, inode),
        place(inode)
            + "byte 4096 of its data: entry 1 of the index says both plain and a fragment");
  }

  @Test
  void entryLeadsBackOverAHead() throws IOException {
    long last = file(FULL).sizeBytes() - 1 >>> 12;
    long entry = header(FULL) + 16 + 8 * last;
    Image image = patch(FULL).u16(entry, Lcluster.NONHEAD).u16(entry + 4, (int) last).open();
    assertThatThrownBy(() -> image.map(file(FULL), file(FULL).sizeBytes() - 1))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageStartingWith(
            place(file(FULL))
                + "byte 70000 of its data: the index leads to the cluster of bytes 0 to ");
  }

  @Test
  void indexOutside() throws IOException {
    Inode inode = file(COMPACT);
    Image image = patch(COMPACT).u32(inode.positionBytes() + 8, 0xffffffffL).open();
    assertThatThrownBy(() -> image.open(image.inode(inode.nid())))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageStartingWith(place(inode) + "its index of 1048576 entries: needs ");
  }

  @Test
  void indexOfAlmostAllBytesThereAre() throws IOException {
    Inode inode = file(FULL);
    Image image =
        patch(FULL)
            .u16(inode.positionBytes(), 1 | 1 << 1)
            .u64(inode.positionBytes() + 8, Long.MAX_VALUE)
            .u32(inode.positionBytes() + 40, 0)
            .u64(inode.positionBytes() + Inode.EXTENDED_BYTES, 0)
            .open();
    assertThatThrownBy(() -> image.open(image.inode(inode.nid())))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("its index of 2251799813685248 entries: needs ");
  }

  @Test
  void storedOutside() throws IOException {
    breaks(
        FULL,
        patch(FULL).u32(header(FULL) + 16 + 4, 0xffffffffL),
        "4096 bytes of its data are at byte 0xffffffff000 of device 0, which ends at byte 0x5c000");
  }

  @Test
  void plainClusterThatIsLongerThanItsBlock() throws IOException {
    long entry = header(FULL) + 16;
    assertThat(patch(FULL).u16(entry + 8) & 3).isEqualTo(Lcluster.NONHEAD);
    Image image = patch(FULL).u16(entry, Lcluster.PLAIN).open();
    assertThatThrownBy(() -> readAll(image, file(FULL)))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining(" bytes as they are, in 4096 stored bytes");
  }

  @Test
  void unknownAlgorithm() throws IOException {
    Image image = patch(FULL).u8(header(FULL) + 6, 4).open();
    assertThatThrownBy(() -> image.open(file(FULL)))
        .isInstanceOf(UnsupportedFeatureException.class)
        .hasMessage(
            place(file(FULL)) + "compression algorithm 4 is unknown: a newer version may read it");
    assertThatThrownBy(() -> patch(RECORDS).u16(sb(84), 0x18).open())
        .isInstanceOf(UnsupportedFeatureException.class)
        .hasMessage(
            "image: superblock at byte 1024: unknown compression algorithms 0x10: a newer version may read it");
  }

  @Test
  void algorithmThatTheSuperblockDoesNotName() throws IOException {
    breaks(
        FULL,
        patch(FULL).u8(header(FULL) + 6, 3),
        "byte 0 of its data: is compressed with zstd, which the superblock does not name");
  }

  @Test
  void bigClustersInAnImageWithout() throws IOException {
    breaks(
        COMPACT,
        patch(COMPACT).u16(header(COMPACT) + 4, 7),
        "map header at byte 0x%x: advise 0x7: big clusters, in an image without BIG_PCLUSTER"
            .formatted(header(COMPACT)));
  }

  @Test
  void bigClustersOfOneKind() throws IOException {
    breaks(
        BIG,
        patch(BIG).u16(header(BIG) + 4, 3),
        "map header at byte 0x%x: advise 0x3: a compact index has big clusters of all kinds or of none"
            .formatted(header(BIG)));
  }

  @Test
  void tailInTwoPlaces() throws IOException {
    breaks(
        BIG,
        patch(BIG).u16(header(BIG) + 4, 0x28),
        "map header at byte 0x%x: advise 0x28: its tail is inline and a fragment"
            .formatted(header(BIG)));
  }

  @Test
  void fragmentWithoutAPackedInode() throws IOException {
    breaks(
        COMPACT,
        patch(COMPACT).u64(header(COMPACT), Long.MIN_VALUE),
        "some of its data is said to be in the packed inode: the image has none");
  }

  @Test
  void fragmentOutsideThePackedInode() throws IOException {
    String id = "55-all-fragments";
    Image whole = PatchedImage.open(golden.bytes(id));
    long size = whole.inode(whole.superblock().packedNid()).sizeBytes();
    breaks(
        id,
        patch(id).u64(header(id), Long.MIN_VALUE | size - 70_000),
        "70001 bytes of its data are at byte %d of the packed inode, which has %d"
            .formatted(size - 70_000, size));
    breaks(
        id,
        patch(id).u64(header(id), -1),
        "70001 bytes of its data are at byte %d of the packed inode, which has %d"
            .formatted(Long.MAX_VALUE, size));
  }

  @Test
  void fragmentBeyondAllBytes() throws IOException {
    Image whole = PatchedImage.open(golden.bytes(FRAGMENTS));
    Inode inode = whole.lookup("dir/dupC");
    DataLayout.Compressed layout = (DataLayout.Compressed) inode.layout();
    assertThat(layout.isCompact()).isFalse();
    Extent last = whole.map(inode, 55_615);
    assertThat(last).isInstanceOf(Extent.Fragment.class);
    long offset = ((Extent.Fragment) last).packedOffsetBytes();
    // The address of the entry that the fragment begins in is the high half of where it is.
    long address = layout.headerPositionBytes() + 16 + 8 * (55_615 >> 12) + 4;
    Image image = patch(FRAGMENTS).u32(address, 0x8000_0000L).open();
    corrupt(
        () -> image.map(inode, 55_615),
        place(inode)
            + "4389 bytes of its data are at byte %s of the packed inode, which has %d"
                .formatted(
                    Long.toUnsignedString(Long.MIN_VALUE | offset),
                    whole.inode(whole.superblock().packedNid()).sizeBytes()));
  }

  @Test
  void packedInodeInItself() throws IOException {
    String id = "55-all-fragments";
    Image image = patch(id).u64(sb(96), file(id).nid()).open();
    corrupt(
        () -> image.open(file(id)),
        place(file(id)) + "the packed inode has a fragment, which is in itself");
  }

  @Test
  void packedInodeIsADirectoryOrInTheMetabox() {
    corrupt(
        () -> patch("55-all-fragments").u64(sb(96), Long.MIN_VALUE | 40).open(),
        "image: superblock at byte 1024: the packed inode 0x8000000000000028 is inside the metabox");
  }

  /** A file with records that say where in the file they begin. */
  private static Inode withOffsets(String id) throws IOException {
    Image image = PatchedImage.open(golden.bytes(id));
    List<Inode> found = new ArrayList<>();
    image
        .directory(image.root())
        .forEach(
            entry -> {
              Inode inode = image.inode(entry);
              if (inode.layout() instanceof DataLayout.Compressed compressed) {
                long header = compressed.headerPositionBytes();
                if ((patch(id).u16(header + 4) & 7) == 5 && patch(id).u16(header) > 2) {
                  found.add(inode);
                }
              }
            });
    return found.getFirst();
  }

  @Test
  void recordsOutside() throws IOException {
    Inode inode = withOffsets(OFFSETS);
    long header = ((DataLayout.Compressed) inode.layout()).headerPositionBytes();
    Image image = patch(OFFSETS).u32(header, 0xffffffffL).open();
    corrupt(
        () -> image.open(image.inode(inode.nid())),
        place(inode)
            + "4294967295 extent records of 16 bytes at byte 0x%x: the image ends before"
                .formatted(header + 8 + 15 & -16));
  }

  @Test
  void recordBeyondTheFile() throws IOException {
    Inode inode = withOffsets(OFFSETS);
    long header = ((DataLayout.Compressed) inode.layout()).headerPositionBytes();
    long records = header + 8 + 15 & -16;
    Image image = patch(OFFSETS).u32(records + 16 + 12, 0xfffffff0L).open();
    assertThatThrownBy(() -> readAll(image, inode))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageStartingWith(place(inode) + "byte 0 of its data: is in extent record 0, from 0");
  }

  @Test
  void recordOfTooManyStoredBytes() throws IOException {
    int size = 4 << (patch(RECORDS).u16(header(RECORDS) + 4) >>> 1 & 3);
    long records = header(RECORDS) + 8 + size - 1 & -size;
    breaks(
        RECORDS,
        patch(RECORDS).u32(size == 4 ? records + 8 : records, 0x40100001L),
        "byte 0 of its data: a cluster of 1048577 stored bytes: expected at most 1048576");
  }

  @Test
  void streamOfZeros() throws IOException {
    Extent.Encoded first =
        (Extent.Encoded) PatchedImage.open(golden.bytes(COMPACT)).map(file(COMPACT), 0);
    PatchedImage patched = patch(COMPACT);
    for (int i = 0; i < 4096; i++) {
      patched.u8(first.addressBytes() + i, 0);
    }
    breaks(
        COMPACT,
        patched,
        "bytes 0 to %d of its data, compressed at byte 0x%x of device 0: 4096 zeros and no stream"
            .formatted(first.decodedBytes(), first.addressBytes()));
  }

  @Test
  void damageLeavesOtherClustersWhole() throws IOException {
    byte[] whole = readAll(PatchedImage.open(golden.bytes(COMPACT)), file(COMPACT));
    Extent.Encoded first =
        (Extent.Encoded) PatchedImage.open(golden.bytes(COMPACT)).map(file(COMPACT), 0);
    Image image =
        patch(COMPACT)
            .u64(first.addressBytes() + 4000, -1)
            .u64(first.addressBytes() + 4088, -1)
            .open();
    ByteSource data = image.open(file(COMPACT));
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(() -> data.readBytes(5, 10)).isInstanceOf(CorruptDataException.class);
    }
    int after = first.decodedBytes();
    assertThat(data.readBytes(after, whole.length - after))
        .isEqualTo(Arrays.copyOfRange(whole, after, whole.length));
  }
}
