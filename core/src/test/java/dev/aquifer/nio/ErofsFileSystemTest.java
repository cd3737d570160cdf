package dev.aquifer.nio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.build.FileStat;
import dev.aquifer.build.MemoryTree;
import dev.aquifer.build.TestTrees;
import dev.aquifer.image.FileType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.ClosedFileSystemException;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileSystems;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.NotLinkException;
import java.nio.file.Path;
import java.nio.file.ReadOnlyFileSystemException;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.DosFileAttributeView;
import java.nio.file.attribute.FileOwnerAttributeView;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ErofsFileSystemTest {
  private static final byte[] BIG = TestTrees.noise(7, 3_000_001);
  private static final LinkOption NOFOLLOW = LinkOption.NOFOLLOW_LINKS;

  @TempDir Path temp;
  private FileSystem image;

  @BeforeEach
  void open() throws IOException {
    MemoryTree tree = new MemoryTree();
    tree.directory("dir").owner(7, 4_294_967_294L).permissions(0750);
    tree.directory("dir/sub");
    tree.file("dir/text", MemoryTree.bytes("hello\n"))
        .owner(1000, 100)
        .permissions(04711)
        .mtime(1_234_567_890, 123_456_789)
        .xattr("user.color", "blue")
        .xattr("user.empty", "")
        .xattr("trusted.secret", "x");
    tree.file("dir/sub/big", BIG);
    tree.file("dir/.hidden", new byte[0]);
    tree.sparse("dir/hole", 1L << 40);
    tree.hardLink("dir/same", "dir/text");
    tree.link("link", "dir/text");
    tree.link("to-dir", "/dir");
    tree.link("dir/sub/up", "../../dir/./sub");
    tree.link("out", "../../../dir/text");
    tree.link("broken", "nowhere");
    tree.link("loop", "loop2");
    tree.link("loop2", "loop");
    tree.special("null", FileType.CHARACTER_DEVICE, FileStat.rdev(0xabc, 0x12345));
    tree.file("app.jar", jar());
    image = TestFileSystems.fileSystem(tree, temp.resolve("image"));
  }

  @AfterEach
  void close() throws IOException {
    image.close();
  }

  private static byte[] jar() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Manifest manifest = new Manifest();
    manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
    try (JarOutputStream jar = new JarOutputStream(bytes, manifest)) {
      jar.putNextEntry(new ZipEntry("inside.txt"));
      jar.write(MemoryTree.bytes("in a jar"));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return bytes.toByteArray();
  }

  private Path path(String text) {
    return image.getPath(text);
  }

  private static List<String> names(Path directory) throws IOException {
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
      List<String> names = new ArrayList<>();
      stream.forEach(path -> names.add(path.toString()));
      return names;
    }
  }

  @Test
  void readsFiles() throws IOException {
    assertThat(Files.readString(path("/dir/text"))).isEqualTo("hello\n");
    assertThat(Files.readString(path("dir/./sub/../text"))).isEqualTo("hello\n");
    assertThat(Files.readAllBytes(path("/dir/sub/big"))).isEqualTo(BIG);
    assertThat(Files.readAllLines(path("/link"))).containsExactly("hello");
    assertThat(Files.size(path("/dir/hole"))).isEqualTo(1L << 40);
    assertThat(Files.readAllBytes(path("/dir/.hidden"))).isEmpty();
    assertThat(Files.mismatch(path("/dir/text"), path("/dir/same"))).isEqualTo(-1);
    assertThat(Files.mismatch(path("/dir/text"), path("/dir/sub/big"))).isNotNegative();
  }

  @Test
  void listsDirectories() throws IOException {
    assertThat(names(path("/dir")))
        .containsExactly("/dir/.hidden", "/dir/hole", "/dir/same", "/dir/sub", "/dir/text");
    assertThat(names(path("to-dir/sub"))).containsExactly("to-dir/sub/big", "to-dir/sub/up");
    assertThat(names(path(""))).contains("dir", "link").hasSize(9);
    assertThat(names(path("/"))).contains("/dir", "/link").hasSize(9);
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(path("/dir"), "*t*")) {
      assertThat(stream).extracting(Path::toString).containsExactly("/dir/text");
    }
  }

  @Test
  void directoryStreamsKeepTheirContract() throws IOException {
    DirectoryStream<Path> stream = Files.newDirectoryStream(path("/dir"));
    Iterator<Path> iterator = stream.iterator();
    assertThatThrownBy(stream::iterator).isInstanceOf(IllegalStateException.class);
    assertThat(iterator.hasNext()).isTrue();
    stream.close();
    stream.close();
    assertThat(iterator.next()).hasToString("/dir/.hidden");
    assertThat(iterator.hasNext()).isFalse();
    assertThatThrownBy(iterator::next).isInstanceOf(NoSuchElementException.class);
    assertThatThrownBy(iterator::remove).isInstanceOf(UnsupportedOperationException.class);
    assertThatThrownBy(stream::iterator).isInstanceOf(IllegalStateException.class);
    try (DirectoryStream<Path> failing =
        Files.newDirectoryStream(
            path("/dir"),
            entry -> {
              throw new IOException("no");
            })) {
      assertThatThrownBy(() -> failing.iterator().hasNext())
          .isInstanceOf(DirectoryIteratorException.class)
          .hasRootCauseMessage("no");
    }
  }

  @Test
  void walks() throws IOException {
    try (Stream<Path> paths = Files.walk(path("/dir"))) {
      assertThat(paths.map(Path::toString))
          .containsExactly(
              "/dir",
              "/dir/.hidden",
              "/dir/hole",
              "/dir/same",
              "/dir/sub",
              "/dir/sub/big",
              "/dir/sub/up",
              "/dir/text");
    }
    try (Stream<Path> found = Files.find(path("/"), 9, (path, facts) -> facts.isSymbolicLink())) {
      assertThat(found).hasSize(7);
    }
    List<Path> visited = new ArrayList<>();
    List<String> failed = new ArrayList<>();
    Files.walkFileTree(
        path("/dir/sub"),
        Set.of(FileVisitOption.FOLLOW_LINKS),
        9,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes facts) {
            visited.add(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) {
            failed.add(file + " " + e.getClass().getSimpleName());
            return FileVisitResult.CONTINUE;
          }
        });
    assertThat(visited).containsExactly(path("/dir/sub/big"));
    assertThat(failed).containsExactly("/dir/sub/up FileSystemLoopException");
  }

  @Test
  void followsLinksInsideTheImage() throws IOException {
    assertThat(Files.readSymbolicLink(path("/dir/sub/up"))).hasToString("../../dir/./sub");
    assertThat(Files.readString(path("/out"))).isEqualTo("hello\n");
    assertThat(path("/dir/sub/up/up/../text").toRealPath()).hasToString("/dir/text");
    assertThat(path("to-dir/text").toRealPath()).hasToString("/dir/text");
    assertThat(path("/link").toRealPath()).isEqualTo(path("/dir/text"));
    assertThat(path("").toRealPath()).hasToString("/");
    assertThat(path("/link").toRealPath(NOFOLLOW)).hasToString("/link");
    assertThat(path("to-dir/../link").toRealPath(NOFOLLOW)).hasToString("/to-dir/../link");
    assertThat(path("/dir/sub/../text/.").toAbsolutePath().normalize().toRealPath(NOFOLLOW))
        .hasToString("/dir/text");
    assertThat(path("dir/./sub/..").toRealPath(NOFOLLOW)).hasToString("/dir");
    assertThat(Files.isDirectory(path("/to-dir"))).isTrue();
    assertThat(Files.isDirectory(path("/to-dir"), NOFOLLOW)).isFalse();
    assertThat(Files.isSymbolicLink(path("/to-dir"))).isTrue();
    assertThat(Files.exists(path("/broken"))).isFalse();
    assertThat(Files.exists(path("/broken"), NOFOLLOW)).isTrue();
  }

  @Test
  void failuresNameThePath() {
    assertFails(NoSuchFileException.class, "/none", () -> Files.readString(path("/none")));
    assertFails(NoSuchFileException.class, "none/x", () -> Files.size(path("none/x")));
    assertFails(NoSuchFileException.class, "/broken", () -> Files.readString(path("/broken")));
    assertFails(NoSuchFileException.class, "/none", () -> path("/none").toRealPath());
    assertFails(NoSuchFileException.class, "/none", () -> path("/none").toRealPath(NOFOLLOW));
    assertFails(NoSuchFileException.class, "/link/x", () -> Files.size(path("/link/x")));
    assertFails(NoSuchFileException.class, "/none", () -> Files.getFileStore(path("/none")));
    assertFails(NotDirectoryException.class, "/link/x", () -> Files.readString(path("/link/x")));
    assertFails(NotDirectoryException.class, "/dir/text", () -> Files.list(path("/dir/text")));
    assertFails(NotLinkException.class, "/dir", () -> Files.readSymbolicLink(path("/dir")));
    assertFails(FileSystemLoopException.class, "/loop", () -> Files.readString(path("/loop")));
    assertFails(FileSystemLoopException.class, "/loop/x", () -> Files.size(path("/loop/x")));
    assertThatThrownBy(() -> Files.readString(path("/dir")))
        .isInstanceOf(FileSystemException.class)
        .hasMessage("/dir: is a directory, no regular file");
    assertThatThrownBy(() -> Files.readString(path("/null")))
        .hasMessage("/null: is a character device, no regular file");
    assertThatThrownBy(() -> Files.newByteChannel(path("/link"), NOFOLLOW))
        .hasMessage("/link: is a symbolic link, no regular file");
    assertThat(Files.notExists(path("/none"))).isTrue();
    assertThat(Files.notExists(path("/dir/text/x"))).isTrue();
  }

  private static void assertFails(
      Class<? extends FileSystemException> type, String path, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isExactlyInstanceOf(type)
        .extracting(e -> ((FileSystemException) e).getFile())
        .isEqualTo(path);
  }

  @Test
  void tellsWhetherFilesAreTheSame() throws IOException {
    assertThat(Files.isSameFile(path("/dir/text"), path("/dir/same"))).isTrue();
    assertThat(Files.isSameFile(path("/dir/text"), path("link"))).isTrue();
    assertThat(Files.isSameFile(path("/dir/text"), path("/dir/hole"))).isFalse();
    assertThat(Files.isSameFile(path("/none"), path("/none"))).isTrue();
    assertThat(Files.isSameFile(path("/dir"), Path.of("/"))).isFalse();
    assertThatThrownBy(() -> Files.isSameFile(path("/none"), path("/dir")))
        .isInstanceOf(NoSuchFileException.class);
    try (FileSystem other = FileSystems.newFileSystem(temp.resolve("image"))) {
      assertThat(Files.isSameFile(path("/dir"), other.getPath("/dir"))).isFalse();
      assertThat(Files.getAttribute(path("/dir"), "fileKey"))
          .isEqualTo(Files.getAttribute(path("/to-dir"), "fileKey"))
          .isNotEqualTo(Files.getAttribute(other.getPath("/dir"), "fileKey"));
    }
  }

  @Test
  void showsBasicAndPosixAttributes() throws IOException {
    PosixFileAttributes facts = Files.readAttributes(path("/link"), PosixFileAttributes.class);
    assertThat(facts.size()).isEqualTo(6);
    assertThat(facts.isRegularFile()).isTrue();
    assertThat(facts.isDirectory() || facts.isOther() || facts.isSymbolicLink()).isFalse();
    FileTime time = FileTime.from(Instant.ofEpochSecond(1_234_567_890, 123_456_789));
    assertThat(facts.lastModifiedTime()).isEqualTo(time);
    assertThat(facts.lastAccessTime()).isEqualTo(time);
    assertThat(facts.creationTime()).isEqualTo(time);
    assertThat(PosixFilePermissions.toString(facts.permissions())).isEqualTo("rwx--x--x");
    assertThat(facts.owner().getName()).isEqualTo("1000");
    assertThat(facts.group().getName()).isEqualTo("100");
    BasicFileAttributes link =
        Files.readAttributes(path("/link"), BasicFileAttributes.class, NOFOLLOW);
    assertThat(link.isSymbolicLink()).isTrue();
    assertThat(link.size()).isEqualTo(8);
    assertThat(Files.readAttributes(path("/null"), BasicFileAttributes.class).isOther()).isTrue();
    assertThat(Files.getOwner(path("/dir")).getName()).isEqualTo("7");
    assertThat(Files.getOwner(path("/dir")))
        .isEqualTo(image.getUserPrincipalLookupService().lookupPrincipalByName("7"));
    assertThat(Files.getPosixFilePermissions(path("/dir")))
        .isEqualTo(PosixFilePermissions.fromString("rwxr-x---"));
    for (String name : List.of("root", "-1", "4294967296", "")) {
      assertThatThrownBy(
              () -> image.getUserPrincipalLookupService().lookupPrincipalByGroupName(name))
          .isInstanceOf(UserPrincipalNotFoundException.class);
    }
  }

  @Test
  void showsAttributesByName() throws IOException {
    Map<String, Object> all = Files.readAttributes(path("/dir/text"), "unix:*");
    assertThat(all)
        .containsEntry("mode", 0104711)
        .containsEntry("uid", 1000)
        .containsEntry("gid", 100)
        .containsEntry("nlink", 2)
        .containsEntry("rdev", 0L)
        .containsEntry("ctime", all.get("lastModifiedTime"))
        .containsEntry("ino", Files.getAttribute(path("/dir/same"), "unix:ino"))
        .containsEntry("dev", Files.getAttribute(path("/"), "unix:dev"))
        .containsEntry("size", 6L);
    // As many, of the same names and types, as the JDK has for a file of its own.
    Map<String, Object> ofTheJdk =
        Files.readAttributes(Files.createFile(temp.resolve("file")), "unix:*");
    assertThat(all.keySet()).isEqualTo(ofTheJdk.keySet());
    ofTheJdk.forEach(
        (name, value) -> {
          if (!name.equals("fileKey") && !name.equals("owner") && !name.equals("group")) {
            assertThat(value.getClass().isInstance(all.get(name)) || value instanceof Set)
                .as(name)
                .isTrue();
          }
        });
    for (String view : List.of("*", "basic:*", "posix:*", "owner:*", "posix:size,owner")) {
      assertThat(Files.readAttributes(path("/dir"), view).keySet())
          .as(view)
          .isEqualTo(Files.readAttributes(temp, view).keySet());
    }
    assertThat(Files.getAttribute(path("/dir"), "unix:gid")).isEqualTo(-2);
    assertThat(Files.getAttribute(path("/null"), "unix:rdev"))
        .isEqualTo(0xabcL << 8 | 0x45 | 0x123L << 20);
    assertThatThrownBy(() -> Files.readAttributes(path("/dir"), "unix:color"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("attribute 'color'");
    assertThatThrownBy(() -> Files.readAttributes(path("/dir"), "dos:*"))
        .isInstanceOf(UnsupportedOperationException.class);
    assertThatThrownBy(() -> Files.readAttributes(path("/none"), "*"))
        .isInstanceOf(NoSuchFileException.class);
  }

  @Test
  void showsUserAttributes() throws IOException {
    UserDefinedFileAttributeView view =
        Files.getFileAttributeView(path("/link"), UserDefinedFileAttributeView.class);
    assertThat(view.list()).containsExactly("color", "empty");
    assertThat(view.size("color")).isEqualTo(4);
    ByteBuffer buffer = ByteBuffer.allocate(10);
    assertThat(view.read("color", buffer)).isEqualTo(4);
    assertThat(new String(buffer.array(), 0, 4, StandardCharsets.UTF_8)).isEqualTo("blue");
    assertThat(view.read("empty", buffer)).isZero();
    assertThatThrownBy(() -> view.read("color", ByteBuffer.allocate(3)))
        .isInstanceOf(FileSystemException.class)
        .hasMessageContaining("has 4 bytes, more than the 3 of the buffer");
    assertThatThrownBy(() -> view.size("shape")).hasMessage("/link: has no attribute user.shape");
    assertThatThrownBy(() -> view.delete("color")).isInstanceOf(ReadOnlyFileSystemException.class);
    assertThat(Files.getAttribute(path("/link"), "user:color"))
        .isEqualTo("blue".getBytes(StandardCharsets.UTF_8));
    assertThat(Files.readAttributes(path("/link"), "user:*")).containsOnlyKeys("color", "empty");
  }

  @Test
  void hasViews() throws IOException {
    assertThat(image.supportedFileAttributeViews())
        .containsExactlyInAnyOrder("basic", "owner", "posix", "unix", "user");
    Path text = path("/dir/text");
    assertThat(Files.getFileAttributeView(text, BasicFileAttributeView.class).name())
        .isEqualTo("basic");
    assertThat(Files.getFileAttributeView(text, FileOwnerAttributeView.class).getOwner())
        .hasToString("1000");
    assertThat(
            Files.getFileAttributeView(path("/link"), PosixFileAttributeView.class, NOFOLLOW)
                .readAttributes()
                .isSymbolicLink())
        .isTrue();
    assertThat(Files.getFileAttributeView(text, DosFileAttributeView.class)).isNull();
    assertThat(Files.getFileAttributeView(path("/none"), BasicFileAttributeView.class)).isNotNull();
  }

  @Test
  void everyChangeIsRefused() {
    Path text = path("/dir/text");
    Path fresh = path("/fresh");
    List<ThrowingCallable> changes =
        List.of(
            () -> Files.writeString(fresh, "x"),
            () -> Files.newOutputStream(text),
            () -> Files.newByteChannel(text, StandardOpenOption.READ, StandardOpenOption.WRITE),
            () -> FileChannel.open(text, StandardOpenOption.APPEND),
            () -> Files.newByteChannel(text, StandardOpenOption.DELETE_ON_CLOSE),
            () -> Files.createFile(fresh),
            () -> Files.createDirectory(fresh),
            () -> Files.createSymbolicLink(fresh, text),
            () -> Files.createLink(fresh, text),
            () -> Files.delete(text),
            () -> Files.deleteIfExists(fresh),
            () -> Files.copy(text, fresh),
            () -> Files.copy(temp.resolve("image/index.json"), fresh),
            () -> Files.move(text, fresh),
            () -> Files.setLastModifiedTime(text, FileTime.fromMillis(0)),
            () -> Files.setPosixFilePermissions(text, Set.of()),
            () -> Files.setOwner(text, Files.getOwner(text)),
            () -> Files.setAttribute(text, "unix:mode", 0));
    for (int i = 0; i < changes.size(); i++) {
      assertThatThrownBy(changes.get(i))
          .as("change %d", i)
          .isInstanceOf(ReadOnlyFileSystemException.class);
    }
  }

  @Test
  void copiesOutOfTheImage() throws IOException {
    Path copy = temp.resolve("copy");
    CopyOption[] all = {StandardCopyOption.COPY_ATTRIBUTES, StandardCopyOption.REPLACE_EXISTING};
    Files.copy(path("/dir/text"), copy, all);
    assertThat(copy).hasContent("hello\n");
    assertThat(Files.getLastModifiedTime(copy))
        .isEqualTo(Files.getLastModifiedTime(path("/dir/text")));
    Files.copy(path("/dir/sub/big"), copy, all);
    assertThat(copy).hasBinaryContent(BIG);
    assertThat(Files.copy(path("/dir/sub/big"), new ByteArrayOutputStream())).isEqualTo(BIG.length);
  }

  @Test
  void channelsReadAtAnyPosition() throws IOException {
    try (FileChannel channel = FileChannel.open(path("/dir/sub/big"))) {
      assertThat(channel.size()).isEqualTo(BIG.length);
      ByteBuffer heap = ByteBuffer.allocate(1_500_000);
      heap.position(7);
      assertThat(channel.read(heap, 1_000_003)).isEqualTo(1_499_993);
      assertThat(Arrays.copyOfRange(heap.array(), 7, 1_500_000))
          .isEqualTo(Arrays.copyOfRange(BIG, 1_000_003, 2_499_996));
      assertThat(channel.position()).isZero();
      ByteBuffer direct = ByteBuffer.allocateDirect(100);
      assertThat(channel.position(BIG.length - 60L).read(direct)).isEqualTo(60);
      assertThat(channel.position()).isEqualTo(BIG.length);
      assertThat(channel.read(direct)).isEqualTo(-1);
      assertThat(channel.position(Long.MAX_VALUE).read(direct)).isEqualTo(-1);
      assertThat(channel.read(direct, BIG.length)).isEqualTo(-1);
      direct.flip();
      byte[] end = new byte[60];
      direct.get(end);
      assertThat(end).isEqualTo(Arrays.copyOfRange(BIG, BIG.length - 60, BIG.length));
      ByteBuffer[] parts = {ByteBuffer.allocate(3), ByteBuffer.allocate(0), ByteBuffer.allocate(5)};
      assertThat(channel.position(10).read(parts)).isEqualTo(8);
      assertThat(parts[2].array()).isEqualTo(Arrays.copyOfRange(BIG, 13, 18));
      assertThat(channel.position()).isEqualTo(18);
    }
  }

  @Test
  void channelsTransfer() throws IOException {
    Path copy = temp.resolve("copy");
    try (FileChannel from = FileChannel.open(path("/dir/sub/big"));
        FileChannel to =
            FileChannel.open(copy, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      assertThat(from.transferTo(5, Long.MAX_VALUE, to)).isEqualTo(BIG.length - 5);
      assertThat(from.transferTo(BIG.length + 1L, 5, to)).isZero();
      assertThat(to.position()).isEqualTo(BIG.length - 5);
      assertThat(to.transferFrom(from, 0, 5)).isEqualTo(5);
    }
    byte[] expected = Arrays.copyOfRange(BIG, 5, BIG.length);
    System.arraycopy(BIG, 0, expected, 0, 5);
    assertThat(copy).hasBinaryContent(expected);
  }

  @Test
  void channelsChangeNothing() throws IOException {
    FileChannel channel = FileChannel.open(path("/dir/text"));
    ByteBuffer one = ByteBuffer.allocate(1);
    List<ThrowingCallable> changes =
        List.of(
            () -> channel.write(one),
            () -> channel.write(one, 0),
            () -> channel.write(new ByteBuffer[] {one}),
            () -> channel.truncate(0),
            () -> channel.transferFrom(channel, 0, 1));
    for (ThrowingCallable change : changes) {
      assertThatThrownBy(change).isInstanceOf(NonWritableChannelException.class);
    }
    assertThatThrownBy(() -> channel.map(FileChannel.MapMode.READ_ONLY, 0, 1))
        .isInstanceOf(UnsupportedOperationException.class);
    assertThatThrownBy(() -> channel.read(one.asReadOnlyBuffer(), 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> channel.read(one, -1)).isInstanceOf(IllegalArgumentException.class);
    channel.force(true);
    channel.close();
    assertThatThrownBy(() -> channel.read(one)).isInstanceOf(ClosedChannelException.class);
    assertThatThrownBy(channel::size).isInstanceOf(ClosedChannelException.class);
    assertThatThrownBy(() -> channel.write(one)).isInstanceOf(ClosedChannelException.class);
  }

  @Test
  void tellsWhatMayBeDone() throws IOException {
    assertThat(Files.isReadable(path("/dir/text"))).isTrue();
    assertThat(Files.isWritable(path("/dir/text"))).isFalse();
    assertThat(Files.isExecutable(path("/dir/text"))).isTrue();
    assertThat(Files.isExecutable(path("/dir/sub/big"))).isFalse();
    assertThat(Files.isReadable(path("/none"))).isFalse();
    assertThat(Files.isHidden(path("/dir/.hidden"))).isTrue();
    assertThat(Files.isHidden(path("/"))).isFalse();
    assertThatThrownBy(
            () -> image.provider().checkAccess(path("/link"), java.nio.file.AccessMode.WRITE))
        .isInstanceOf(AccessDeniedException.class)
        .hasMessage("/link: read-only");
    assertThat(image.isReadOnly()).isTrue();
    assertThat(image.getRootDirectories()).containsExactly(path("/"));
    assertThatThrownBy(image::newWatchService).isInstanceOf(UnsupportedOperationException.class);
  }

  @Test
  void hasAStore() throws IOException {
    FileStore store = Files.getFileStore(path("/dir"));
    assertThat(store.type()).isEqualTo("erofs");
    assertThat(store.name()).isEqualTo(temp.resolve("image").toString());
    assertThat(store.isReadOnly()).isTrue();
    assertThat(store.getTotalSpace()).isGreaterThan(BIG.length);
    assertThat(store.getUsableSpace()).isZero();
    assertThat(store.getAttribute("totalSpace")).isEqualTo(store.getTotalSpace());
    assertThat(store.supportsFileAttributeView("posix")).isTrue();
    assertThat(store.supportsFileAttributeView(PosixFileAttributeView.class)).isTrue();
    assertThat(image.getFileStores()).hasSize(1);
  }

  @Test
  void closingClosesEverything() throws IOException {
    Path text = path("/dir/text");
    SeekableByteChannel channel = Files.newByteChannel(path("/dir/sub/big"));
    DirectoryStream<Path> stream = Files.newDirectoryStream(path("/dir"));
    image.close();
    image.close();
    assertThat(image.isOpen()).isFalse();
    assertThat(channel.isOpen()).isFalse();
    assertThatThrownBy(() -> channel.read(ByteBuffer.allocate(1)))
        .isInstanceOf(ClosedChannelException.class);
    assertThatThrownBy(stream::iterator).isInstanceOf(IllegalStateException.class);
    List<ThrowingCallable> calls =
        List.of(
            () -> Files.readString(text),
            () -> Files.size(text),
            () -> Files.list(path("/")),
            () -> Files.readSymbolicLink(path("/link")),
            () -> text.toRealPath(),
            () -> Files.readAttributes(text, "user:*"));
    for (ThrowingCallable call : calls) {
      assertThatThrownBy(call).isInstanceOf(ClosedFileSystemException.class);
    }
    assertThat(text.resolve("x")).hasToString("/dir/text/x");
  }

  @Test
  void manyThreadsReadAtOnce() throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(8);
        FileChannel shared = FileChannel.open(path("/dir/sub/big"))) {
      List<Future<Boolean>> results = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        int from = i * 40_000;
        Callable<Boolean> task =
            () -> {
              ByteBuffer buffer = ByteBuffer.allocate(100_000);
              shared.read(buffer, from);
              boolean isRight =
                  Arrays.equals(buffer.array(), Arrays.copyOfRange(BIG, from, from + 100_000));
              try (Stream<Path> paths = Files.walk(path("/"))) {
                return isRight
                    && paths.count() == 17
                    && Arrays.equals(Files.readAllBytes(path("/to-dir/sub/up/big")), BIG);
              }
            };
        results.add(threads.submit(task));
      }
      for (Future<Boolean> result : results) {
        assertThat(result.get()).isTrue();
      }
    }
  }

  @RepeatedTest(10)
  void closingAmongReadersGivesThemTheirBytesOrSaysSo() throws Exception {
    byte[] start = Arrays.copyOf(BIG, 300_000);
    CountDownLatch reading = new CountDownLatch(4);
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<Throwable>> ends = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        boolean isWalker = i == 0;
        ends.add(
            threads.submit(
                () -> {
                  try {
                    while (true) {
                      if (isWalker) {
                        Files.walkFileTree(path("/"), new SimpleFileVisitor<>() {});
                      } else {
                        try (SeekableByteChannel channel =
                            Files.newByteChannel(path("/dir/sub/big"))) {
                          ByteBuffer buffer = ByteBuffer.allocate(start.length);
                          channel.read(buffer);
                          assertThat(buffer.array()).isEqualTo(start);
                        }
                      }
                      reading.countDown();
                    }
                  } catch (Throwable e) {
                    return e;
                  }
                }));
      }
      reading.await();
      image.close();
      for (Future<Throwable> end : ends) {
        assertThat(end.get())
            .isInstanceOfAny(ClosedFileSystemException.class, ClosedChannelException.class);
      }
    }
  }

  @Test
  void aDirectoryStreamTellsWhatWasClosed() throws IOException {
    DirectoryStream<Path> closed = Files.newDirectoryStream(path("/"));
    closed.close();
    assertThatThrownBy(closed::iterator).isExactlyInstanceOf(IllegalStateException.class);
    try (DirectoryStream<Path> open = Files.newDirectoryStream(path("/"))) {
      image.close();
      assertThatThrownBy(open::iterator).isInstanceOf(ClosedFileSystemException.class);
    }
  }

  @Test
  void otherFileSystemsOpenInside() throws IOException {
    try (FileSystem jar = FileSystems.newFileSystem(path("/app.jar"))) {
      assertThat(Files.readString(jar.getPath("inside.txt"))).isEqualTo("in a jar");
    }
    try (var reader =
        Channels.newReader(Files.newByteChannel(path("/link")), StandardCharsets.UTF_8)) {
      assertThat(reader.read()).isEqualTo('h');
    }
  }
}
