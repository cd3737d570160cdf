package dev.aquifer.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import java.io.IOException;
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
    assertThat(files.size()).isGreaterThan(5);
    return files;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "01-compact-inode",
        "10-b65536",
        "71-chunk-indexes",
        "73-chunk-blobdev",
        "81-tar-index",
        "97-metabox",
        "A0-merge-multidev"
      })
  void partsAreThoseOfTheWhole(String id) throws IOException {
    Image image = golden.open(id);
    Random random = new Random(1);
    for (Inode file : files(image)) {
      ByteSource data = image.open(file);
      int size = (int) file.sizeBytes();
      byte[] whole = data.readBytes(0, size);
      for (int i = 0; i < 50 && size > 0; i++) {
        int from = random.nextInt(size);
        int to = from + 1 + random.nextInt(Math.min(size - from, 10_000));
        assertThat(data.readBytes(from, to - from)).isEqualTo(Arrays.copyOfRange(whole, from, to));
      }
      assertThatThrownBy(() -> data.readBytes(size, 1)).isInstanceOf(CorruptDataException.class);
      assertThatThrownBy(() -> data.readBytes(-1, 1)).isInstanceOf(CorruptDataException.class);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"01-compact-inode", "70-chunk-blockmap", "81-tar-index", "97-metabox"})
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
            };
        assertThat(there).isEqualTo(Arrays.copyOfRange(whole, (int) offset, (int) offset + length));
        offset += length;
      }
      assertThatThrownBy(() -> image.map(file, whole.length))
          .isInstanceOf(IndexOutOfBoundsException.class);
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

  @Test
  void manyThreadsReadOneFile() throws Exception {
    Image image = golden.open("71-chunk-indexes");
    ByteSource data = image.open(image.lookup("odd"));
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
