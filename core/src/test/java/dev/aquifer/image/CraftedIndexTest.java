package dev.aquifer.image;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import dev.aquifer.codec.Algorithm;
import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Indexes that the format has and mkfs.erofs does not write. */
class CraftedIndexTest {
  private static final int CLUSTER_BYTES = 4096;

  /** A file whose logical clusters are, in turn, compressed, plain, and a hole. */
  private record Parts(byte[] whole, byte[] stored, List<Integer> lengths, List<Long> formats) {
    static Parts of(int clusters, int sizeBytes) {
      Random random = new Random(clusters);
      byte[] whole = new byte[sizeBytes];
      byte[] stored = new byte[0];
      List<Integer> lengths = new ArrayList<>();
      List<Long> formats = new ArrayList<>();
      for (int i = 0; i < clusters; i++) {
        int from = i * CLUSTER_BYTES;
        byte[] part = new byte[Math.min(CLUSTER_BYTES, sizeBytes - from)];
        byte[] bytes = part;
        if (i % 3 != 2) {
          for (int n = 0; n < part.length; n++) {
            part[n] = (byte) "ab cde\n ".charAt(random.nextInt(8));
          }
          bytes = i % 3 == 0 ? Zstd.compress(part) : part;
        } else {
          bytes = new byte[0];
        }
        System.arraycopy(part, 0, whole, from, part.length);
        lengths.add(bytes.length);
        formats.add(i % 3 == 0 ? Algorithm.ZSTD.number() + 1L : 0L);
        stored = Arrays.copyOf(stored, stored.length + bytes.length);
        System.arraycopy(bytes, 0, stored, stored.length - bytes.length, bytes.length);
      }
      return new Parts(whole, stored, lengths, formats);
    }
  }

  /** An image with a file of {@code parts} in records of 4 or 8 bytes. */
  private record Crafted(byte[] bytes, long nid) {
    static Crafted of(Parts parts, int recordBytes) throws IOException {
      return craft(parts, recordBytes, parts.lengths.size());
    }

    ByteSource open(ReadOptions options) throws IOException {
      Image image = Image.open(ByteSource.of("image", bytes), options);
      return image.open(image.inode(nid));
    }
  }

  private static Crafted craft(Parts parts, int recordBytes, int clusters) throws IOException {
    byte[] golden = GoldenImages.ofResources().bytes("92-48bit-zstd-ext");
    Inode inode = PatchedImage.open(golden).lookup("t070001");

    // The inode goes to the end of the image, its records behind it, then the bytes at an odd byte.
    int at = golden.length;
    int header = at + Inode.EXTENDED_BYTES;
    int records = header + MapHeader.SIZE_BYTES;
    int start = records + 8 + clusters * recordBytes + 3;
    byte[] bytes = Arrays.copyOf(golden, start + parts.stored.length + 8192 & -4096);
    System.arraycopy(golden, (int) inode.positionBytes(), bytes, at, Inode.EXTENDED_BYTES);
    System.arraycopy(parts.stored, 0, bytes, start, parts.stored.length);
    PatchedImage image = new PatchedImage(bytes);
    image.u16(at, 1 | 1 << 1).u16(at + 2, 0).u64(at + 8, parts.whole.length);
    image.u64(header, 0).u16(header + 4, 1 | (recordBytes == 8 ? 2 : 0));
    long position = start;
    if (recordBytes == 4) {
      image.u64(records, position);
      records += 8;
    }
    for (int i = 0; i < clusters; i++) {
      image.u32(
          records + (long) i * recordBytes, parts.lengths.get(i) | parts.formats.get(i) << 28);
      if (recordBytes == 8) {
        image.u32(records + (long) i * recordBytes + 4, position);
      }
      position += parts.lengths.get(i);
    }

    Superblock superblock = image.open().superblock();
    long base = superblock.metaBlock() << superblock.blockBits();
    return new Crafted(image.bytes(), (at - base) / Inode.SLOT_BYTES);
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 8})
  void recordsWithoutOffsets(int recordBytes) throws IOException {
    // More than one window of the index, and than one sum of 4-byte records.
    int clusters = recordBytes == 4 ? 2500 : 700;
    Parts parts = Parts.of(clusters, clusters * CLUSTER_BYTES - 100);
    ByteSource data = Crafted.of(parts, recordBytes).open(ReadOptions.defaults());
    assertThat(data.readBytes(0, parts.whole.length)).isEqualTo(parts.whole);
    Random random = new Random(3);
    for (int i = 0; i < 200; i++) {
      int from = random.nextInt(parts.whole.length - 100);
      assertThat(data.readBytes(from, 100))
          .isEqualTo(Arrays.copyOfRange(parts.whole, from, from + 100));
    }
  }

  @ParameterizedTest
  @CsvSource({"0, 1", "0, 4", "20000, 4", "1000000, 2", "16777216, 4"})
  void readersAndHelpers(long cacheBytes, int threads) throws Exception {
    Parts parts = Parts.of(700, 700 * CLUSTER_BYTES - 100);
    ByteSource data = Crafted.of(parts, 8).open(new ReadOptions(cacheBytes, threads));
    List<Callable<byte[]>> readers = new ArrayList<>();
    for (int step : new int[] {1000, 4096, 10_000, 65_536, 300_000, 1 << 20, 3 << 20}) {
      readers.add(() -> readInSteps(data, step));
    }
    try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
      for (Future<byte[]> answer : pool.invokeAll(readers)) {
        assertThat(answer.get()).isEqualTo(parts.whole);
      }
    }
    assertThat(readInSteps(data, 65_536)).isEqualTo(parts.whole);
  }

  @Test
  void rotatedBytesAtTheEndOfAllBytes() throws IOException {
    byte[] golden = GoldenImages.ofResources().bytes("92-48bit-zstd-ext");
    Inode inode = PatchedImage.open(golden).lookup("t070001");
    int at = golden.length;
    byte[] bytes = Arrays.copyOf(golden, golden.length + 4096);
    System.arraycopy(golden, (int) inode.positionBytes(), bytes, at, Inode.EXTENDED_BYTES);
    long start = Long.MAX_VALUE - 4095;
    PatchedImage image = new PatchedImage(bytes);
    image.u16(at, 1 | 1 << 1).u16(at + 2, 0).u64(at + 8, Long.MAX_VALUE);
    // One record of 32 bytes, of the second block as it is, rotated.
    int header = at + Inode.EXTENDED_BYTES;
    image.u64(header, 1).u16(header + 4, 1 | 3 << 1 | 0x10).u16(header + 6, 0);
    int record = header + MapHeader.SIZE_BYTES + 31 & -32;
    image.u32(record, 4096).u32(record + 4, 4096).u32(record + 8, 0);
    image.u64(record + 12, start);

    Superblock superblock = image.open().superblock();
    long base = superblock.metaBlock() << superblock.blockBits();
    Image opened = image.open();
    ByteSource data = opened.open(opened.inode((at - base) / Inode.SLOT_BYTES));
    assertThat(data.readBytes(start, 4095)).isEqualTo(Arrays.copyOfRange(golden, 4096, 8191));
    assertThat(data.readBytes(start + 100, 5)).isEqualTo(Arrays.copyOfRange(golden, 4196, 4201));
  }

  private static byte[] readInSteps(ByteSource data, int step) throws IOException {
    byte[] all = new byte[(int) data.sizeBytes()];
    for (int at = 0; at < all.length; at += step) {
      byte[] part = data.readBytes(at, Math.min(step, all.length - at));
      System.arraycopy(part, 0, all, at, part.length);
    }
    return all;
  }

  @Test
  void secondAlgorithm() throws IOException {
    byte[] golden = GoldenImages.ofResources().bytes("32-lz4-full");
    Image before = PatchedImage.open(golden);
    List<Inode> files = new ArrayList<>();
    before
        .directory(before.root())
        .forEach(
            entry -> {
              Inode inode = before.inode(entry);
              if (inode.layout() instanceof DataLayout.Compressed) {
                files.add(inode);
              }
            });
    assertThat(files).hasSizeGreaterThan(5);
    PatchedImage patched = new PatchedImage(golden);
    for (Inode file : files) {
      long header = ((DataLayout.Compressed) file.layout()).headerPositionBytes();
      // HEAD1 would be Zstandard.
      patched.u8(header + 6, Algorithm.LZ4.number() << 4 | Algorithm.ZSTD.number());
      for (long i = 0; i <= file.sizeBytes() - 1 >>> 12; i++) {
        long entry = header + 16 + 8 * i;
        if ((patched.u16(entry) & 3) == Lcluster.HEAD1) {
          patched.u16(entry, patched.u16(entry) | Lcluster.HEAD2);
        }
      }
    }
    Image after = patched.open();
    for (Inode file : files) {
      int size = (int) file.sizeBytes();
      assertThat(after.open(after.inode(file.nid())).readBytes(0, size))
          .isEqualTo(before.open(file).readBytes(0, size));
    }
  }

  @Test
  void lz4WithoutPadding() throws IOException {
    // Before LZ4_0PADDING, a stream began with its block, and anything could come after it.
    byte[] golden = GoldenImages.ofResources().bytes("30-lz4");
    Image before = PatchedImage.open(golden);
    Inode file = before.lookup("t070001");
    PatchedImage patched = new PatchedImage(golden);
    patched.u32(PatchedImage.sb(80), 0);
    int moved = 0;
    for (long offset = 0; offset < file.sizeBytes(); ) {
      Extent extent = before.map(file, offset);
      if (extent instanceof Extent.Encoded encoded) {
        int from = (int) encoded.addressBytes();
        int padding = 0;
        while (golden[from + padding] == 0) {
          padding++;
        }
        for (int i = 0; i < encoded.storedBytes(); i++) {
          patched.u8(from + i, i + padding < 4096 ? golden[from + i + padding] : 0x77);
        }
        moved++;
      }
      offset += extent.lengthBytes();
    }
    assertThat(moved).isPositive();
    assertThat(patched.open().open(file).readBytes(0, 70_001))
        .isEqualTo(before.open(file).readBytes(0, 70_001));
  }

  @Test
  void anImageInsideAFile() throws IOException {
    byte[] golden = GoldenImages.ofResources().bytes("57-tfd");
    byte[] file = new byte[golden.length + 1000];
    System.arraycopy(golden, 0, file, 700, golden.length);
    Image image = Image.open(ByteSource.of("file", file).slice(700, golden.length));
    Image same = PatchedImage.open(golden);
    assertThat(TreeListing.of(image, true)).isEqualTo(TreeListing.of(same, true));
  }
}
