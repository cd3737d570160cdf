package dev.aquifer.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.RefusedException;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlobUnpackerTest {
  @TempDir Path temp;
  private final byte[] noise = TestTrees.noise(1, 3_000_000);
  private Sha256 id;
  private Path object;

  @BeforeEach
  void build() throws IOException {
    build(3);
  }

  private void build(int level) throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.file("a", noise);
    byte[] text = new byte[200_000];
    Arrays.fill(text, (byte) 'x');
    tree.file("b", text);
    Path layout = temp.resolve("layout" + level);
    BuildResult result = ImageBuilder.defaults().zstdLevel(level).buildLayout(tree, layout);
    id = result.blobs().getFirst().id();
    object = layout.resolve("blobs/sha256/" + result.blobs().getFirst().objectDigest().hex());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 19})
  void givesThePlainBlob(int level) throws IOException {
    build(level);
    Path plain = temp.resolve("plain");
    BlobUnpacker.Result result = BlobUnpacker.unpack(object, plain, id, false);
    byte[] bytes = Files.readAllBytes(plain);
    assertThat(result.id()).isEqualTo(id);
    assertThat(result.plainBytes()).isEqualTo(bytes.length);
    assertThat(bytes.length % 4096).isZero();
    assertThat(Arrays.copyOf(bytes, noise.length)).isEqualTo(noise);
    assertThat(BlobUnpacker.unpack(object, temp.resolve("other"), null, false)).isEqualTo(result);
  }

  @Test
  void anotherBlobThanExpectedIsRefused() {
    assertThatThrownBy(
            () ->
                BlobUnpacker.unpack(object, temp.resolve("plain"), Sha256.hash(new byte[0]), false))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("expected the blob's id");
    assertNothingLeft();
  }

  @Test
  void aDamagedSpanLeavesNothing() throws IOException {
    byte[] bytes = Files.readAllBytes(object);
    for (int at : new int[] {5, 1 << 20, 2_500_000, 3_000_050}) {
      bytes[at] ^= 4;
      Files.write(object, bytes);
      assertThatThrownBy(() -> BlobUnpacker.unpack(object, temp.resolve("plain"), null, false))
          .isInstanceOf(CorruptDataException.class)
          .hasMessageContaining("span " + at / (1 << 20));
      assertNothingLeft();
      bytes[at] ^= 4;
    }
  }

  @Test
  void aTruncatedObjectOrOtherFileIsRefused() throws IOException {
    byte[] bytes = Files.readAllBytes(object);
    for (int length : new int[] {0, 10, 64, 100, bytes.length - 1}) {
      Files.write(object, Arrays.copyOf(bytes, length));
      assertThatThrownBy(() -> BlobUnpacker.unpack(object, temp.resolve("plain"), null, false))
          .isInstanceOf(CorruptDataException.class)
          .hasMessageStartingWith(object.toString());
    }
    // A footer that is right, but hardly anything before it.
    Files.write(object, Arrays.copyOfRange(bytes, bytes.length - 80, bytes.length));
    assertThatThrownBy(() -> BlobUnpacker.unpack(object, temp.resolve("plain"), null, false))
        .isInstanceOf(CorruptDataException.class);
    assertNothingLeft();
  }

  @Test
  void anExistingFileIsKeptUnlessForced() throws IOException {
    Path plain = temp.resolve("plain");
    Files.writeString(plain, "precious");
    assertThatThrownBy(() -> BlobUnpacker.unpack(object, plain, null, false))
        .isInstanceOf(RefusedException.class)
        .hasMessage(plain + ": exists already: expected a new name, or --force to replace it");
    assertThat(Files.readString(plain)).isEqualTo("precious");
    BlobUnpacker.unpack(object, plain, null, true);
    assertThat(Files.size(plain)).isGreaterThan(3_000_000);
    assertThatThrownBy(() -> BlobUnpacker.unpack(object, temp, null, true))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("is no regular file");
  }

  @Test
  void aFileThatAppearsMeanwhileIsKept() throws IOException {
    Path temporary = Files.writeString(temp.resolve("temporary"), "new");
    Path plain = Files.writeString(temp.resolve("plain"), "precious");
    assertThatThrownBy(() -> NewFile.moveToNewName(temporary, plain))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("exists already");
    assertThat(Files.readString(plain)).isEqualTo("precious");
    NewFile.moveToNewName(temporary, temp.resolve("other"));
    assertThat(Files.readString(temp.resolve("other"))).isEqualTo("new");
  }

  @Test
  void aMissingDirectoryIsSaidSo() {
    Path plain = temp.resolve("no/plain");
    assertThatThrownBy(() -> BlobUnpacker.unpack(object, plain, null, false))
        .hasMessageContaining("can't be written: no such directory");
  }

  private void assertNothingLeft() {
    try (Stream<Path> entries = Files.list(temp)) {
      assertThat(entries.map(path -> path.getFileName().toString()))
          .noneMatch(name -> name.contains("plain"));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
