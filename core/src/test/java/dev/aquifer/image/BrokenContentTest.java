package dev.aquifer.image;

import static dev.aquifer.image.PatchedImage.sb;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NotDirectoryException;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** As {@link BrokenImageTest}, for directories, links, attributes and data. */
class BrokenContentTest {
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

  private static String place(Inode inode) {
    return "image: inode nid %d at byte 0x%x: ".formatted(inode.nid(), inode.positionBytes());
  }

  private static long tail(Inode inode) {
    return ((DataLayout.FlatInline) inode.layout()).tailPositionBytes();
  }

  /** Damage to directories; the root of this image is one inline block. */
  @Nested
  class OfDirectories {
    private static final String ID = "12-idtime";

    private final Inode root;
    private final long block;
    private final int names;

    OfDirectories() throws IOException {
      root = whole(ID).root();
      block = tail(root);
      names = patch(ID).u16(block + 8);
    }

    private void breaks(PatchedImage patched, String message) throws IOException {
      Image image = patched.open();
      Directory directory = image.directory(image.root());
      corrupt(() -> directory.forEach(entry -> {}), place(root) + "directory block 0: " + message);
    }

    private long entry(int index) {
      return block + 12L * index;
    }

    @Test
    void firstNameOffset() throws IOException {
      long size = root.sizeBytes();
      for (int offset : new int[] {0, 11, 13, 0xfffc}) {
        breaks(
            patch(ID).u16(block + 8, offset),
            "entry 0: name offset %d: expected a multiple of 12 inside the block of %d bytes"
                .formatted(offset, size));
      }
    }

    @Test
    void nameOffsetGoesBack() throws IOException {
      breaks(
          patch(ID).u16(entry(3) + 8, 5),
          "entry 2: name at bytes %d to 5 of the block: expected %d to %d, and at least one byte"
              .formatted(patch(ID).u16(entry(2) + 8), names, root.sizeBytes()));
    }

    @Test
    void emptyName() throws IOException {
      int offset = patch(ID).u16(entry(3) + 8);
      breaks(
          patch(ID).u16(entry(2) + 8, offset),
          "entry 2: name at bytes %d to %d of the block: expected %d to %d, and at least one byte"
              .formatted(offset, offset, names, root.sizeBytes()));
    }

    @Test
    void emptyLastName() throws IOException {
      int last = names / 12 - 1;
      breaks(
          patch(ID).u8(block + patch(ID).u16(entry(last) + 8), 0),
          "entry %d: a name of 0 bytes: expected 1 to 255".formatted(last));
    }

    @Test
    void slashInName() throws IOException {
      int offset = patch(ID).u16(entry(2) + 8);
      breaks(
          patch(ID).u8(block + offset + 1, '/'),
          "entry 2: name 'm/000' has a byte that no name has");
    }

    @Test
    void zeroInName() throws IOException {
      int offset = patch(ID).u16(entry(2) + 8);
      breaks(
          patch(ID).u8(block + offset + 1, 0),
          "entry 2: name 'm\\x00000' has a byte that no name has");
    }

    @Test
    void fileType() throws IOException {
      breaks(patch(ID).u8(entry(2) + 10, 8), "entry 2: file type 8: expected 1 to 7");
      breaks(patch(ID).u8(entry(2) + 10, 0), "entry 2: file type 0: expected 1 to 7");
    }

    @Test
    void order() throws IOException {
      int offset = patch(ID).u16(entry(3) + 8);
      breaks(
          patch(ID).u8(block + offset, 'a'), "entry 3: name 'a1777' does not come after 'm0000'");
      breaks(
          patch(ID)
              .u8(block + offset + 1, '0')
              .u8(block + offset + 2, '0')
              .u8(block + offset + 3, '0')
              .u8(block + offset + 4, '0'),
          "entry 3: name 'm0000' does not come after 'm0000'");
    }

    @Test
    void dotIsAnother() throws IOException {
      long other = whole(ID).lookup("t_ns").nid();
      breaks(
          patch(ID).u64(entry(0), other),
          "'.' says directory, nid %d: expected directory, nid %d".formatted(other, root.nid()));
    }

    @Test
    void dotDotIsAFile() throws IOException {
      breaks(
          patch(ID).u8(entry(1) + 10, 1),
          "'..' says regular file, nid %d: expected directory".formatted(root.nid()));
    }

    @Test
    void typesDisagree() throws IOException {
      Image image = patch(ID).u8(entry(2) + 10, 5).open();
      Inode inode = whole(ID).lookup("m0000");
      corrupt(
          () -> image.lookup("m0000"),
          place(inode) + "is a regular file: its directory entry 'm0000' says fifo");
    }

    @Test
    void searchMeetsDamageToo() throws IOException {
      Image image = patch(ID).u16(block + 8, 0).open();
      assertThatThrownBy(() -> image.lookup("m0000")).isInstanceOf(CorruptDataException.class);
    }

    @Test
    void endlessWithoutData() throws IOException {
      // Plain, of almost 2^63 bytes, nowhere: zeros are no directory.
      PatchedImage patched = patch("02-extended-inode");
      Inode directory = whole("02-extended-inode").root();
      long at = directory.positionBytes();
      Image image =
          patched
              .u16(at, 1)
              .u16(at + 6, 0xffff)
              .u32(at + 16, 0xffffffffL)
              .u64(at + 8, Long.MAX_VALUE)
              .open();
      String message =
          place(directory)
              + "directory block %d: entry 0: name offset 0: expected a multiple of 12 inside the block of 4096 bytes";
      corrupt(() -> image.directory(image.root()).forEach(entry -> {}), message.formatted(0));
      assertThatThrownBy(() -> image.lookup("x")).isInstanceOf(CorruptDataException.class);
    }

    @Test
    void noDirectory() throws IOException {
      Image image = whole(ID);
      assertThatThrownBy(() -> image.directory(image.lookup("t_ns")))
          .isInstanceOf(NotDirectoryException.class)
          .hasMessage(place(image.lookup("t_ns")) + "is a regular file, no directory");
    }
  }

  /** Damage to symbolic links. */
  @Nested
  class OfLinks {
    private static final String ID = "02-extended-inode";
    private final Inode link;

    OfLinks() throws IOException {
      link = whole(ID).lookup("link");
    }

    private void breaks(PatchedImage patched, String message) throws IOException {
      Image image = patched.open();
      corrupt(() -> image.readLink(image.lookup("link")), place(link) + message);
    }

    @Test
    void empty() throws IOException {
      breaks(
          patch(ID).u64(link.positionBytes() + 8, 0),
          "a symbolic link of 0 bytes: expected 1 to 4095");
    }

    @Test
    void tooLong() throws IOException {
      breaks(
          patch(ID).u16(link.positionBytes(), 1).u64(link.positionBytes() + 8, 4096),
          "a symbolic link of 4096 bytes: expected 1 to 4095");
    }

    @Test
    void zero() throws IOException {
      breaks(patch(ID).u8(tail(link) + 2, 0), "its target 'sm\\x00ll' has a zero byte");
    }

    @Test
    void toItself() throws IOException {
      // 'small' becomes './../link'-like: the five letters that name the link itself.
      PatchedImage patched = patch(ID);
      String target = "/link";
      for (int i = 0; i < 5; i++) {
        patched.u8(tail(link) + i, target.charAt(i));
      }
      Image image = patched.open();
      assertThat(new String(image.readLink(image.lookup("/link")))).isEqualTo("/link");
      assertThatThrownBy(() -> image.lookup("link/x"))
          .isInstanceOf(FileSystemLoopException.class)
          .hasMessage("image: 'link/x': more than 40 symbolic links on the way");
    }

    @Test
    void noLink() throws IOException {
      Image image = whole(ID);
      assertThatThrownBy(() -> image.readLink(image.root()))
          .isInstanceOf(RefusedException.class)
          .hasMessage(place(image.root()) + "is a directory, no symbolic link");
    }
  }

  /** Damage to extended attributes. */
  @Nested
  class OfAttributes {
    private static final String ID = "20-xattr";

    private void breaks(PatchedImage patched, Inode inode, String message) throws IOException {
      Image image = patched.open();
      Inode again = image.inode(inode.nid());
      corrupt(() -> image.xattrs(again), attributes(inode) + message);
    }

    private String attributes(Inode inode) {
      return place(inode)
          + "extended attributes at byte 0x%x: ".formatted(inode.xattrPositionBytes());
    }

    /** Where the first of the inode's own attributes is. */
    private long own(Inode inode) {
      return inode.xattrPositionBytes() + 12;
    }

    @Test
    void tooManyShared() throws IOException {
      Inode inode = whole(ID).lookup("cap");
      breaks(
          patch(ID).u8(inode.xattrPositionBytes() + 4, 255),
          inode,
          "255 shared ids in %d bytes".formatted(inode.xattrSizeBytes()));
    }

    @Test
    void sharedOutside() throws IOException {
      Inode inode = whole(ID).lookup("sh00");
      assertThat(patch(ID).u16(inode.xattrPositionBytes() + 4) & 0xff).isPositive();
      Image image = patch(ID).u32(own(inode), 0xffffffffL).open();
      long position = (image.superblock().xattrBlock() << 12) + 4 * 0xffffffffL;
      corrupt(
          () -> image.xattrs(image.inode(inode.nid())),
          attributes(inode)
              + "shared attribute 4294967295: needs 4 bytes at byte 0x%x, but image ends at byte 0x3000"
                  .formatted(position));
    }

    @Test
    void noneSharedInAMetaboxThatIsNotThere() throws IOException {
      Inode inode = whole(ID).lookup("cap");
      PatchedImage patched = patch(ID);
      Image image = patched.u8(sb(8), patched.u16(sb(8)) & 0xff | 0x8).open();
      assertThat(image.superblock().has(Feature.SHARED_EA_IN_METABOX)).isTrue();
      assertThat(image.xattrs(inode)).containsKey("security.capability");
    }

    @Test
    void endsOutside() throws IOException {
      Inode inode = whole(ID).lookup("cap");
      breaks(
          patch(ID).u16(own(inode) + 2, 0xffff),
          inode,
          "an attribute ends at byte %d of %d of the inode's attributes"
              .formatted(12 + 4 + 10 + 0xffff, inode.xattrSizeBytes()));
    }

    @Test
    void unknownBeginning() throws IOException {
      Inode inode = whole(ID).lookup("cap");
      Image image = patch(ID).u8(own(inode) + 1, 9).open();
      assertThatThrownBy(() -> image.xattrs(image.inode(inode.nid())))
          .isInstanceOf(UnsupportedFeatureException.class)
          .hasMessage(attributes(inode) + "name index 9 is unknown: a newer version may read it");
    }

    @Test
    void longPrefixThatIsNotThere() throws IOException {
      Inode inode = whole(ID).lookup("cap");
      breaks(patch(ID).u8(own(inode) + 1, 0x83), inode, "long prefix 3: image has 0");
    }

    @Test
    void moreThanTheWholeName() throws IOException {
      Inode inode = whole(ID).lookup("cap");
      breaks(
          patch(ID).u8(own(inode) + 1, 2),
          inode,
          "an attribute named 'capability' after 'system.posix_acl_access'");
    }

    @Test
    void zeroInName() throws IOException {
      Inode inode = whole(ID).lookup("cap");
      breaks(
          patch(ID).u8(own(inode) + 4 + 3, 0),
          inode,
          "attribute 'security.cap\\x00bility' has a zero byte in its name");
    }

    @Test
    void areaOutside() throws IOException {
      Image image =
          patch("12-idtime")
              .u16(whole("12-idtime").lookup("t_ns").positionBytes() + 2, 0xffff)
              .open();
      Inode inode = image.lookup("t_ns");
      corrupt(
          () -> image.xattrs(inode),
          attributes(inode)
              + "needs 262148 bytes at byte 0x%x, but image ends at byte 0x1000"
                  .formatted(inode.xattrPositionBytes()));
    }

    @Test
    void paddingIsIgnored() throws IOException {
      Inode inode = whole(ID).lookup("cap");
      Image image = patch(ID).u8(own(inode) + 1, 0).open();
      assertThat(image.xattrs(image.inode(inode.nid()))).isEmpty();
    }

    @Test
    void longPrefixRecords() {
      long start = 4L * patch("24-xattr-pfx-plain").u16(sb(92));
      corrupt(
          () -> patch("24-xattr-pfx-plain").u16(start, 0).open(),
          "image: long prefix 0 of extended attribute names at byte 0x%x: length 0: expected 1 to 256"
              .formatted(start));
      corrupt(
          () -> patch("24-xattr-pfx-plain").u32(sb(92), 0x3fffffff).open(),
          "image: long prefix 0 of extended attribute names at byte 0xfffffffc: needs 3 bytes at byte 0xfffffffc, but image ends at byte 0x3000");
    }
  }

  /** Damage to where data is. */
  @Nested
  class OfData {
    private void breaks(Image image, Inode inode, String message) {
      corrupt(() -> image.open(image.inode(inode.nid())), place(inode) + message);
    }

    @Test
    void plainOutside() throws IOException {
      String id = "03-noinline";
      Inode inode = whole(id).lookup("t070001");
      breaks(
          patch(id).u32(inode.positionBytes() + 16, 165).open(),
          inode,
          "70001 bytes of its data are at byte 0xa5000 of device 0, which ends at byte 0xa6000");
    }

    @Test
    void plainBeyondAllAddresses() throws IOException {
      String id = "10-b65536";
      Inode inode = whole(id).lookup("t070001");
      long at = inode.positionBytes();
      Image image =
          patch(id)
              .u16(at, 1)
              .u64(at + 8, Long.MAX_VALUE)
              .u16(at + 6, 0xffff)
              .u32(at + 16, 0xfffffffeL)
              .u32(at + 40, 0)
              .open();
      corrupt(
          () -> image.open(image.inode(inode.nid())),
          place(inode)
              + "byte 0 of its data is 0 bytes after block 281474976710654, where no device reaches");
    }

    @Test
    void tailOutside() throws IOException {
      // A compact inode in the last slot of the image has no room for a tail.
      Image image = patch("12-idtime").u16(4064, 4).u16(4068, 0100644).u32(4072, 5).open();
      corrupt(
          () -> image.open(image.inode(127)),
          "image: inode nid 127 at byte 0xfe0: inline tail: needs 5 bytes at byte 0x1000, but image ends at byte 0x1000");
    }

    @Test
    void chunkTableOutside() throws IOException {
      String id = "71-chunk-indexes";
      Inode inode = whole(id).lookup("middle");
      long at = inode.positionBytes();
      long table = ((DataLayout.ChunkBased) inode.layout()).tablePositionBytes();
      breaks(
          patch(id).u32(at + 8, 0xffffffffL).open(),
          inode,
          "table of 1048576 chunks: needs 8388608 bytes at byte 0x%x, but image ends at byte 0x41000"
              .formatted(table));
    }

    @Test
    void chunkOutside() throws IOException {
      String id = "71-chunk-indexes";
      Inode inode = whole(id).lookup("middle");
      DataLayout.ChunkBased chunks = (DataLayout.ChunkBased) inode.layout();
      int size = 1 << chunks.chunkBits();
      assertThat(inode.sizeBytes()).isGreaterThan(3L * size);
      Image image = patch(id).u32(chunks.tablePositionBytes() + 8 + 4, 0x41).open();
      corrupt(
          () -> image.open(inode).readBytes(0, 2 * size),
          place(inode)
              + "%d bytes of its data are at byte 0x41000 of device 0, which ends at byte 0x41000"
                  .formatted(size));
      // Its neighbours are whole.
      assertThat(image.open(inode).readBytes(0, size)).hasSize(size);
      assertThat(image.open(inode).readBytes(2 * size, size)).hasSize(size);
    }

    @Test
    void mapLooksNoFurtherThanItsExtent() throws IOException {
      String id = "71-chunk-indexes";
      Inode inode = whole(id).lookup("middle");
      DataLayout.ChunkBased chunks = (DataLayout.ChunkBased) inode.layout();
      Extent first = whole(id).map(inode, 0);
      long next = chunks.tablePositionBytes() + 8 * (first.lengthBytes() >>> chunks.chunkBits());
      // The next chunk begins another extent, the one after it lies nowhere.
      Image image =
          patch(id)
              .u32(next + 4, first instanceof Extent.Hole ? 1 : 0xffffffffL)
              .u32(next + 12, 0x41)
              .open();
      assertThat(image.map(inode, 0)).isEqualTo(first);
      assertThatThrownBy(() -> image.map(inode, first.lengthBytes() + (1L << chunks.chunkBits())))
          .isInstanceOf(CorruptDataException.class);
    }

    @Test
    void chunkOnDeviceThatIsNotThere() throws IOException {
      String id = "A0-merge-multidev";
      Inode inode = whole(id).lookup("mixed");
      long table = ((DataLayout.ChunkBased) inode.layout()).tablePositionBytes();
      // With two devices a device number has two bits, and 3 is one too many.
      Image image = patch(id).u16(table + 2, 0xffff).open();
      corrupt(
          () -> image.open(inode),
          place(inode) + "byte 0 of its data is on device 3: the device table has 2");
    }

    @Test
    void beyondTheDevice() throws IOException {
      String id = "73-chunk-blobdev";
      Inode inode = whole(id).lookup("dense");
      long table = ((DataLayout.ChunkBased) inode.layout()).tablePositionBytes();
      corrupt(
          () -> patch(id).u32(table + 4, 150).open().open(inode),
          place(inode)
              + "65536 bytes of its data are at byte 0x96000 of device 1, which ends at byte 0x96000");
    }

    @Test
    void none() throws IOException {
      Image image = whole("02-extended-inode");
      for (String name : List.of("fifo", "sock", "chr", "blk")) {
        Inode inode = image.lookup(name);
        assertThatThrownBy(() -> image.open(inode))
            .isInstanceOfSatisfying(
                RefusedException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
            .hasMessage(place(inode) + "is a " + inode.type() + ", which has no data");
      }
    }
  }
}
