package dev.aquifer.image;

import static dev.aquifer.image.PatchedImage.sb;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.LittleEndian;
import dev.aquifer.io.RefusedException;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Each check of the reader, with an image that fails it alone, and what a user is told then. */
class BrokenImageTest {
  private static GoldenImages golden;

  @BeforeAll
  static void readGoldenImages() throws IOException {
    golden = GoldenImages.ofResources();
  }

  private static PatchedImage patch(String id) {
    return new PatchedImage(golden.bytes(id));
  }

  private static Image whole(String id) throws IOException {
    return PatchedImage.open(golden.bytes(id));
  }

  private static void corrupt(ThrowingCallable call, String message) {
    assertThatThrownBy(call).isInstanceOf(CorruptDataException.class).hasMessage(message);
  }

  private static void unsupported(ThrowingCallable call, String message) {
    assertThatThrownBy(call).isInstanceOf(UnsupportedFeatureException.class).hasMessage(message);
  }

  private static void refused(ThrowingCallable call, Errno errno, String message) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(RefusedException.class, e -> assertThat(e.errno()).isEqualTo(errno))
        .hasMessage(message);
  }

  /** Damage to the superblock. */
  @Nested
  class OfSuperblock {
    private static final String PLACE = "image: superblock at byte 1024: ";

    @Test
    void tooShort() {
      byte[] bytes = golden.bytes("12-idtime");
      corrupt(
          () -> PatchedImage.open(new byte[0]),
          "image: has 0 bytes: an EROFS image has at least 1152");
      corrupt(
          () -> PatchedImage.open(PatchedImage.cut(bytes, 1151)),
          "image: has 1151 bytes: an EROFS image has at least 1152");
    }

    @Test
    void magic() {
      corrupt(
          () -> patch("12-idtime").u32(sb(0), 0x1234).open(),
          PLACE + "magic 0x00001234: expected 0xe0f5e1e2 of an EROFS image");
    }

    @Test
    void blockSize() {
      corrupt(
          () -> patch("12-idtime").u8(sb(12), 8).open(),
          PLACE + "blocks of 2^8 bytes: expected 2^9 to 2^16");
      corrupt(
          () -> patch("12-idtime").u8(sb(12), 255).open(),
          PLACE + "blocks of 2^255 bytes: expected 2^9 to 2^16");
    }

    @Test
    void unknownIncompatibleFeatures() {
      unsupported(
          () -> patch("12-idtime").u32(sb(80), 0x80000200L).open(),
          PLACE + "unknown incompatible feature bits 0x80000200: a newer version may read it");
    }

    @Test
    void unknownCompatibleFeaturesDoNoHarm() throws IOException {
      Image image = patch("12-idtime").u32(sb(8), 0x80000003L).open();
      assertThat(image.superblock().features()).containsExactly(Feature.SB_CHKSUM, Feature.MTIME);
    }

    @Test
    void featuresAreLookedAtBeforeTheChecksum() {
      byte[] bytes = golden.bytes("12-idtime").clone();
      LittleEndian.put32(MemorySegment.ofArray(bytes), sb(80), 0x200);
      assertThatThrownBy(() -> PatchedImage.open(bytes))
          .isInstanceOf(UnsupportedFeatureException.class);
    }

    @Test
    void checksum() {
      byte[] bytes = golden.bytes("12-idtime").clone();
      bytes[4000] ^= 1;
      assertThatThrownBy(() -> PatchedImage.open(bytes))
          .isInstanceOf(CorruptDataException.class)
          .hasMessageMatching(PLACE + "checksum 0x[0-9a-f]{8}: its bytes give 0x[0-9a-f]{8}");
    }

    @Test
    void checksumCutOff() {
      corrupt(
          () -> PatchedImage.open(PatchedImage.cut(golden.bytes("12-idtime"), 4095)),
          PLACE + "the image ends at byte 4095: its checksum covers 3072 bytes from here");
    }

    @Test
    void directoryBlocks() {
      corrupt(() -> patch("12-idtime").u8(sb(90), 1).open(), PLACE + "dirblkbits 1: expected 0");
    }

    @Test
    void nanoseconds() {
      corrupt(
          () -> patch("12-idtime").u32(sb(32), 1_000_000_000).open(),
          PLACE + "fixed_nsec 1000000000: expected less than 1000000000");
    }

    @Test
    void extensionSlots() {
      corrupt(
          () -> patch("12-idtime").u8(sb(13), 255).open(),
          PLACE + "it has 4208 bytes, but the image ends at byte 4096");
    }

    @Test
    void metaboxWithoutRoomForIt() {
      corrupt(
          () -> patch("97-metabox").u8(sb(13), 0).open(),
          PLACE + "it has 128 bytes: METABOX needs 144");
    }

    @Test
    void metaboxInItself() {
      corrupt(
          () -> patch("97-metabox").u64(sb(128), Long.MIN_VALUE | 5).open(),
          PLACE + "the metabox inode 0x8000000000000005 is inside the metabox");
    }

    @Test
    void packedInodeInMetabox() {
      corrupt(
          () -> patch("12-idtime").u64(sb(96), Long.MIN_VALUE | 5).open(),
          PLACE + "the packed inode 0x8000000000000005 is inside the metabox");
    }

    @Test
    void cutOff() {
      corrupt(
          () -> PatchedImage.open(PatchedImage.cut(golden.bytes("20-xattr"), 12287)),
          PLACE + "the image has 3 blocks of 4096 bytes, but ends at byte 12287");
    }

    @Test
    void cutOffAnywhere() {
      byte[] bytes = golden.bytes("12-idtime");
      for (int length = 0; length < bytes.length; length++) {
        byte[] cut = PatchedImage.cut(bytes, length);
        assertThatThrownBy(() -> PatchedImage.open(cut))
            .as("%d bytes", length)
            .isInstanceOf(CorruptDataException.class);
      }
    }

    @Test
    void rootIsNoDirectory() throws IOException {
      long nid = whole("12-idtime").lookup("/t_ns").nid();
      corrupt(
          () -> patch("12-idtime").u16(sb(14), (int) nid).open(),
          "image: inode nid %d at byte 0x%x: the root is a regular file: expected a directory"
              .formatted(nid, nid * 32));
    }

    @Test
    void rootIsOutside() {
      corrupt(
          () -> patch("12-idtime").u16(sb(14), 128).open(),
          "image: inode nid 128 at byte 0x1000: needs 32 bytes at byte 0x1000, but image ends at byte 0x1000");
    }
  }

  /** Damage to the device table, and devices that do not fit it. */
  @Nested
  class OfDevices {
    @Test
    void tableIsOutside() {
      corrupt(
          () -> patch("73-chunk-blobdev").u16(sb(88), 32).open(),
          "image: device table at byte 0x1000: 1 slots end at byte 0x1080, but the image ends at byte 0x1000");
      corrupt(
          () -> patch("73-chunk-blobdev").u16(sb(86), 0xffff).open(),
          "image: device table at byte 0x480: 65535 slots end at byte 0x800400, but the image ends at byte 0x1000");
    }

    @Test
    void flatRangesOverlap() throws IOException {
      List<DeviceSlot> slots = whole("A0-merge-multidev").deviceSlots();
      long secondSlot = 10 * 128;
      for (int distance : new int[] {0, 1}) {
        corrupt(
            () ->
                patch("A0-merge-multidev")
                    .u32(secondSlot + 68, slots.get(0).uniaddrBlocks() + distance)
                    .open(),
            "image: device slot 2: its flat range overlaps that of another slot");
      }
    }

    @Test
    void absurdlyLarge() {
      long slot = 9 * 128;
      corrupt(
          () ->
              patch("81-tar-index")
                  .u32(sb(80), 0x88)
                  .u8(sb(12), 16)
                  .u8(sb(8), 0)
                  .u32(sb(36), 0)
                  .u32(slot + 64, 0xffffffffL)
                  .u16(slot + 72, 0xffff)
                  .open(),
          "image: device slot 1: 281474976710655 blocks at flat block 9: expected at most 70368744177663");
    }

    @Test
    void noneAttached() throws IOException {
      Image image = whole("73-chunk-blobdev");
      ByteSource dense = image.open(image.lookup("dense"));
      String place = "image: inode nid %d at byte 0x%x: ";
      Inode inode = image.lookup("dense");
      refused(
          () -> dense.readBytes(0, 1),
          Errno.ENODEV,
          place.formatted(inode.nid(), inode.positionBytes())
              + "its data is on device 1 of 1 (without a tag), and no devices are attached; give them all, in the table's order");
      // What is nowhere can be read without.
      assertThat(image.open(image.lookup("allhole")).readBytes(0, 9)).containsOnly(0);
    }

    @Test
    void noneAttachedForFlatAddresses() throws IOException {
      Image image = whole("A0-merge-multidev");
      Inode inode = image.lookup("mixed");
      assertThatThrownBy(() -> image.open(inode).readBytes(0, 1))
          .isInstanceOf(RefusedException.class)
          .hasMessageContaining("its data is on device 1 of 2");
    }

    @Test
    void wrongCount() throws IOException {
      Image image = whole("A0-merge-multidev");
      List<ByteSource> devices = golden.devices("A0-merge-multidev");
      refused(
          () -> image.withDevices(devices.subList(0, 1)),
          Errno.EINVAL,
          "image: 1 devices are given: its device table has 2; give them all, in the table's order");
      refused(
          () -> image.withDevices(List.of()),
          Errno.EINVAL,
          "image: 0 devices are given: its device table has 2; give them all, in the table's order");
      refused(
          () -> whole("12-idtime").withDevices(devices),
          Errno.EINVAL,
          "image: 2 devices are given: its device table has 0; give them all, in the table's order");
    }

    @Test
    void swapped() throws IOException {
      Image image = whole("A0-merge-multidev");
      List<ByteSource> devices = golden.devices("A0-merge-multidev").reversed();
      assertThatThrownBy(() -> image.withDevices(devices))
          .isInstanceOf(RefusedException.class)
          .hasMessageMatching(
              "A0-merge-multidev.erofs.b.erofs: has 94208 bytes: device slot 1 \\(.*\\) of image needs 679936; is it another slot's device\\?");
    }

    @Test
    void tooShort() throws IOException {
      Image image = whole("73-chunk-blobdev");
      ByteSource device = golden.devices("73-chunk-blobdev").getFirst().slice(0, 614399);
      refused(
          () -> image.withDevices(List.of(device)),
          Errno.EINVAL,
          "73-chunk-blobdev.erofs.dev1: has 614399 bytes: device slot 1 (without a tag) of image needs 614400; is it another slot's device?");
    }
  }

  /** Damage to inodes. */
  @Nested
  class OfInodes {
    private final long position;
    private final long nid;

    OfInodes() throws IOException {
      Inode inode = whole("12-idtime").lookup("t_ns");
      position = inode.positionBytes();
      nid = inode.nid();
    }

    private String place() {
      return "image: inode nid %d at byte 0x%x: ".formatted(nid, position);
    }

    private Inode inode(PatchedImage image) throws IOException {
      return image.open().inode(nid);
    }

    @Test
    void format() {
      unsupported(
          () -> inode(patch("12-idtime").u16(position, 0x8025)),
          place() + "format 0x8025 has unknown bits 0x8020: a newer version may read it");
    }

    @Test
    void layout() {
      unsupported(
          () -> inode(patch("12-idtime").u16(position, 1 | 5 << 1)),
          place() + "data layout 5 is unknown: a newer version may read it");
    }

    @Test
    void mode() {
      corrupt(
          () -> inode(patch("12-idtime").u16(position + 4, 0644)),
          place() + "mode 0644 is of no type of file");
    }

    /** Linux shows the file, and mkfs.erofs makes such a root: --root-xattr-isize=12 -x-1. */
    @Test
    void attributesWithoutAny() throws IOException {
      PatchedImage patched = patch("12-idtime").u16(position + 2, 1).u8(position + 68, 0);
      Image image = patched.open();
      assertThat(image.xattrs(inode(patched))).isEmpty();

      patched.u8(position + 68, 1);
      corrupt(
          () -> patched.open().xattrs(inode(patched)),
          place()
              + "extended attributes at byte 0x%x: 1 shared ids in 12 bytes"
                  .formatted(position + 64));
    }

    @Test
    void nanoseconds() {
      corrupt(
          () -> inode(patch("12-idtime").u32(position + 40, 1_000_000_000)),
          place() + "1000000000 nanoseconds: expected less than 1000000000");
    }

    @Test
    void size() {
      corrupt(
          () -> inode(patch("12-idtime").u64(position + 8, -2)),
          place() + "size 18446744073709551614: expected less than 2^63");
    }

    @Test
    void tailCrossesBlock() {
      long tail = position + 64;
      corrupt(
          () -> inode(patch("12-idtime").u64(position + 8, 4096)),
          place()
              + "its inline tail of 4096 bytes at byte 0x%x crosses a block of 4096 bytes"
                  .formatted(tail));
    }

    @Test
    void outside() throws IOException {
      Image image = whole("12-idtime");
      corrupt(
          () -> image.inode(1 << 20),
          "image: inode nid 1048576 at byte 0x2000000: needs 32 bytes at byte 0x2000000, but image ends at byte 0x1000");
      assertThatThrownBy(() -> image.inode(Long.MAX_VALUE))
          .isInstanceOf(CorruptDataException.class);
    }

    @Test
    void extendedOneCutOff() {
      PatchedImage image = patch("12-idtime").u16(4064, 1).u16(4064 + 4, 0100644);
      corrupt(
          () -> image.open().inode(127),
          "image: inode nid 127 at byte 0xfe0: needs 64 bytes at byte 0xfe0, but image ends at byte 0x1000");
    }

    @Test
    void inMetaboxThatIsNotThere() throws IOException {
      Image image = whole("12-idtime");
      corrupt(
          () -> image.inode(Long.MIN_VALUE | 36),
          "image: something is said to be in the metabox: the image has none (no METABOX)");
    }

    @Test
    void chunkFormat() throws IOException {
      Inode inode = whole("71-chunk-indexes").lookup("dense");
      unsupported(
          () ->
              patch("71-chunk-indexes")
                  .u16(inode.positionBytes() + 16, 0x141)
                  .open()
                  .inode(inode.nid()),
          "image: inode nid %d at byte 0x%x: chunk format 0x141 has unknown bits 0x100: a newer version may read it"
              .formatted(inode.nid(), inode.positionBytes()));
    }
  }
}
