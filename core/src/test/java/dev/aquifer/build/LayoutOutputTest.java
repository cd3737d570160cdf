package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LayoutOutputTest {
  private static final long LARGE_BYTES = 1L << 40;

  @TempDir Path temp;

  /** Whoever ends a build does not wait until an object of another layout is hashed. */
  @Test
  void anUnfinishedLayoutIsGoneAtOnce() throws IOException {
    Path object = temp.resolve("object");
    try (RandomAccessFile file = new RandomAccessFile(object.toFile(), "rw")) {
      file.setLength(LARGE_BYTES);
    }
    Descriptor descriptor =
        new Descriptor(ImageManifest.BLOB_TYPE, Sha256.hash(new byte[0]), LARGE_BYTES, Map.of());
    LayoutOutput layout = LayoutOutput.create(temp.resolve("image"), false);
    layout.addObject(object, descriptor);
    assertTimeoutPreemptively(Duration.ofSeconds(20), layout::close);
    try (Stream<Path> left = Files.list(temp)) {
      assertThat(left).containsExactly(object);
    }
  }
}
