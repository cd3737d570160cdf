package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.io.BackendException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class DirectoryBackendTest extends BackendContract {
  @Override
  Backend open(Path directory) throws IOException {
    return Backend.open(directory.toString());
  }

  @Test
  void opensFileUrls() throws Exception {
    try (Backend backend = Backend.open(root.toUri().toString())) {
      assertThat(backend.stat("dir/object").sizeBytes()).isEqualTo(3_000_001);
    }
  }

  @Test
  void refusesWhatIsNoDirectory() throws Exception {
    Path file = Files.writeString(root.resolve("file"), "x");
    assertThatThrownBy(() -> Backend.open(file.toString()))
        .isInstanceOf(BackendException.class)
        .hasMessage(file + ": is no directory: expected the directory of an image layout");
    assertThatThrownBy(() -> Backend.open(root + "/none"))
        .hasMessage(root + "/none: no such directory: expected the directory of an image layout");
  }

  @Test
  void refusesOtherSchemes() {
    assertThatThrownBy(() -> Backend.open("ftp://host/x"))
        .isInstanceOfSatisfying(
            RefusedException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
        .hasMessageContaining("'ftp://host/x': expected http://…");
    assertThatThrownBy(() -> Backend.open("file:relative")).hasMessageContaining("file:///path");
  }
}
