package dev.aquifer.tool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.aquifer.image.DataLayout;
import dev.aquifer.image.Extent;
import dev.aquifer.image.GoldenImages;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.image.MetadataRange;
import dev.aquifer.image.PatchedImage;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Images of mkfs.erofs are clean; each class of damage is found, and called by its name. */
class CheckerTest {
  private static final Set<String> LARGE = Set.of("A4-ext32-4G", "A5-chunk-4G");
  private static final String PLAIN = "01-compact-inode";
  private static final int SB = 1024;

  private static GoldenImages images;

  @BeforeAll
  static void load() throws IOException {
    images = GoldenImages.ofResources();
  }

  @TestFactory
  Stream<DynamicTest> imagesOfOthersAreClean() {
    return images.ids().stream()
        .map(
            id ->
                DynamicTest.dynamicTest(
                    id, () -> assertThat(check(images.open(id), !LARGE.contains(id))).isEmpty()));
  }

  @Test
  void aHoleOfExabytesIsCheckedAtOnce() throws IOException {
    Inode file = images.open("02-extended-inode").lookup("small");
    Image image =
        new PatchedImage(images.bytes("02-extended-inode"))
            .u16(file.positionBytes(), 1)
            .u16(file.positionBytes() + 6, 0xffff)
            .u64(file.positionBytes() + 8, 1L << 62)
            .u32(file.positionBytes() + 16, 0xffffffffL)
            .open();
    assertThat(image.map(image.lookup("small"), 0)).isEqualTo(new Extent.Hole(0, 1L << 62));

    assertTimeoutPreemptively(
        Duration.ofSeconds(30), () -> assertThat(check(image, true)).isEmpty());
  }

  @Test
  void pathsAreNotLongerThanAnybodyCanUse() throws IOException {
    Image image = DeepImage.of(1000);

    List<Finding> findings = check(image, false);

    assertThat(findings).hasSize(1);
    assertThat(findings.getFirst().kind()).isEqualTo(Finding.Kind.DIRECTORY);
    assertThat(findings.getFirst().path()).isEqualTo(".../" + "d".repeat(255));
    assertThat(findings.getFirst().message())
        .startsWith("image: .../" + "d".repeat(255) + ": directory nid ")
        .endsWith(" has a path of more than 65536 bytes");
  }

  @Test
  void firstNamesDoNotFillTheHeap() throws IOException {
    Image image = images.open("02-extended-inode");
    OutputStream nowhere = OutputStream.nullOutputStream();
    try (TarSink sink = new TarSink(nowhere, bytes -> {})) {
      assertThatThrownBy(() -> Extractor.extract(image, image.root(), sink, 3))
          .isInstanceOf(IOException.class)
          .hasMessageEndingWith(
              "is one of files with several names, whose paths have more than 3 bytes: expected fewer, or a larger heap");
    }
    try (TarSink sink = new TarSink(nowhere, bytes -> {})) {
      assertThat(Extractor.extract(image, image.root(), sink, 1000).hardLinks()).isPositive();
    }
  }

  @Test
  void tooManyRunsForTheHeapAreTold() throws IOException {
    Image image = images.open(PLAIN);
    Overlaps overlaps = new Overlaps(image, 3);
    Inode small = image.lookup("small");
    for (int i = 0; i < 5; i++) {
      overlaps.addInode(new byte[] {'/'}, small);
    }
    List<Finding> findings = new ArrayList<>();

    overlaps.find(10, findings::add);

    assertThat(findings.getLast().kind()).isEqualTo(Finding.Kind.UNSUPPORTED);
    assertThat(findings.getLast().message()).contains(" were not checked for overlaps: ");
  }

  @Test
  void dataBehindTheLargestHole() throws IOException {
    byte[] golden = images.bytes("92-48bit-zstd-ext");
    Inode file = new PatchedImage(golden).open().lookup("t070001");
    int at = golden.length;
    byte[] bytes = Arrays.copyOf(golden, at + 4096);
    System.arraycopy(golden, (int) file.positionBytes(), bytes, at, Inode.EXTENDED_BYTES);
    PatchedImage patched = new PatchedImage(bytes);
    patched.u16(at, 1 | 1 << 1).u16(at + 2, 0).u64(at + 8, Long.MAX_VALUE);
    // A map header and one record of 32 bytes: the last 4095 bytes are in the second block.
    patched.u64(at + 64, 1).u16(at + 68, 1 | 3 << 1).u16(at + 70, 0);
    patched.u32(at + 96, 4096).u32(at + 100, 4096).u32(at + 104, 0);
    patched.u64(at + 108, Long.MAX_VALUE - 4095);

    Image image = patched.open();
    long base = image.superblock().metaBlock() << image.superblock().blockBits();
    Inode inode = image.inode((at - base) / Inode.SLOT_BYTES);
    try (DataReaders readers = new DataReaders(image, count -> {}, (entry, read) -> read.get())) {
      readers.submit(new WalkEntry(new byte[] {'/', 'f'}, new byte[] {'f'}, 1, true, inode));
      readers.finish();
      assertThat(readers.dataBytes()).isEqualTo(4095);
    }
  }

  private static List<Finding> check(Image image, boolean withData) throws IOException {
    List<Finding> findings = new ArrayList<>();
    Checker.Result result = Checker.check(image, withData, findings::add, bytes -> {});
    assertThat(result.damages() + result.unsupported()).isEqualTo(findings.size());
    return findings;
  }

  private static void finds(
      PatchedImage image, Finding.Kind kind, String path, String expectedInMessage)
      throws IOException {
    List<Finding> findings = check(image.open(), true);

    assertThat(findings)
        .anySatisfy(
            finding -> {
              assertThat(finding.kind()).isEqualTo(kind);
              assertThat(finding.path()).isEqualTo(path);
              assertThat(finding.message()).startsWith("image: ").contains(expectedInMessage);
            });
  }

  private static PatchedImage patched() {
    return new PatchedImage(images.bytes(PLAIN));
  }

  private static Inode inode(String path) throws IOException {
    return images.open(PLAIN).lookup(path);
  }

  /** Where the data of a file begins, which is in one run. */
  private static long data(String path) throws IOException {
    Image image = images.open(PLAIN);
    Inode inode = image.lookup(path);
    return ((Extent.Plain) image.map(inode, 0)).addressBytes();
  }

  /** Where {@code text} is in the data of {@code directory}. */
  private static long name(String directory, String text) throws IOException {
    Image image = images.open(PLAIN);
    Inode inode = image.lookup(directory);
    byte[] bytes = image.open(inode).readBytes(0, (int) inode.sizeBytes());
    int at = new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1).lastIndexOf(text);
    return data(directory) + at;
  }

  @Test
  void countsOfLinks() throws IOException {
    long file = inode("small").positionBytes();
    long directory = inode("dir").positionBytes();

    finds(patched().u16(file + 6, 3), Finding.Kind.LINK_COUNT, "/dir/hard", "has 2 names");
    finds(patched().u16(file + 6, 1), Finding.Kind.LINK_COUNT, "/small", "says 1 links");
    finds(patched().u16(directory + 6, 7), Finding.Kind.LINK_COUNT, "/dir", "expected 3");
  }

  @Test
  void digestsOfOtherData() throws IOException {
    byte[] bytes = images.bytes("26-ishare");
    int digest = new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf("sha256:");
    PatchedImage patched = new PatchedImage(bytes);
    List<Finding> findings = check(patched.u8(digest + 7, patched.u8(digest + 7) ^ 1).open(), true);

    assertThat(findings).hasSize(1);
    assertThat(findings.getFirst().kind()).isEqualTo(Finding.Kind.DATA);
    assertThat(findings.getFirst().message()).contains(": its attribute says sha256:");
  }

  @Test
  void parents() throws IOException {
    long dotDot = data("dir") + 12;

    finds(patched().u64(dotDot, 999), Finding.Kind.PARENT, "/dir", "its .. is nid 999");
  }

  @Test
  void orderOfNames() throws IOException {
    long last = name("dir", "dupB") + 3;

    finds(patched().u8(last, 'A'), Finding.Kind.DIRECTORY, "/dir", "does not come after 'dupA'");
    finds(patched().u8(last, '/'), Finding.Kind.DIRECTORY, "/dir", "a byte that no name has");
  }

  @Test
  void directoriesInThemselves() throws IOException {
    Image image = images.open(PLAIN);
    long entry = entry("dir", "sub");

    finds(
        patched().u64(entry, image.lookup("dir").nid()),
        Finding.Kind.DIRECTORY,
        "/dir/sub",
        "second time");
  }

  /** Where the directory entry of {@code name} begins. */
  private static long entry(String directory, String name) throws IOException {
    Image image = images.open(PLAIN);
    long nid = image.lookup(directory + "/" + name).nid();
    byte[] bytes = image.open(image.lookup(directory)).readBytes(0, 12 * 8);
    for (int at = 0; ; at += 12) {
      if (java.nio.ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN).getLong(at)
          == nid) {
        return data(directory) + at;
      }
    }
  }

  @Test
  void inodes() throws IOException {
    long file = inode("small").positionBytes();

    finds(patched().u16(file + 4, 0), Finding.Kind.INODE, "/small", "no type of file");
    finds(patched().u16(file + 2, 1), Finding.Kind.XATTR, "/dir/hard", "i_xattr_icount 1");
    finds(patched().u8(entry("dir", "hard") + 10, 2), Finding.Kind.INODE, "/dir/hard", "says");
  }

  @Test
  void targetsOfLinks() throws IOException {
    long link = inode("link").positionBytes();

    finds(patched().u32(link + 8, 0), Finding.Kind.TARGET, "/link", "symbolic link of 0 bytes");
  }

  @Test
  void attributes() throws IOException {
    Image image = images.open("20-xattr");
    List<Finding> findings = new ArrayList<>();
    PatchedImage patched = new PatchedImage(images.bytes("20-xattr"));
    patched.u8(image.root().xattrPositionBytes() + 4, 255);

    Checker.check(patched.open(), false, findings::add, bytes -> {});

    assertThat(findings).extracting(Finding::kind).contains(Finding.Kind.XATTR);
  }

  @Test
  void filtersOfNames() throws IOException {
    Image image = images.open("20-xattr");
    assertThat(image.xattrFilter(image.root())).isNotZero();
    PatchedImage patched = new PatchedImage(images.bytes("20-xattr"));
    patched.u32(image.root().xattrPositionBytes(), 0xffffffffL);

    finds(patched, Finding.Kind.XATTR, "/", "the filter of names 0xffffffff says");
  }

  @Test
  void inodesThatLieOnSharedAttributes() throws IOException {
    Image image = images.open("20-xattr");
    Overlaps overlaps = new Overlaps(image);
    List<Finding> findings = new ArrayList<>();
    MetadataRange root = new MetadataRange(false, image.root().positionBytes() + 4, 8);

    overlaps.addInode(new byte[] {'/'}, image.root());
    overlaps.addShared(List.of(root));
    overlaps.addShared(List.of(root));
    overlaps.find(10, findings::add);

    assertThat(findings).hasSize(1);
    assertThat(findings.getFirst().message()).contains("shared extended attribute at bytes 0x");
  }

  @Test
  void whereDataIs() throws IOException {
    Inode flat = inode("r004096");
    assertThat(flat.layout()).isInstanceOf(DataLayout.FlatPlain.class);
    long start = flat.positionBytes() + 16;

    finds(patched().u32(start, 0xffffff), Finding.Kind.MAP, "/r004096", "which ends at byte");
    assertThat(check(patched().u32(start, 0).open(), false))
        .extracting(Finding::kind)
        .contains(Finding.Kind.OVERLAP);
    long other = ((DataLayout.FlatInline) inode("t070001").layout()).startBlock();
    assertThat(check(patched().u32(start, other).open(), false))
        .extracting(Finding::kind)
        .containsExactly(Finding.Kind.OVERLAP);
  }

  @Test
  void inodesThatLieOnOthers() throws IOException {
    // A name of an inode number that begins in the middle of another inode's tail.
    Inode root = inode("");
    assertThat(root.layout()).isInstanceOf(DataLayout.FlatInline.class);
    List<Finding> findings =
        check(patched().u64(entry("dir", "hard"), root.nid() + 1).open(), false);

    assertThat(findings).isNotEmpty();
  }

  @Test
  void countOfInodes() throws IOException {
    finds(patched().u64(SB + 16, 1000), Finding.Kind.INODE_COUNT, null, "says 1000 inodes");
  }

  @Test
  void dataThatCannotBeDecompressed() throws IOException {
    Image image = images.open("30-lz4");
    PatchedImage patched = new PatchedImage(images.bytes("30-lz4"));
    Inode inode = image.lookup("mixed");
    for (long at = 0; at < inode.sizeBytes(); ) {
      Extent extent = image.map(inode, at);
      if (extent instanceof Extent.Encoded encoded) {
        for (int i = 0; i < encoded.storedBytes(); i++) {
          patched.u8(encoded.addressBytes() + i, 0xff);
        }
      }
      at += extent.lengthBytes();
    }

    List<Finding> findings = check(patched.open(), true);

    assertThat(findings).extracting(Finding::kind).containsOnly(Finding.Kind.DATA);
    assertThat(findings).extracting(Finding::path).contains("/mixed");
    assertThat(check(patched.open(), false)).isEmpty();
  }

  @Test
  void aWalkOfALoopEnds() throws IOException {
    Image image = images.open(PLAIN);
    Image looped = patched().u64(entry("dir", "sub"), image.lookup("dir").nid()).open();

    assertThatThrownBy(() -> ImageWalk.walk(looped, entry -> true))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("/dir/sub")
        .hasMessageContaining("second time");
  }

  @Test
  void pagesOfALargeDirectoryGiveEachNameOnce() throws IOException {
    Image image = images.open("11-manydir");
    List<String> whole = new ArrayList<>();
    List<String> paged = new ArrayList<>();
    List<String> last = new ArrayList<>();

    ImageWalk.walk(image, entry -> whole.add(entry.shown()));
    ImageWalk.walk(
        image,
        7,
        entry -> {
          if (entry.isLast()) {
            last.add(entry.shown());
          }
          return paged.add(entry.shown());
        });

    assertThat(paged).isEqualTo(whole);
    // The root itself, and the last name of each of three directories.
    assertThat(last).hasSize(4);
  }
}
