package dev.aquifer.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;

class ErrorTextTest {
  @Test
  void saysInWordsWhatTheJdkSaysByClass() {
    assertThat(ErrorText.of(new NoSuchFileException("/a")))
        .isEqualTo("/a: no such file or directory");
    assertThat(ErrorText.of(new AccessDeniedException("/a"))).isEqualTo("/a: permission denied");
    assertThat(ErrorText.of(new FileSystemException("/a", null, "No space left on device")))
        .isEqualTo("/a: No space left on device");
    assertThat(ErrorText.of(new FileSystemException("/a", "/b", "Invalid cross-device link")))
        .isEqualTo("/a -> /b: Invalid cross-device link");
  }

  @Test
  void isOneLine() {
    assertThat(ErrorText.of(new IOException("first\n  second\r\n"))).isEqualTo("first; second");
  }

  @Test
  void looksIntoWrappers() {
    IOException inner = new IOException("inner");

    assertThat(ErrorText.of(new UncheckedIOException(inner))).isEqualTo("inner");
    assertThat(ErrorText.of(new ExecutionException(new UncheckedIOException(inner))))
        .isEqualTo("inner");
  }

  @Test
  void ownsUpToFaultsOfTheProgram() {
    RuntimeException fault = new NullPointerException("oops");

    assertThat(ErrorText.of(fault)).startsWith("internal error: ").contains("oops");
    assertThat(ErrorText.isInternal(fault)).isTrue();
    assertThat(ErrorText.isInternal(new IOException("x"))).isFalse();
  }

  @Test
  void knowsTheErrno() {
    assertThat(ErrorText.errno(new RefusedException(Errno.EEXIST, "x"))).isEqualTo(17);
    assertThat(ErrorText.errno(new NoSuchFileException("/a"))).isEqualTo(2);
    assertThat(ErrorText.errno(new IOException("No space left on device"))).isEqualTo(28);
    assertThat(ErrorText.errno(new IOException("x"))).isEqualTo(5);
    IOException real =
        org.junit.jupiter.api.Assertions.assertThrows(
            IOException.class, () -> Files.size(Path.of("/nowhere/at/all")));
    assertThat(ErrorText.errno(real)).isEqualTo(2);
  }
}
