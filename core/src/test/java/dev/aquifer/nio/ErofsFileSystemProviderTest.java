package dev.aquifer.nio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.MemoryTree;
import dev.aquifer.build.TestTrees;
import dev.aquifer.image.GoldenFiles;
import dev.aquifer.image.LoopedImage;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.RefusedException;
import dev.aquifer.io.Sha256;
import dev.aquifer.testing.FaultyOrigin;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystemAlreadyExistsException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileSystemNotFoundException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.ProviderNotFoundException;
import java.nio.file.spi.FileSystemProvider;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ErofsFileSystemProviderTest {
  private static final byte[] BIG = TestTrees.noise(3, 5_000_000);

  @TempDir Path temp;
  private FaultyOrigin origin;

  @BeforeEach
  void build() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.directory("etc");
    tree.file("etc/name", MemoryTree.bytes("aquifer"));
    tree.file("big", BIG);
    tree.file("ba!d name", MemoryTree.bytes("!"));
    ImageBuilder.defaults().buildLayout(tree, temp.resolve("app"));
    origin = FaultyOrigin.serve(temp);
  }

  @AfterEach
  void close() throws IOException {
    origin.close();
  }

  @Test
  void isInstalled() {
    assertThat(FileSystemProvider.installedProviders())
        .filteredOn(ErofsFileSystemProvider.class::isInstance)
        .hasSize(1);
  }

  @Test
  void opensARemoteImageByUri() throws IOException {
    URI uri = URI.create("erofs:" + origin.url() + "/app/");
    Path name;
    try (FileSystem image = FileSystems.newFileSystem(uri, Map.of())) {
      assertThat(origin.requests("")).as("index, manifest, bootstrap").isEqualTo(3);
      try (Stream<Path> paths = Files.walk(image.getPath("/"))) {
        assertThat(paths).hasSize(5);
      }
      assertThat(origin.requests("")).as("names cost nothing").isEqualTo(3);
      name = Path.of(URI.create("erofs:" + origin.url() + "/app!/etc/name"));
      assertThat(name).isEqualTo(image.getPath("/etc/name")).hasContent("aquifer");
      assertThat(name.toUri()).hasToString("erofs:" + origin.url() + "/app!/etc/name");
      for (String text : List.of("/ba!d name", "/big", "/")) {
        assertThat(Path.of(image.getPath(text).toUri())).isEqualTo(image.getPath(text));
      }
      assertThat(Files.readAllBytes(image.getPath("big"))).isEqualTo(BIG);
      assertThat(FileSystems.getFileSystem(uri)).isSameAs(image);
      assertThat(FileSystems.getFileSystem(name.toUri())).isSameAs(image);
      assertThatThrownBy(() -> FileSystems.newFileSystem(uri, Map.of()))
          .isInstanceOf(FileSystemAlreadyExistsException.class);
      assertThat(image).hasToString(origin.url() + "/app");
    }
    assertThatThrownBy(() -> FileSystems.getFileSystem(uri))
        .isInstanceOf(FileSystemNotFoundException.class);
    URI gone = name.toUri();
    assertThatThrownBy(() -> Path.of(gone)).isInstanceOf(FileSystemNotFoundException.class);
    FileSystems.newFileSystem(uri, Map.of()).close();
  }

  @Test
  void opensALocalImageByUri() throws IOException {
    Path link = Files.createSymbolicLink(temp.resolve("link"), temp.resolve("app"));
    URI uri = URI.create("erofs:" + temp.resolve("app").toUri());
    try (FileSystem image = FileSystems.newFileSystem(uri, Map.of())) {
      URI viaLink = URI.create("erofs:" + link.toUri().toString().replaceFirst("/$", "") + "!/big");
      assertThat(Path.of(viaLink)).isEqualTo(image.getPath("/big"));
    }
    assertThatThrownBy(
            () -> FileSystems.newFileSystem(URI.create("erofs:file:///none/at/all"), Map.of()))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("no such file");
    assertThatThrownBy(
            () -> FileSystems.getFileSystem(URI.create("erofs:http://h/x?token=secret!/a")))
        .isInstanceOf(FileSystemNotFoundException.class)
        .hasMessageContaining("erofs:http://h/x")
        .hasMessageNotContaining("secret");
  }

  @Test
  void aFailedOpeningLeavesTheUriFree() throws IOException {
    URI uri = URI.create("erofs:" + origin.url() + "/later");
    assertThatThrownBy(() -> FileSystems.newFileSystem(uri, Map.of()))
        .isInstanceOf(IOException.class);
    Files.move(temp.resolve("app"), temp.resolve("later"));
    try (FileSystem image = FileSystems.newFileSystem(uri, Map.of())) {
      assertThat(image.getPath("etc/name")).hasContent("aquifer");
    }
  }

  @Test
  void sharesADomain() throws IOException {
    Map<String, ?> env = Map.of("cache", temp.resolve("cache").toString(), "domain", "shop");
    URI uri = URI.create("erofs:" + origin.url() + "/app");
    for (int i = 0; i < 2; i++) {
      origin.clearLog();
      try (FileSystem image = FileSystems.newFileSystem(uri, env)) {
        assertThat(Files.readAllBytes(image.getPath("big"))).isEqualTo(BIG);
      }
    }
    assertThat(origin.requests("app/blobs/")).as("the manifest").isEqualTo(1);
  }

  @Test
  void findsImagesByWhatIsInThem() throws IOException {
    GoldenFiles golden = GoldenFiles.write("02-extended-inode", temp);
    Path file = Files.move(golden.file(), temp.resolve("data.bin"));
    try (FileSystem image = FileSystems.newFileSystem(file);
        FileSystem again = FileSystems.newFileSystem(file)) {
      assertThat(image.provider()).isInstanceOf(ErofsFileSystemProvider.class);
      assertThat(image).isNotSameAs(again);
    }
    try (FileSystem image = FileSystems.newFileSystem(temp.resolve("app"))) {
      assertThat(image.getPath("etc/name")).hasContent("aquifer");
    }
    Path text = Files.writeString(temp.resolve("text"), "no image");
    Path large = Files.write(temp.resolve("large"), new byte[5_000]);
    for (Path other : List.of(text, large, temp)) {
      assertThatThrownBy(() -> FileSystems.newFileSystem(other))
          .isInstanceOf(ProviderNotFoundException.class);
      assertThatThrownBy(
              () -> new ErofsFileSystemProvider().newFileSystem(other, Map.<String, Object>of()))
          .isInstanceOf(UnsupportedOperationException.class)
          .hasMessageContaining("expected an EROFS image");
    }
    assertThatThrownBy(
            () ->
                new ErofsFileSystemProvider()
                    .newFileSystem(temp.resolve("none"), Map.<String, Object>of()))
        .isInstanceOf(NoSuchFileException.class);
  }

  @Test
  void opensAtAnOffsetAndWithDevices() throws IOException {
    GoldenFiles golden = GoldenFiles.write("73-chunk-blobdev", temp);
    byte[] bytes = Files.readAllBytes(golden.file());
    byte[] shifted = new byte[bytes.length + 4_096];
    System.arraycopy(bytes, 0, shifted, 4_096, bytes.length);
    Path file = Files.write(temp.resolve("shifted"), shifted);
    String path = "/dense";
    Map<String, ?> env =
        Map.of("devices", golden.devices().getFirst(), "offset", "4096", "create", "true");
    try (FileSystem image = FileSystems.newFileSystem(file, env)) {
      assertThat(Sha256.hash(Files.readAllBytes(image.getPath(path))).hex())
          .isEqualTo(golden.manifest().get(path).get("sha256"));
    }
    try (FileSystem image = FileSystems.newFileSystem(file, Map.of("offset", 4096))) {
      assertThatThrownBy(() -> Files.readAllBytes(image.getPath(path)))
          .isInstanceOf(RefusedException.class)
          .hasMessageContaining("no devices are attached");
    }
    assertThatThrownBy(() -> FileSystems.newFileSystem(file, Map.of("offset", "x")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("offset 'x': expected a number of bytes");
  }

  @Test
  void imagesOpenInsideImages() throws IOException {
    GoldenFiles golden = GoldenFiles.write("02-extended-inode", temp);
    MemoryTree outer = new MemoryTree();
    outer.file("inner.erofs", Files.readAllBytes(golden.file()));
    try (FileSystem image = TestFileSystems.fileSystem(outer, temp.resolve("outer"));
        FileSystem inner = FileSystems.newFileSystem(image.getPath("inner.erofs"));
        Stream<Path> paths = Files.walk(inner.getPath("/"))) {
      assertThat(paths.map(Path::toString).sorted())
          .containsExactlyElementsOf(golden.manifest().keySet());
    }
  }

  @Test
  void directoriesInsideThemselvesEndWalks() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.directory("a");
    tree.directory("a/sub");
    var built = ImageBuilder.defaults().buildLayout(tree, temp.resolve("tree"));
    Path bootstrap = temp.resolve("tree/blobs/sha256").resolve(built.bootstrapDigest().hex());
    // After '.' and '..'.
    byte[] looped = LoopedImage.of(Files.readAllBytes(bootstrap), "a", 2);
    Path file = Files.write(temp.resolve("looped"), looped);
    try (FileSystem image = FileSystems.newFileSystem(file)) {
      for (String start : List.of("/", "a", "/a/sub/../../a")) {
        assertThatThrownBy(
                () -> {
                  try (Stream<Path> paths = Files.walk(image.getPath(start))) {
                    assertThat(paths.limit(100).count()).isLessThan(100);
                  }
                })
            .hasRootCauseInstanceOf(FileSystemLoopException.class);
      }
      assertThatThrownBy(() -> Files.list(image.getPath("/a/sub/sub")))
          .isInstanceOf(FileSystemLoopException.class)
          .hasMessage("/a/sub/sub");
    }
  }

  @Test
  void damageIsSaidAndNeverServed() throws IOException {
    GoldenFiles golden = GoldenFiles.write("02-extended-inode", temp);
    byte[] bytes = Files.readAllBytes(golden.file());
    bytes[1024 + 40] ^= 1;
    Path file = Files.write(temp.resolve("damaged"), bytes);
    assertThatThrownBy(() -> FileSystems.newFileSystem(file))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("damaged");
    origin.fault(
        request -> request.path().equals(largestObject()), answer -> answer.flipAt = 1_000);
    URI uri = URI.create("erofs:" + origin.url() + "/app");
    try (FileSystem image = FileSystems.newFileSystem(uri, Map.of())) {
      assertThatThrownBy(() -> Files.readAllBytes(image.getPath("big")))
          .isInstanceOf(CorruptDataException.class);
      origin.heal();
      assertThat(Files.readAllBytes(image.getPath("big"))).isEqualTo(BIG);
    }
  }

  private String largestObject() {
    try (Stream<Path> objects = Files.list(temp.resolve("app/blobs/sha256"))) {
      Path largest = objects.max(Comparator.comparing(path -> path.toFile().length())).get();
      return temp.relativize(largest).toString();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
