package dev.aquifer.image;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.codec.BadStreamException;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class FileDataTest {
  private static GoldenImages golden;

  @BeforeAll
  static void readGoldenImages() throws IOException {
    golden = GoldenImages.ofResources();
  }

  private static List<Inode> files(Image image) throws IOException {
    List<Inode> files = new ArrayList<>();
    image
        .directory(image.root())
        .forEach(
            entry -> {
              if (entry.type() == FileType.REGULAR) {
                files.add(image.inode(entry));
              }
            });
    return files;
  }

  private static List<String> allButLarge() {
    return golden.ids().stream().filter(id -> !id.endsWith("-4G")).toList();
  }

  @ParameterizedTest
  @MethodSource("allButLarge")
  void partsAreThoseOfTheWhole(String id) throws IOException {
    Image image = golden.open(id);
    Random random = new Random(1);
    for (Inode file : files(image)) {
      ByteSource data = image.open(file);
      int size = (int) file.sizeBytes();
      if (size == 0) {
        continue;
      }
      byte[] whole = data.readBytes(0, size);
      for (int i = 0; i < 30; i++) {
        int from = random.nextInt(size);
        int to = from + 1 + random.nextInt(Math.min(size - from, 10_000));
        assertThat(data.readBytes(from, to - from)).isEqualTo(Arrays.copyOfRange(whole, from, to));
      }
      assertThatThrownBy(() -> data.readBytes(size, 1)).isInstanceOf(CorruptDataException.class);
      assertThatThrownBy(() -> data.readBytes(-1, 1)).isInstanceOf(CorruptDataException.class);
    }
  }

  @ParameterizedTest
  @MethodSource("allButLarge")
  void extentsCoverTheFileAndSayWhereItIs(String id) throws IOException {
    Image image = golden.open(id);
    List<ByteSource> devices = new ArrayList<>();
    devices.add(ByteSource.of(id, golden.bytes(id)));
    devices.addAll(golden.devices(id));
    for (Inode file : files(image)) {
      byte[] whole = image.open(file).readBytes(0, (int) file.sizeBytes());
      long offset = 0;
      while (offset < whole.length) {
        Extent extent = image.map(file, offset);
        assertThat(extent.fileOffsetBytes()).isEqualTo(offset);
        int length = (int) extent.lengthBytes();
        byte[] there =
            switch (extent) {
              case Extent.Hole hole -> new byte[length];
              case Extent.Plain plain ->
                  devices.get(plain.device()).readBytes(plain.addressBytes(), length);
              case Extent.Encoded encoded -> decode(encoded, image, devices);
              case Extent.Fragment fragment ->
                  image
                      .open(image.inode(image.superblock().packedNid()))
                      .readBytes(fragment.packedOffsetBytes(), length);
            };
        assertThat(there).isEqualTo(Arrays.copyOfRange(whole, (int) offset, (int) offset + length));
        offset += length;
      }
      assertThatThrownBy(() -> image.map(file, whole.length))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  private static byte[] decode(Extent.Encoded extent, Image image, List<ByteSource> devices)
      throws IOException {
    ByteSource device =
        extent.device() == Extent.METABOX
            ? image.open(image.inode(image.superblock().metaboxNid()))
            : devices.get(extent.device());
    byte[] stored = device.readBytes(extent.addressBytes(), extent.storedBytes());
    int padding = 0;
    while (stored[padding] == 0) {
      padding++;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment src = arena.allocate(stored.length - padding);
      MemorySegment.copy(stored, padding, src, JAVA_BYTE, 0, stored.length - padding);
      MemorySegment dst = arena.allocate(extent.decodedBytes());
      extent.algorithm().decompressor().decompress(src, dst, extent.isPartial());
      return dst.asSlice(extent.skipBytes(), extent.lengthBytes()).toArray(JAVA_BYTE);
    } catch (BadStreamException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void mapsHolesAndRunsAsOne() throws IOException {
    Image image = golden.open("70-chunk-blockmap");
    Inode hole = image.lookup("allhole");
    assertThat(image.map(hole, 5)).isEqualTo(new Extent.Hole(5, hole.sizeBytes() - 5));
    Inode dense = image.lookup("dense");
    assertThat(image.map(dense, 0).lengthBytes()).isEqualTo(dense.sizeBytes());
  }

  @Test
  void mapsDevicesThatAreNotAttached() throws IOException {
    Image image = PatchedImage.open(golden.bytes("81-tar-index"));
    Inode file = image.lookup("t070001");
    assertThat(image.map(file, 0))
        .isInstanceOfSatisfying(
            Extent.Plain.class, extent -> assertThat(extent.device()).isEqualTo(1));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "71-chunk-indexes odd",
        "31-lz4hc-C64k t070001",
        "57-tfd t070001",
        "36-lzma t070001"
      })
  void manyThreadsReadOneFile(String which) throws Exception {
    Image image = golden.open(which.split(" ")[0]);
    ByteSource data = image.open(image.lookup(which.split(" ")[1]));
    byte[] whole = data.readBytes(0, (int) data.sizeBytes());
    List<Callable<Boolean>> readers = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      Random random = new Random(i);
      readers.add(
          () -> {
            for (int n = 0; n < 100; n++) {
              int from = random.nextInt(whole.length);
              int to = from + random.nextInt(whole.length - from);
              if (!Arrays.equals(
                  data.readBytes(from, to - from), Arrays.copyOfRange(whole, from, to))) {
                return false;
              }
            }
            return true;
          });
    }
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<Boolean> answer : threads.invokeAll(readers)) {
        assertThat(answer.get()).isTrue();
      }
    }
  }
}
