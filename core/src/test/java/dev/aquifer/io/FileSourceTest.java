package dev.aquifer.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileSourceTest extends ByteSourceContract {
  @TempDir Path dir;

  @Override
  ByteSource sourceOf(byte[] bytes) throws IOException {
    return FileSource.open(Files.write(dir.resolve("bytes"), bytes));
  }

  @Test
  void refusesWhatIsNoFile() {
    assertThatThrownBy(() -> FileSource.open(dir.resolve("absent")))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessageContaining("absent: no such file");
    assertThatThrownBy(() -> FileSource.open(dir))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is no regular file");
  }

  @Test
  void failsWhenTheFileShrinks() throws IOException {
    Path file = Files.write(dir.resolve("shrinks"), new byte[100]);
    try (ByteSource source = FileSource.open(file)) {
      Files.write(file, new byte[10]);
      assertThatThrownBy(() -> source.readBytes(0, 100)).hasMessageContaining("ends at byte 10");
    }
  }

  @Test
  void failsOnceClosed() throws IOException {
    ByteSource source = sourceOf(new byte[10]);
    source.close();
    source.close();
    assertThatThrownBy(() -> source.readBytes(0, 1)).isInstanceOf(ClosedChannelException.class);
  }

  @Test
  void anInterruptedReaderHarmsNobodyElse() throws Exception {
    byte[] bytes = new byte[1 << 20];
    new Random(5).nextBytes(bytes);
    try (ByteSource source = sourceOf(bytes)) {
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> source.readBytes(0, 10))
          .isInstanceOf(ClosedByInterruptException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(source.readBytes(100, 10)).isEqualTo(Arrays.copyOfRange(bytes, 100, 110));
      AtomicBoolean ends = new AtomicBoolean();
      Thread unlucky =
          Thread.ofPlatform()
              .start(
                  () -> {
                    while (!ends.get()) {
                      Thread.currentThread().interrupt();
                      assertThatThrownBy(() -> source.readBytes(0, 10))
                          .isInstanceOf(ClosedByInterruptException.class);
                      Thread.interrupted();
                      LockSupport.parkNanos(100_000);
                    }
                  });
      for (int i = 0; i < 300; i++) {
        assertThat(source.readBytes(0, bytes.length)).isEqualTo(bytes);
      }
      ends.set(true);
      unlucky.join();
    }
  }

  @Test
  void anotherFileIsNotTakenForIt() throws IOException {
    Path file = dir.resolve("bytes");
    try (ByteSource source = sourceOf(new byte[10])) {
      Files.move(file, dir.resolve("moved"));
      Files.write(file, new byte[10]);
      Thread.currentThread().interrupt();
      assertThatThrownBy(() -> source.readBytes(0, 10)).isInstanceOf(IOException.class);
      assertThat(Thread.interrupted()).isTrue();
      assertThatThrownBy(() -> source.readBytes(0, 10))
          .hasMessage(file + ": was replaced while it is in use: open it anew");
    }
  }
}
