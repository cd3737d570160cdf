package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.codec.Compression;
import dev.aquifer.image.Image;
import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Images that are built in memory. */
class MemoryImageTest {
  @TempDir Path temp;

  private static Stream<Encoding> encodings() {
    return Stream.of(
        Encoding.plain(),
        Encoding.plain().withBlockBits(9),
        Encoding.plain().withChunkBits(14),
        Encoding.compressed(Compression.parse("lz4")).withFragments(Encoding.Fragments.ALL),
        packing());
  }

  private static Encoding packing() {
    return Encoding.compressed(Compression.parse("zstd,level=1"))
        .withClusterBytes(16 << 10)
        .withFragments(Encoding.Fragments.TAILS);
  }

  @ParameterizedTest
  @MethodSource("encodings")
  void theImageInMemoryIsThatInAFile(Encoding encoding) throws IOException {
    MemoryTree tree = SingleImageTest.files(3);
    Path file = temp.resolve("image");
    ImageBuilder builder = ImageBuilder.defaults().encoding(encoding);
    builder.buildFile(tree, file);
    ByteSource image = builder.buildInMemory(tree);
    assertThat(image.readBytes(0, (int) image.sizeBytes())).isEqualTo(Files.readAllBytes(file));
  }

  @Test
  void theReaderOpensIt() throws IOException {
    MemoryTree tree = new MemoryTree();
    byte[] data = TestTrees.noise(1, 3_000_000);
    tree.file("data", data);
    Image image = Image.open(ImageBuilder.defaults().encoding(packing()).buildInMemory(tree));
    assertThat(image.open(image.lookup("data")).readBytes(0, data.length)).isEqualTo(data);
  }

  /** What this process has open to be written, as the kernel says, devices left out. */
  private static Set<String> writable() {
    Set<String> found = new TreeSet<>();
    try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
      for (Path file : files.toList()) {
        try {
          String target = Files.readSymbolicLink(file).toString();
          String info = Files.readString(Path.of("/proc/self/fdinfo", file.getFileName() + ""));
          int flags =
              Integer.parseInt(
                  info.lines()
                      .filter(line -> line.startsWith("flags:"))
                      .findFirst()
                      .orElseThrow()
                      .replaceAll("[^0-7]", ""),
                  8);
          boolean isDevice = target.startsWith("/dev/") && !target.startsWith("/dev/shm/");
          if (target.startsWith("/") && !isDevice && (flags & 3) != 0) {
            found.add(target);
          }
        } catch (NoSuchFileException e) {
          // The one that the list itself was read by.
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return found;
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void noFileIsOpenMeanwhile() throws IOException {
    MemoryTree tree = SingleImageTest.files(3);
    Set<String> before = writable();
    Set<String> seen = new TreeSet<>();
    ImageBuilder builder =
        ImageBuilder.defaults()
            .encoding(packing())
            .progress((done, total) -> seen.addAll(writable()));
    ByteSource unused = builder.buildInMemory(tree);
    assertThat(seen).isEqualTo(before);
    builder.buildFile(tree, temp.resolve("image"));
    assertThat(seen).hasSizeGreaterThan(before.size());
  }

  @Test
  void whatIsTooLargeIsSaidSo() {
    MemoryTree data = new MemoryTree();
    data.file("data", TestTrees.noise(1, 5_000_000));
    MemoryTree ends = new MemoryTree();
    MemoryTree names = new MemoryTree();
    for (int i = 0; i < 3000; i++) {
      ends.file("end" + i, TestTrees.noise(i, 1500));
      names.file(i + "n".repeat(250), new byte[0]).xattr("user.x", "x" + i + "x".repeat(700));
    }
    BuildOptions options = BuildOptions.defaults();
    for (MemoryTree tree : List.of(data, ends, names)) {
      for (Encoding encoding : List.of(Encoding.plain(), packing())) {
        assertThatThrownBy(() -> SingleImage.build(tree, encoding, options, 3 << 20))
            .isInstanceOf(IOException.class)
            .hasMessageMatching(
                "memory: its image does not fit in memory, where it has taken [23] MiB: expected a smaller tree, a larger heap \\(-Xmx\\), or to build a file");
      }
    }
  }
}
