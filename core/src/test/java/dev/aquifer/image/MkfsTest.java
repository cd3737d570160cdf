package dev.aquifer.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.io.ByteSource;
import dev.aquifer.io.FileSource;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Images that this machine's mkfs.erofs makes of a directory: the reader shows the directory, and
 * what the kernel shows of the image.
 */
@Tag("root")
class MkfsTest {
  private static final int LARGE_BYTES = 5 << 20;

  @TempDir static Path temp;

  private static Path source;
  private static SortedMap<String, Map<String, Object>> expected;

  @BeforeAll
  static void makeSource() throws IOException, InterruptedException {
    Requires.root();
    Requires.tool("mkfs.erofs");
    Requires.tool("setfattr");
    Requires.tool("getfattr");
    Requires.tool("setfacl");
    source = Files.createDirectory(temp.resolve("source"));
    Random random = new Random(7);
    for (int size : new int[] {0, 1, 100, 4095, 4096, 4097, 8191, 8192, 40_001, LARGE_BYTES}) {
      byte[] bytes = new byte[size];
      random.nextBytes(bytes);
      Files.write(source.resolve("file%07d".formatted(size)), bytes);
    }
    byte[] sparse = new byte[300_000];
    random.nextBytes(sparse);
    Arrays.fill(sparse, 4096, 200_000, (byte) 0);
    Files.write(source.resolve("sparse"), sparse);
    Files.write(source.resolve("text"), text(random, 3_000_001));
    Files.write(source.resolve("mostly-zeros"), Arrays.copyOf(text(random, 100), 9_000_000));
    Files.createDirectories(source.resolve("usr/bin/deep"));
    Files.writeString(source.resolve("usr/bin/tool"), "tool");
    Files.createDirectory(source.resolve("many"));
    for (int i = 0; i < 2000; i++) {
      Files.writeString(source.resolve("many/name-%04d-%s".formatted(i, "x".repeat(i % 60))), "");
    }
    String script =
        """
        set -e
        ln -s usr/bin bin; ln -s /usr/bin/tool absolute; ln -s ../../../.. usr/bin/deep/up
        ln -s usr/bin/tool rel; ln -s nowhere dangling; ln -s loop-b loop-a; ln -s loop-a loop-b
        ln file0000100 hard; mkfifo fifo
        mknod chr c 1 3; mknod blk b 259 70000; mknod odd c 4095 1048575
        chown 70000:80000 file0000001; chown -h 12:34 rel; chmod 6755 usr/bin/tool; chmod 1777 many
        setfattr -n user.a -v value file0000100; setfattr -n user.empty file0000100
        setfattr -n trusted.t -v 0x00ff00 usr/bin; setfattr -n security.sec -v s file0004096
        for i in 0 1 2 3 4; do setfattr -n user.shared -v common$i-and-long-enough usr usr/bin many; done
        for f in file0000000 file0000001 file0004095 file0004097 sparse; do
          setfattr -n user.shared -v the-same-everywhere $f; done
        setfacl -m u:1000:rw usr/bin/tool; setfacl -d -m g:100:rx usr
        touch -h -d @1234567890.987654321 rel; touch -d @5000000000.5 usr/bin/tool
        touch -d @-86400.25 file0000001; touch -d @1500000000 .
        """;
    DirectoryListing.run(source, List.of("sh", "-c", script));
    expected = DirectoryListing.of(source);
    assertThat(expected.size()).isEqualTo(2031);
  }

  /** Words of a few letters. */
  private static byte[] text(Random random, int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) ("aeiou mnrst.\n ..".charAt(random.nextInt(4) * random.nextInt(5)));
    }
    return bytes;
  }

  private static Path mkfs(Path image, String options) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("mkfs.erofs", "--quiet"));
    if (!options.isEmpty()) {
      command.addAll(List.of(options.split(" ")));
    }
    command.addAll(List.of(image.toString(), source.toString()));
    DirectoryListing.run(temp, command);
    return image;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "-Enoinline_data",
        "-Eforce-inode-extended",
        "-x1",
        "--chunksize=4096 -Eforce-inode-blockmap",
        "--chunksize=4096 -Eforce-chunk-indexes",
        "--chunksize=65536",
        "-zlz4",
        "-zlz4hc,9 -C65536",
        "-zlz4 -C1048576 -Eztailpacking",
        "-zlz4 -Elegacy-compress",
        "-zlz4 -C16384 -Efragments",
        "-zlz4hc -C65536 -Eall-fragments",
        "-zlz4 -Ededupe",
        "-zlz4 -C32768 -Eztailpacking,fragments,dedupe",
        "-zlz4 -x1 --max-extent-bytes=65536",
      })
  void showsTheDirectoryAndWhatTheKernelShows(String options) throws Exception {
    Path file = mkfs(temp.resolve("one.erofs"), options);
    try (ByteSource bytes = FileSource.open(file)) {
      SortedMap<String, Map<String, Object>> shown = TreeListing.of(Image.open(bytes), true);
      TreeListing.assertSame(shown, expected);
      TreeListing.assertSame(shown, mounted(file));
    }
  }

  @ParameterizedTest
  @Tag("slow")
  @ValueSource(strings = {"-zlz4", "-zlz4hc,4 -C131072 -Eztailpacking", "-zlz4 -C65536 -Ededupe"})
  void readsAJdk(String options) throws Exception {
    Path jdk = Path.of(System.getProperty("java.home")).toRealPath();
    Path file = temp.resolve("jdk.erofs");
    List<String> command = new ArrayList<>(List.of("mkfs.erofs", "--quiet"));
    command.addAll(List.of(options.split(" ")));
    command.addAll(List.of(file.toString(), jdk.toString()));
    DirectoryListing.run(temp, command);
    try (ByteSource bytes = FileSource.open(file)) {
      TreeListing.assertSame(TreeListing.of(Image.open(bytes), true), DirectoryListing.of(jdk));
    } finally {
      Files.delete(file);
    }
  }

  private static SortedMap<String, Map<String, Object>> mounted(Path image) throws Exception {
    Path target = Files.createDirectories(temp.resolve("mnt"));
    DirectoryListing.run(
        temp, List.of("mount", "-t", "erofs", "-o", "ro", image.toString(), target.toString()));
    try {
      return DirectoryListing.of(target);
    } finally {
      DirectoryListing.run(temp, List.of("umount", target.toString()));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"--chunksize=4096", "--chunksize=1048576"})
  void readsDataOfAnExtraDevice(String options) throws Exception {
    Path blob = temp.resolve("blob.img");
    Path file = mkfs(temp.resolve("boot.erofs"), options + " --blobdev=" + blob);
    try (ByteSource bytes = FileSource.open(file);
        ByteSource data = FileSource.open(blob)) {
      Image image = Image.open(bytes);
      assertThat(image.deviceSlots()).hasSize(1);
      TreeListing.assertSame(TreeListing.of(image.withDevices(List.of(data)), true), expected);
    } finally {
      Files.delete(blob);
    }
  }

  @Test
  void readsWhatIsContiguousAtOnce() throws Exception {
    Path blob = temp.resolve("blob.img");
    Path file = mkfs(temp.resolve("boot.erofs"), "--chunksize=4096 --blobdev=" + blob);
    try (ByteSource bytes = FileSource.open(file);
        ByteSource data = FileSource.open(blob)) {
      CountingSource counting = new CountingSource(data);
      Image image = Image.open(bytes).withDevices(List.of(counting));
      Inode large = image.lookup("file%07d".formatted(LARGE_BYTES));
      // Each chunk is one block, and all follow each other.
      assertThat(((DataLayout.ChunkBased) large.layout()).chunkBits()).isEqualTo(12);
      MemorySegment buffer = MemorySegment.ofArray(new byte[LARGE_BYTES]);
      image.open(large).read(0, buffer);
      assertThat(counting.reads.get()).isEqualTo(1);
      assertThat(image.map(large, 0).lengthBytes()).isEqualTo(512 * 4096);
    } finally {
      Files.delete(blob);
    }
  }

  @Test
  void walksPathsAsTheKernelDoes() throws Exception {
    Path file = mkfs(temp.resolve("paths.erofs"), "");
    try (ByteSource bytes = FileSource.open(file)) {
      Image image = Image.open(bytes);
      Inode tool = image.lookup("usr/bin/tool");
      for (String path :
          List.of(
              "/usr/bin/tool",
              "//usr/./bin//tool/",
              "bin/tool",
              "bin/deep/../tool",
              "usr/bin/deep/up/bin/tool",
              "../../usr/bin/tool")) {
        assertThat(image.lookup(path)).as(path).isEqualTo(tool);
      }
      assertThat(image.lookup("")).isEqualTo(image.root());
      assertThat(image.lookup("/..")).isEqualTo(image.root());
      assertThat(image.lookup("absolute").type()).isEqualTo(FileType.SYMBOLIC_LINK);
      assertThat(image.lookup("bin").type()).isEqualTo(FileType.SYMBOLIC_LINK);
      assertThat(image.lookup("bin/.")).isEqualTo(image.lookup("usr/bin"));
      assertThatThrownBy(() -> image.lookup("usr/nothing/x"))
          .isInstanceOf(NoSuchFileException.class)
          .hasMessage(file + ": 'usr/nothing/x': there is no 'nothing'");
      assertThatThrownBy(() -> image.lookup("dangling/x"))
          .isInstanceOf(NoSuchFileException.class)
          .hasMessage(file + ": 'dangling/x': there is no 'nowhere'");
      assertThatThrownBy(() -> image.lookup("absolute/x"))
          .isInstanceOf(NotDirectoryException.class)
          .hasMessage(file + ": 'absolute/x': a name before 'x' is a regular file, no directory");
      assertThatThrownBy(() -> image.lookup("loop-a/x"))
          .isInstanceOf(FileSystemLoopException.class);
    }
  }

  @Test
  void findsEveryNameAndNoOther() throws Exception {
    Path file = mkfs(temp.resolve("names.erofs"), "");
    try (ByteSource bytes = FileSource.open(file)) {
      Image image = Image.open(bytes);
      Directory many = image.directory(image.lookup("many"));
      List<DirEntry> entries = new ArrayList<>();
      many.forEach(entries::add);
      assertThat(entries).hasSize(2000);
      for (DirEntry entry : entries) {
        assertThat(many.find(entry.name())).contains(entry);
        byte[] longer = Arrays.copyOf(entry.name(), entry.name().length + 1);
        longer[longer.length - 1] = '!';
        assertThat(many.find(longer)).isEmpty();
      }
      assertThat(many.find(new byte[] {0})).isEmpty();
      assertThat(many.find("zzz".getBytes())).isEmpty();
      assertThat(many.find("..".getBytes()).orElseThrow().nid()).isEqualTo(image.root().nid());
    }
  }

  /** Counts the reads that reach a source. */
  private record CountingSource(ByteSource source, AtomicInteger reads) implements ByteSource {
    CountingSource(ByteSource source) {
      this(source, new AtomicInteger());
    }

    @Override
    public String name() {
      return source.name();
    }

    @Override
    public long sizeBytes() {
      return source.sizeBytes();
    }

    @Override
    public void read(long positionBytes, MemorySegment dst) throws IOException {
      reads.incrementAndGet();
      source.read(positionBytes, dst);
    }

    @Override
    public void close() {}
  }
}
