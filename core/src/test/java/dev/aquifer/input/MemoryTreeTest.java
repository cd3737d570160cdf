package dev.aquifer.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.ImageTree;
import dev.aquifer.image.FileType;
import dev.aquifer.io.ByteSource;
import dev.aquifer.nio.OpenOptions;
import dev.aquifer.nio.OpenedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryTreeTest {
  /** The digests are of {@code printf abc | sha256sum} and the like. */
  private static final String ABC =
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

  private static final String EMPTY =
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

  @TempDir Path temp;

  private static MemoryTree tree() {
    MemoryTree tree = new MemoryTree("test");
    tree.top().mtime(Instant.ofEpochSecond(-5, 7)).xattr("user.top", new byte[] {1});
    tree.directory("/d/").permissions(01777).owner(4_294_967_295L, 70_000);
    tree.file("d/f", TarBytes.latin1("abc")).permissions(04755).xattr("user.e", new byte[0]);
    tree.file("d/s", ByteSource.of("s", TarBytes.latin1("abc"))).xattr("user.a", new byte[] {-1});
    tree.file("empty", new byte[0]);
    tree.hardLink("again", "d/f");
    tree.symlink("l", "d//f/");
    tree.special("p", FileType.FIFO).permissions(0600);
    tree.special("sock", FileType.SOCKET);
    tree.device("tty", FileType.CHARACTER_DEVICE, 0xfff, 0xfffff);
    tree.file("raw\udcff", TarBytes.latin1("abc"));
    return tree;
  }

  @Test
  void holdsWhatItWasTold() throws IOException {
    List<String> expected =
        List.of(
            "/ 40755 0:0 -5.000000007 user.top=01",
            "/again 104755 0:0 0.000000000 3 " + ABC + " user.e=",
            "/d 41777 4294967295:70000 0.000000000",
            "/d/f same as /again",
            "/d/s 100644 0:0 0.000000000 3 " + ABC + " user.a=ff",
            "/empty 100644 0:0 0.000000000 0 " + EMPTY,
            "/l 120777 0:0 0.000000000 -> d//f/",
            "/p 10600 0:0 0.000000000",
            "/raw%FF 100644 0:0 0.000000000 3 " + ABC,
            "/sock 140644 0:0 0.000000000",
            "/tty 20600 0:0 0.000000000 rdev 0xffffffff");
    MemoryTree tree = tree();
    assertThat(Trees.lines(tree)).isEqualTo(expected);
    Path output = temp.resolve("image");
    ImageBuilder.defaults().buildLayout(tree, output);
    try (OpenedImage opened = OpenedImage.open(output, OpenOptions.DEFAULT)) {
      assertThat(Trees.lines(ImageTree.of(opened.image()))).isEqualTo(expected);
    }
  }

  @Test
  void refusesWhatCanNotBe() {
    MemoryTree tree = tree();
    assertThatThrownBy(() -> tree.directory("d")).hasMessage("'d' is there already");
    assertThatThrownBy(() -> tree.file("x/y", new byte[0])).hasMessage("'x/y': there is no 'x'");
    assertThatThrownBy(() -> tree.file("empty/y", new byte[0]))
        .hasMessage("'empty/y' is in no directory");
    assertThatThrownBy(() -> tree.file("/", new byte[0])).hasMessage("'/' is the root");
    assertThatThrownBy(() -> tree.file("d/../x", new byte[0]))
        .hasMessage("'d/../x': expected no ..");
    assertThatThrownBy(() -> tree.hardLink("x", "d")).hasMessage("'d' is a directory");
    assertThatThrownBy(() -> tree.special("x", FileType.REGULAR))
        .hasMessage("regular file: expected a fifo or a socket");
    assertThatThrownBy(() -> tree.device("x", FileType.BLOCK_DEVICE, 4096, 0))
        .hasMessageStartingWith("block device 4096:0: expected");
    assertThatThrownBy(() -> tree.top().owner(-1, 0)).hasMessageContaining("32 bits");
    assertThatThrownBy(() -> tree.top().permissions(010000)).hasMessageContaining("at most 07777");
  }
}
