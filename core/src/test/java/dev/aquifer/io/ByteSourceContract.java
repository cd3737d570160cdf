package dev.aquifer.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

/** What every {@link ByteSource} must do. */
abstract class ByteSourceContract {
  /** A source that holds exactly {@code bytes}. */
  abstract ByteSource sourceOf(byte[] bytes) throws IOException;

  private static byte[] noise(int length) {
    byte[] bytes = new byte[length];
    new Random(length).nextBytes(bytes);
    return bytes;
  }

  @Test
  void givesSizeAndBytes() throws IOException {
    byte[] bytes = noise(70_001);
    try (ByteSource source = sourceOf(bytes)) {
      assertThat(source.sizeBytes()).isEqualTo(70_001);
      assertThat(source.readBytes(0, 70_001)).isEqualTo(bytes);
      assertThat(source.readBytes(69_999, 2)).isEqualTo(Arrays.copyOfRange(bytes, 69_999, 70_001));
      assertThat(source.readBytes(70_001, 0)).isEmpty();
    }
  }

  @Test
  void readsIntoNativeAndHeapMemory() throws IOException {
    byte[] bytes = noise(5000);
    try (ByteSource source = sourceOf(bytes);
        Arena arena = Arena.ofConfined()) {
      MemorySegment outside = arena.allocate(1000);
      source.read(123, outside);
      assertThat(outside.toArray(ValueLayout.JAVA_BYTE))
          .isEqualTo(Arrays.copyOfRange(bytes, 123, 1123));
      byte[] heap = new byte[10];
      source.read(4990, MemorySegment.ofArray(heap));
      assertThat(heap).isEqualTo(Arrays.copyOfRange(bytes, 4990, 5000));
    }
  }

  @Test
  void refusesWhatLiesOutside() throws IOException {
    try (ByteSource source = sourceOf(noise(100))) {
      assertThatThrownBy(() -> source.readBytes(99, 2))
          .isInstanceOf(CorruptDataException.class)
          .hasMessageContaining("bytes 99 to 101")
          .hasMessageContaining("ends at byte 100")
          .hasMessageStartingWith(source.name());
      assertThatThrownBy(() -> source.readBytes(-1, 1)).isInstanceOf(CorruptDataException.class);
      assertThatThrownBy(() -> source.readBytes(Long.MAX_VALUE, 1))
          .isInstanceOf(CorruptDataException.class);
    }
  }

  @Test
  void slicesStayInside() throws IOException {
    byte[] bytes = noise(100);
    try (ByteSource source = sourceOf(bytes)) {
      ByteSource slice = source.slice(10, 20);
      assertThat(slice.sizeBytes()).isEqualTo(20);
      assertThat(slice.readBytes(5, 15)).isEqualTo(Arrays.copyOfRange(bytes, 15, 30));
      assertThatThrownBy(() -> slice.readBytes(5, 16)).isInstanceOf(CorruptDataException.class);
      assertThatThrownBy(() -> source.slice(90, 11)).isInstanceOf(CorruptDataException.class);
      slice.close();
      assertThat(source.readBytes(0, 1)).hasSize(1);
    }
  }

  @Test
  void servesManyThreads() throws Exception {
    byte[] bytes = noise(100_000);
    try (ByteSource source = sourceOf(bytes);
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Callable<Boolean> reader =
          () -> {
            Random random = new Random();
            for (int i = 0; i < 500; i++) {
              int at = random.nextInt(99_000);
              if (!Arrays.equals(
                  source.readBytes(at, 1000), Arrays.copyOfRange(bytes, at, at + 1000))) {
                return false;
              }
            }
            return true;
          };
      var results =
          java.util.stream.Stream.generate(() -> threads.submit(reader)).limit(8).toList();
      for (var result : results) {
        assertThat(result.get()).isTrue();
      }
    }
  }
}
