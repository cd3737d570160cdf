package dev.aquifer.image;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.codec.Algorithm;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Images with chosen bytes changed: the kernel and the reader take the same ones. */
@Tag("root")
class CraftedKernelTest {
  private static final int CONFIGS = 1024 + 128;

  @TempDir Path temp;
  private GoldenImages golden;

  @BeforeEach
  void load() throws IOException {
    Requires.root();
    Requires.tool("mount");
    golden = GoldenImages.ofResources();
  }

  /** What is done with a mounted image. */
  private interface Use {
    void of(Path mount) throws IOException;
  }

  /** Whether the kernel mounts {@code bytes}; then {@code use} is done. */
  private boolean mounts(byte[] bytes, Use use) throws IOException, InterruptedException {
    Path file = Files.write(temp.resolve("image.erofs"), bytes);
    Path target = Files.createDirectories(temp.resolve("mnt"));
    try {
      DirectoryListing.run(
          temp, List.of("mount", "-t", "erofs", "-o", "ro", file.toString(), target.toString()));
    } catch (IOException e) {
      return false;
    }
    try {
      use.of(target);
    } finally {
      DirectoryListing.run(temp, List.of("umount", target.toString()));
    }
    return true;
  }

  private static boolean opens(byte[] bytes) {
    try {
      PatchedImage.open(bytes);
      return true;
    } catch (IOException e) {
      assertThat(e.getMessage())
          .startsWith("image: compression configuration of ")
          .containsAnyOf("expected", "a newer version may read it");
      return false;
    }
  }

  /** An image with one algorithm has its payload 2 bytes after the superblock. */
  @ParameterizedTest
  @CsvSource({
    "31-lz4hc-C64k, 0, 2, 14",
    "31-lz4hc-C64k, 0, 2, 13",
    "31-lz4hc-C64k, 0, 2, 15",
    "31-lz4hc-C64k, 0, 2, 0",
    "31-lz4hc-C64k, 0, 2, 40000",
    "31-lz4hc-C64k, 2, 2, 0",
    "31-lz4hc-C64k, 2, 2, 1",
    "31-lz4hc-C64k, 2, 2, 65535",
    "31-lz4hc-C64k, 4, 2, 0",
    "31-lz4hc-C64k, 4, 2, 256",
    "31-lz4hc-C64k, 4, 2, 257",
    "36-lzma, 0, 2, 13",
    "36-lzma, 2, 4, 4095",
    "36-lzma, 2, 4, 4096",
    "36-lzma, 2, 4, 5000",
    "36-lzma, 2, 4, 8388608",
    "36-lzma, 2, 4, 8388609",
    "36-lzma, 6, 2, 1",
    "34-deflate, 0, 2, 5",
    "34-deflate, 2, 1, 0",
    "34-deflate, 2, 1, 8",
    "34-deflate, 2, 1, 15",
    "34-deflate, 2, 1, 16",
    "38-zstd, 0, 2, 5",
    "38-zstd, 2, 1, 1",
    "38-zstd, 3, 1, 0",
    "38-zstd, 3, 1, 10",
    "38-zstd, 3, 1, 11",
    "38-zstd, 3, 1, 22",
    "38-zstd, 3, 1, 200"
  })
  void configurationsOfCompression(String id, int offset, int width, int value)
      throws IOException, InterruptedException {
    PatchedImage image = new PatchedImage(golden.bytes(id));
    switch (width) {
      case 1 -> image.u8(CONFIGS + offset, value);
      case 2 -> image.u16(CONFIGS + offset, value);
      default -> image.u32(CONFIGS + offset, value);
    }
    byte[] bytes = image.bytes();
    assertThat(opens(bytes)).isEqualTo(mounts(bytes, mount -> {}));
  }

  /** A compact index whose runs begin with HEAD2, which mkfs.erofs does not write. */
  @ParameterizedTest
  @ValueSource(strings = {"30-lz4", "31-lz4hc-C64k", "38-zstd"})
  void secondAlgorithmInACompactIndex(String id) throws IOException, InterruptedException {
    Image before = golden.open(id);
    List<Inode> files = new ArrayList<>();
    List<String> names = new ArrayList<>();
    before
        .directory(before.root())
        .forEach(
            entry -> {
              Inode inode = before.inode(entry);
              if (inode.type() == FileType.REGULAR
                  && inode.layout() instanceof DataLayout.Compressed compressed
                  && compressed.isCompact()) {
                files.add(inode);
                names.add(ByteNames.toText(entry.name()));
              }
            });
    assertThat(files).isNotEmpty();
    PatchedImage patched = new PatchedImage(golden.bytes(id));
    int changed = 0;
    for (Inode file : files) {
      changed += useHead2(patched, file);
    }
    assertThat(changed).isPositive();

    byte[] bytes = patched.bytes();
    Image after = PatchedImage.open(bytes);
    boolean isMounted =
        mounts(
            bytes,
            mount -> {
              for (int i = 0; i < files.size(); i++) {
                byte[] kernels = Files.readAllBytes(mount.resolve(names.get(i)));
                int size = (int) files.get(i).sizeBytes();
                assertThat(after.open(files.get(i)).readBytes(0, size))
                    .as(names.get(i))
                    .isEqualTo(kernels)
                    .isEqualTo(before.open(files.get(i)).readBytes(0, size));
              }
            });
    assertThat(isMounted).isTrue();
  }

  /** Makes each HEAD1 of {@code file} a HEAD2; returns how many there were. */
  private static int useHead2(PatchedImage image, Inode file) {
    long header = ((DataLayout.Compressed) file.layout()).headerPositionBytes();
    int algorithms = image.u8(header + 6);
    // HEAD1 would be another one.
    int other = (algorithms & 15) == Algorithm.LZ4.number() ? 3 : 0;
    image.u8(header + 6, (algorithms & 15) << 4 | other);
    long start = header + 8;
    long count = (file.sizeBytes() - 1 >>> 12) + 1;
    boolean hasShort = (image.u16(header + 4) & 1) != 0;
    long before = hasShort ? Math.min(count, (32 - start % 32) / 4 & 7) : count;
    long inLong = (count - before) / 16 * 16;
    int changed = 0;
    for (long i = 0; i < count; i++) {
      long after = i - before - inLong;
      long bit;
      if (i < before) {
        bit = start * 8 + i / 2 * 64 + i % 2 * 16;
      } else if (after < 0) {
        long j = i - before;
        bit = (start + before * 4) * 8 + j / 16 * 256 + j % 16 * 14;
      } else {
        bit = (start + before * 4 + inLong * 2) * 8 + after / 2 * 64 + after % 2 * 16;
      }
      if (type(image, bit + 12) == Lcluster.HEAD1) {
        long high = bit + 13;
        image.u8(high / 8, image.u8(high / 8) | 1 << high % 8);
        changed++;
      }
    }
    return changed;
  }

  private static int type(PatchedImage image, long bit) {
    return image.u16(bit / 8) >> bit % 8 & 3;
  }

  @Test
  void configurationsAreTold() throws IOException {
    assertThat(golden.open("31-lz4hc-C64k").superblock().compressionConfigs())
        .containsExactly(new CompressionConfig(Algorithm.LZ4, 65535, 16));
    assertThat(golden.open("38-zstd").superblock().compressionConfigs())
        .extracting(CompressionConfig::algorithm)
        .containsExactly(Algorithm.ZSTD);
  }
}
