package dev.aquifer.nio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.blob.CacheStore;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.MemoryTree;
import dev.aquifer.build.TestTrees;
import dev.aquifer.image.GoldenFiles;
import dev.aquifer.image.Image;
import dev.aquifer.io.BackendException;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.RefusedException;
import dev.aquifer.io.Sha256;
import dev.aquifer.testing.FaultyOrigin;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OpenedImageTest {
  private static final byte[] DATA = TestTrees.noise(1, 700_000);
  private static final String BLOBDEV = "73-chunk-blobdev";

  @TempDir Path temp;
  private FaultyOrigin origin;

  @BeforeEach
  void build() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.directory("etc");
    tree.file("etc/name", MemoryTree.bytes("aquifer\n"));
    tree.file("data", DATA);
    ImageBuilder.defaults().buildLayout(tree, temp.resolve("app"));
    tree.file("more", TestTrees.noise(2, 100_000));
    ImageBuilder.defaults().buildLayout(tree, temp.resolve("same"));
    origin = FaultyOrigin.serve(temp);
  }

  @AfterEach
  void close() throws IOException {
    origin.close();
  }

  private static byte[] read(OpenedImage opened, String path) throws IOException {
    Image image = opened.image();
    ByteSource data = image.open(image.lookup(path));
    return data.readBytes(0, (int) data.sizeBytes());
  }

  private void assertHoldsTree(OpenedImage opened) throws IOException {
    assertThat(read(opened, "etc/name")).isEqualTo(MemoryTree.bytes("aquifer\n"));
    assertThat(read(opened, "data")).isEqualTo(DATA);
  }

  private static List<Path> temporaryDirectories() throws IOException {
    return entries(Path.of(System.getProperty("java.io.tmpdir")));
  }

  private void assertHoldsGolden(OpenedImage opened, GoldenFiles golden) throws IOException {
    int files = 0;
    for (Map.Entry<String, Map<String, Object>> entry : golden.manifest().entrySet()) {
      if (entry.getValue().containsKey("sha256")) {
        byte[] bytes = read(opened, entry.getKey());
        assertThat(Sha256.hash(bytes).hex())
            .as(entry.getKey())
            .isEqualTo(entry.getValue().get("sha256"));
        files++;
      }
    }
    assertThat(files).isPositive();
  }

  @Test
  void opensALocalLayout() throws IOException {
    String reference = temp.resolve("app").toString();
    try (OpenedImage opened = OpenedImage.open(reference, OpenOptions.DEFAULT)) {
      assertHoldsTree(opened);
      assertThat(opened.name()).isEqualTo(reference);
      assertThat(opened.isVerified()).isTrue();
    }
    String url = temp.resolve("app").toUri().toString();
    try (OpenedImage opened = OpenedImage.open(url, OpenOptions.DEFAULT)) {
      assertHoldsTree(opened);
    }
  }

  @Test
  void opensARemoteLayoutAndFetchesDataWhenItIsRead() throws IOException {
    String url = origin.url() + "/app?token=secret";
    try (OpenedImage opened = OpenedImage.open(url, OpenOptions.DEFAULT)) {
      assertThat(origin.requests("")).as("index, manifest, bootstrap").isEqualTo(3);
      assertThat(read(opened, "etc/name")).hasSize(8);
      assertThat(origin.requests("")).as("small files are in the bootstrap").isEqualTo(3);
      assertHoldsTree(opened);
      assertThat(origin.requests("")).isLessThanOrEqualTo(6);
      assertThat(opened.name()).isEqualTo(origin.url() + "/app");
      assertThat(opened.image().name())
          .startsWith(origin.url() + "/app: bootstrap sha256:")
          .doesNotContain("secret");
    }
  }

  @Test
  void opensALocalFile() throws IOException {
    GoldenFiles golden = GoldenFiles.write("02-extended-inode", temp);
    try (OpenedImage opened = OpenedImage.open(golden.file().toString(), OpenOptions.DEFAULT)) {
      assertHoldsGolden(opened, golden);
      assertThat(opened.isVerified()).isFalse();
    }
  }

  @Test
  void opensAFileSystemInsideAFile() throws IOException {
    GoldenFiles golden = GoldenFiles.write("02-extended-inode", temp);
    byte[] bytes = Files.readAllBytes(golden.file());
    byte[] shifted = new byte[bytes.length + 5_000];
    System.arraycopy(bytes, 0, shifted, 5_000, bytes.length);
    Path file = Files.write(temp.resolve("shifted"), shifted);
    OpenOptions options = OpenOptions.DEFAULT.withOffsetBytes(5_000);
    for (String reference : List.of(file.toString(), origin.url() + "/shifted")) {
      try (OpenedImage opened = OpenedImage.open(reference, options)) {
        assertHoldsGolden(opened, golden);
      }
    }
    assertThatThrownBy(
            () -> OpenedImage.open(file.toString(), OpenOptions.DEFAULT.withOffsetBytes(1L << 40)))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("no file system can begin at byte 1099511627776");
  }

  @Test
  void opensFilesWithDevicesLocalAndRemote() throws IOException {
    GoldenFiles golden = GoldenFiles.write(BLOBDEV, temp);
    String device = golden.devices().getFirst().toString();
    String url = origin.url() + "/" + golden.file().getFileName();
    for (String reference : List.of(golden.file().toString(), url)) {
      for (String one :
          List.of(device, origin.url() + "/" + golden.devices().getFirst().getFileName())) {
        try (OpenedImage opened =
            OpenedImage.open(reference, OpenOptions.DEFAULT.withDevices(List.of(one)))) {
          assertHoldsGolden(opened, golden);
        }
      }
    }
    try (OpenedImage opened = OpenedImage.open(url, OpenOptions.DEFAULT)) {
      assertThat(opened.image().deviceSlots()).hasSize(1);
    }
    assertThatThrownBy(
            () -> OpenedImage.open(url, OpenOptions.DEFAULT.withDevices(List.of(device, device))))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("2 devices are given");
  }

  @Test
  void opensARemoteFileThroughItsUrlAlone() throws IOException {
    GoldenFiles golden = GoldenFiles.write("02-extended-inode", temp);
    String url = origin.url() + "/" + golden.file().getFileName();
    try (OpenedImage opened = OpenedImage.open(url, OpenOptions.DEFAULT)) {
      assertHoldsGolden(opened, golden);
      assertThat(opened.isVerified()).isFalse();
    }
  }

  @Test
  void aSmallFileOfALargeRemoteFileTakesFewRequests() throws Exception {
    Requires.tool("mkfs.erofs");
    Path tree = Files.createDirectory(temp.resolve("tree"));
    Files.write(tree.resolve("a"), TestTrees.noise(3, 12 << 20));
    Files.createDirectory(tree.resolve("etc"));
    for (int i = 0; i < 600; i++) {
      Files.write(tree.resolve("etc/a name that is not too short " + i), new byte[3000]);
    }
    Files.writeString(tree.resolve("etc/name"), "aquifer");
    Files.write(tree.resolve("z"), TestTrees.noise(4, 12 << 20));
    Path file = temp.resolve("tree.erofs");
    Process mkfs =
        new ProcessBuilder("mkfs.erofs", "--quiet", file.toString(), tree.toString()).start();
    assertThat(mkfs.waitFor()).isZero();

    origin.clearLog();
    try (OpenedImage opened = OpenedImage.open(origin.url() + "/tree.erofs", OpenOptions.DEFAULT)) {
      assertThat(read(opened, "etc/name")).isEqualTo(MemoryTree.bytes("aquifer"));
    }
    assertThat(origin.requests("")).as("layout, size, at most three").isLessThanOrEqualTo(5);
  }

  @Test
  void aMirrorStepsIn() throws Exception {
    String url = origin.url() + "/app";
    try (FaultyOrigin other = FaultyOrigin.serve(temp)) {
      OpenOptions options = OpenOptions.DEFAULT.withMirrors(List.of(other.url() + "/app"));
      try (OpenedImage opened = OpenedImage.open(url, options)) {
        assertThat(other.requests("")).isZero();
        origin.close();
        assertHoldsTree(opened);
        assertThat(other.requests("app/blobs/")).isPositive();
      }
      try (OpenedImage opened = OpenedImage.open(url, options)) {
        assertHoldsTree(opened);
      }
    }
    Files.write(temp.resolve("file"), new byte[5000]);
    OpenOptions options = OpenOptions.DEFAULT.withMirrors(List.of(temp.resolve("app").toString()));
    assertThatThrownBy(() -> OpenedImage.open(temp.resolve("file").toString(), options))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("is a file: expected an image layout, as mirrors are given");
  }

  @Test
  void keepsWhatIsFetchedInMemory() throws Exception {
    Path memory = Path.of("/dev/shm");
    Requires.that(
        Files.isDirectory(memory) && Files.getFileStore(memory).type().equals("tmpfs"),
        "a tmpfs at /dev/shm");
    List<Path> before = temporaryDirectories();
    List<Path> inMemory = entries(memory);
    OpenOptions options = OpenOptions.DEFAULT.withInMemory(true);
    try (OpenedImage opened = OpenedImage.open(origin.url() + "/app", options)) {
      assertHoldsTree(opened);
      assertThat(temporaryDirectories()).isEqualTo(before);
      List<Path> now = new ArrayList<>(entries(memory));
      now.removeAll(inMemory);
      assertThat(now).hasSize(1);
      assertThat(Files.getPosixFilePermissions(now.getFirst()))
          .isEqualTo(PosixFilePermissions.fromString("rwx------"));
    }
    assertThat(entries(memory)).isEqualTo(inMemory);
  }

  private static List<Path> entries(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.filter(path -> path.getFileName().toString().startsWith("aquifer-")).toList();
    }
  }

  @Test
  void sharesWhatADomainHas() throws IOException {
    OpenOptions shop =
        OpenOptions.DEFAULT.withCacheDirectory(temp.resolve("cache")).withDomainId("shop");
    try (OpenedImage first = OpenedImage.open(origin.url() + "/app", shop)) {
      assertHoldsTree(first);
      origin.clearLog();
      try (OpenedImage again = OpenedImage.open(origin.url() + "/app", shop);
          OpenedImage other = OpenedImage.open(origin.url() + "/app", shop.withDomainId("other"))) {
        assertHoldsTree(again);
        assertThat(origin.requests("app/blobs/")).as("the manifests").isEqualTo(3);
        assertHoldsTree(other);
        assertThat(origin.bodyBytes("app/blobs/")).isGreaterThan(DATA.length);
      }
      assertHoldsTree(first);
    }
    origin.clearLog();
    try (OpenedImage later = OpenedImage.open(origin.url() + "/app", shop)) {
      assertHoldsTree(later);
    }
    assertThat(origin.requests("app/blobs/")).isEqualTo(1);
  }

  @Test
  void keepsAReferencesOwnBytesWithoutADomain() throws IOException {
    OpenOptions options = OpenOptions.DEFAULT.withCacheDirectory(temp.resolve("cache"));
    for (int i = 0; i < 2; i++) {
      origin.clearLog();
      try (OpenedImage one = OpenedImage.open(origin.url() + "/app", options);
          OpenedImage two = OpenedImage.open(origin.url() + "/app", options)) {
        assertHoldsTree(one);
        assertHoldsTree(two);
      }
    }
    assertThat(origin.requests("app/blobs/")).as("the manifest, twice").isEqualTo(2);
  }

  @Test
  void saysWhoUsesTheCache() throws IOException {
    Path cache = temp.resolve("cache");
    try (CacheStore _ = CacheStore.open(cache)) {
      assertThatThrownBy(
              () ->
                  OpenedImage.open(
                      temp.resolve("app").toString(),
                      OpenOptions.DEFAULT.withCacheDirectory(cache)))
          .isInstanceOf(RefusedException.class)
          .hasMessageContaining("is in use by this process")
          .hasMessageContaining("choose another cache directory");
    }
    assertThatThrownBy(
            () ->
                OpenedImage.open(
                    temp.resolve("app").toString(), OpenOptions.DEFAULT.withDomainId("shop")))
        .isInstanceOf(RefusedException.class)
        .hasMessage(
            "domain 'shop': without a cache nothing is shared: expected a cache directory, too");
  }

  @Test
  void leavesNothingBehind() throws IOException {
    List<Path> before = temporaryDirectories();
    OpenedImage opened = OpenedImage.open(origin.url() + "/app", OpenOptions.DEFAULT);
    assertHoldsTree(opened);
    assertThat(temporaryDirectories()).hasSize(before.size() + 1);
    opened.close();
    opened.close();
    assertThatThrownBy(() -> read(opened, "data")).isInstanceOf(IOException.class);
    assertThatThrownBy(
            () ->
                OpenedImage.open(
                    temp.resolve("app").toString(),
                    OpenOptions.DEFAULT.withDevices(List.of("device"))))
        .isInstanceOf(RefusedException.class);
    assertThat(temporaryDirectories()).isEqualTo(before);
  }

  @Test
  void refusesWhatIsNoImage() throws IOException {
    Files.createDirectory(temp.resolve("empty"));
    Files.write(temp.resolve("text"), new byte[5_000]);
    assertRefused(temp.resolve("none"), RefusedException.class, "none: no such file or directory");
    assertRefused("", RefusedException.class, "'': no such file or directory");
    assertRefused(temp.resolve("empty"), RefusedException.class, "empty: is no image: expected");
    assertRefused(temp.resolve("text"), CorruptDataException.class, "text: ");
    assertRefused(origin.url() + "/none", BackendException.class, "/none/index.json");
    assertRefused(origin.url() + "/text", BackendException.class, "/text/index.json");
    assertRefused("ftp://host/x", RefusedException.class, "'ftp://host/x': expected a path");
  }

  private static void assertRefused(Object reference, Class<?> type, String message) {
    assertThatThrownBy(() -> OpenedImage.open(reference.toString(), OpenOptions.DEFAULT))
        .isInstanceOf(type)
        .hasMessageContaining(message)
        .hasMessageNotContaining("\n");
  }

  @Test
  void refusesSwappedBlobs() throws IOException {
    // The manifest of one image with the bootstrap of another.
    Path app = temp.resolve("app");
    String manifest = manifestOf(app);
    String wrong =
        manifest.replaceFirst(
            "(\"dev.aquifer.blob.id\"\\s*:\\s*\"(?:sha256:)?)[0-9a-f]{64}", "$1" + "ab".repeat(32));
    assertThat(wrong).isNotEqualTo(manifest);
    byte[] bytes = MemoryTree.bytes(wrong);
    Sha256 digest = Sha256.hash(bytes);
    Files.write(app.resolve("blobs/sha256").resolve(digest.hex()), bytes);
    Path index = app.resolve("index.json");
    Files.writeString(
        index,
        Files.readString(index)
            .replace(Sha256.hash(MemoryTree.bytes(manifest)).hex(), digest.hex())
            .replaceFirst("\"size\":\\s*\\d+", "\"size\":" + bytes.length));
    assertRefused(app, RefusedException.class, "expected the same blobs in the same order");
  }

  private static String manifestOf(Path layout) throws IOException {
    String index = Files.readString(layout.resolve("index.json"));
    String digest = index.replaceFirst("(?s).*\"sha256:([0-9a-f]{64})\".*", "$1");
    return Files.readString(layout.resolve("blobs/sha256").resolve(digest));
  }

  @Test
  void flippedBitsAreNeverServed() throws IOException {
    Path blobs = temp.resolve("app/blobs/sha256");
    Path largest;
    try (Stream<Path> files = Files.list(blobs)) {
      largest = files.max((a, b) -> Long.compare(a.toFile().length(), b.toFile().length())).get();
    }
    byte[] bytes = Files.readAllBytes(largest);
    bytes[bytes.length / 2] ^= 1;
    Files.write(largest, bytes);
    try (OpenedImage opened =
        OpenedImage.open(temp.resolve("app").toString(), OpenOptions.DEFAULT)) {
      assertThatThrownBy(() -> read(opened, "data")).isInstanceOf(CorruptDataException.class);
      assertThat(Arrays.equals(read(opened, "etc/name"), MemoryTree.bytes("aquifer\n"))).isTrue();
    }
  }
}
