package dev.aquifer.io;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
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
}
