package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.aquifer.image.GoldenImages;
import dev.aquifer.image.PatchedImage;
import dev.aquifer.io.Sha256;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands that read an image, on images of mkfs.erofs. */
class ImageCommandsTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path temp;
  private GoldenImages images;
  private Path image;

  @BeforeEach
  void write() throws IOException {
    images = GoldenImages.ofResources();
    image = images.write("02-extended-inode", temp);
  }

  private static String ok(Object... command) {
    Program.Outcome outcome = Program.run(command);
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.exitCode()).isZero();
    return outcome.out();
  }

  private static void fails(int exitCode, String message, Object... command) {
    Program.Outcome outcome = Program.run(command);
    assertThat(outcome.errors().getFirst()).isEqualTo("aquifer: " + message);
    assertThat(outcome.exitCode()).isEqualTo(exitCode);
  }

  @Test
  void namesOfAttributesAreShownWithoutControlCharacters() throws IOException {
    Path plain = images.write("20-xattr", temp);
    byte[] bytes = images.bytes("20-xattr");
    // The attribute user.root of the root directory: what follows the prefix, and the value.
    int at = new String(bytes, StandardCharsets.ISO_8859_1).indexOf("rootr");
    assertThat(at).isPositive();
    byte[] patched = new PatchedImage(bytes).u8(at, 0x1b).u8(at + 1, '\n').bytes();
    Path control = Files.write(temp.resolve("control.erofs"), patched);

    assertThat(Program.run("diff", plain, control).out().lines())
        .contains("/: xattr user.\\x1b\\x0aot: (none), 72");
    assertThat(ok("dump", control, "/")).contains("user.\\x1b\\x0aot ");
    assertThat(ok("stat", control, "/")).contains("user.\\x1b\\x0aot=");
  }

  @Test
  void lsShowsWhatGnuLsShows() {
    assertThat(ok("ls", image, "/dir").lines())
        .containsExactly("dupA", "dupB", "dupC", "hard", "sub", "uplink");
    assertThat(ok("ls", "--full-time", image, "/dir").lines())
        .anyMatch(line -> line.matches("-rw-r--r-- 2 0 0 +6 2020-09-13 [0-9:]+\\.0{9} \\S+ hard"))
        .anyMatch(line -> line.matches("lrwxrwxrwx 1 0 0 +8 .* uplink -> \\.\\./small"));
    assertThat(ok("ls", "-l", image, "/").lines())
        .anyMatch(line -> line.matches("brw-r----- 1 0 0 +259, +70000 .* blk"))
        .anyMatch(line -> line.matches("srwxr-xr-x 1 0 0 +0 .* sock"));
    assertThat(ok("ls", "-R", image, "/dir/sub"))
        .isEqualTo("/dir/sub:\nsetuid\nsubsub\nu1000\n\n/dir/sub/subsub:\ndeep\n");
    assertThat(ok("ls", "-d", image, "/dir")).isEqualTo("/dir\n");
  }

  @Test
  void treeAndFindWalkTheImage() {
    assertThat(ok("tree", image, "/dir/sub"))
        .isEqualTo(
            """
            /dir/sub
            ├── setuid
            ├── subsub
            │   └── deep
            └── u1000

            1 directories, 3 files
            """);
    assertThat(ok("tree", "-L", "1", image, "dir/sub")).doesNotContain("deep");
    assertThat(ok("find", image, "-name", "d[u-v]p?").lines())
        .containsExactly("/dir/dupA", "/dir/dupB", "/dir/dupC");
    assertThat(ok("find", image, "-path", "/dir/*", "-type", "d,l", "-maxdepth", "2").lines())
        .containsExactly("/dir/sub", "/dir/uplink");
    assertThat(ok("find", image, "-size", "+100k")).isEqualTo("/mixed\n");
    assertThat(ok("find", image, "/dir/sub", "-type", "f", "-print0"))
        .isEqualTo("/dir/sub/setuid\0/dir/sub/subsub/deep\0/dir/sub/u1000\0");
    assertThat(Program.run("find", image, "-type", "x").exitCode()).isEqualTo(2);
    fails(1, "-newer: /nowhere: no such file or directory", "find", image, "-newer", "/nowhere");
    assertThat(Program.run("find", image, "-size", "k").exitCode()).isEqualTo(2);
  }

  @Test
  void findComparesTimesWithThatOfAFile() throws IOException {
    Path file = Files.createFile(temp.resolve("file"));
    // All of the image, as the command says that made it.
    Instant time = Instant.ofEpochSecond(1_600_000_000);
    Files.setLastModifiedTime(file, FileTime.from(time));
    assertThat(ok("find", image, "/small", "-newer", file.toString())).isEmpty();
    Files.setLastModifiedTime(file, FileTime.from(time.minusNanos(1)));
    assertThat(ok("find", image, "/small", "-newer", file.toString())).isEqualTo("/small\n");
  }

  @Test
  void findComparesTimesThatNoCalendarHas() throws IOException {
    byte[] bytes = images.bytes("02-extended-inode");
    long small = new PatchedImage(bytes).open().lookup("small").positionBytes();
    long empty = new PatchedImage(bytes).open().lookup("empty").positionBytes();
    PatchedImage patched = new PatchedImage(bytes);
    patched.u64(small + 32, Long.MAX_VALUE).u64(empty + 32, Long.MIN_VALUE);
    Path odd = Files.write(temp.resolve("odd.erofs"), patched.bytes());
    Path file = Files.createFile(temp.resolve("file"));

    assertThat(ok("find", odd, "/small", "/empty", "-newer", file.toString()))
        .isEqualTo("/small\n");
  }

  @Test
  void catFollowsLinksAndStatDoesNot() throws IOException {
    assertThat(ok("cat", image, "/dir/uplink", "small")).isEqualTo("hello\nhello\n");
    assertThat(ok("stat", image, "/dir/uplink"))
        .contains("/dir/uplink -> ../small", "symbolic link", "0777 (lrwxrwxrwx)");
    JsonNode stat = JSON.readTree(ok("stat", "--json", image, "/blk"));
    assertThat(stat.get("rdev").asText()).isEqualTo("259:70000");
    assertThat(stat.get("mode").asText()).isEqualTo("0640");
  }

  @Test
  void namesOfAnyBytesCanBeSeenAndGiven() throws IOException {
    Path names = images.write("11-manydir", temp);

    assertThat(ok("ls", names, "/names")).contains("\\xff\\xfe\\x80\n", "new\\x0aline\n");
    assertThat(ok("cat", names, "/names/\\xff\\xfe\\x80")).isEqualTo("n");
  }

  @Test
  void everyByteComesThroughCat() throws IOException {
    Path compressed = images.write("38-zstd", temp);
    for (Path each : List.of(image, compressed)) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      StringWriter err = new StringWriter();
      String[] words = {"cat", each.toString(), "/mixed"};
      int exitCode = Main.run(words, new StandardOut(out), new PrintWriter(err));

      assertThat(exitCode).as(err.toString()).isZero();
      assertThat(Sha256.hash(MemorySegment.ofArray(out.toByteArray())).hex())
          .isEqualTo("9e5dad663e7a3d6c012d476b21356ea531455cebc0924b5eb7bc8ab1bee157bb");
    }
  }

  @Test
  void aReaderThatLeavesEndsTheCommandQuietly() {
    OutputStream left =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("Broken pipe");
          }
        };
    for (String command : List.of("ls", "find", "tree", "manifest", "dump")) {
      StringWriter err = new StringWriter();
      String[] words = {command, image.toString()};

      assertThat(Main.run(words, new StandardOut(left), new PrintWriter(err, true))).isEqualTo(141);
      assertThat(err.toString()).isEmpty();
    }
  }

  @Test
  void failuresAreOneLine() {
    Path nowhere = temp.resolve("no.erofs");

    fails(1, image + ": /no/such: no such file or directory", "cat", image, "/no/such");
    fails(1, image + ": /dir: is a directory, no regular file", "cat", image, "/dir");
    fails(
        1, image + ": /small/x: a name before the last is no directory", "stat", image, "/small/x");
    fails(1, nowhere + ": no such file or directory", "ls", nowhere);
    fails(2, "invalid value for option '--offset': expected 0 or more", "ls", image, "--offset=-1");
    fails(2, "missing required parameter: 'PATH'", "cat", image);
  }

  @Test
  void manifestsAreThoseOfTheKernel() throws IOException {
    for (String id : List.of("02-extended-inode", "20-xattr", "73-chunk-blobdev")) {
      Path file = images.write(id, temp);
      List<Object> command = new java.util.ArrayList<>(List.of("manifest", file));
      images
          .facts(id)
          .get("devs")
          .forEach(name -> command.addAll(List.of("--device", temp.resolve(name.asText()))));

      assertThat(ok(command.toArray()).lines().toList()).isEqualTo(images.manifestLines(id));
    }
    Path offset = images.write("15-offset", temp);
    assertThat(ok("manifest", "--no-data", "--offset=65536", offset).lines())
        .hasSameSizeAs(images.manifestLines("15-offset"));
  }

  @Test
  void fsckTellsCleanFromDamaged() throws IOException {
    assertThat(ok("fsck", "--data", image)).contains(": clean: 38 inodes, ");
    PatchedImage patched = new PatchedImage(Files.readAllBytes(image)).u64(1024 + 16, 99);
    Path damaged = Files.write(temp.resolve("damaged.erofs"), patched.bytes());
    byte[] bytes = Files.readAllBytes(image);
    bytes[1024 + 50] ^= 1;
    Path torn = Files.write(temp.resolve("torn.erofs"), bytes);

    for (Path each : List.of(damaged, torn)) {
      Program.Outcome outcome = Program.run("fsck", "--json", each);

      assertThat(outcome.exitCode()).isEqualTo(4);
      List<String> lines = outcome.out().lines().toList();
      assertThat(lines).hasSize(2);
      assertThat(JSON.readTree(lines.get(0)).get("kind").asText())
          .isEqualTo(each == torn ? "superblock" : "inode-count");
      assertThat(JSON.readTree(lines.get(1)).get("summary").get("damages").asInt()).isOne();
    }
    assertThat(Program.run("fsck", temp.resolve("nowhere")).exitCode()).isOne();
    assertThat(Program.run("fsck", image, "--what").exitCode()).isEqualTo(2);
  }

  @Test
  void dumpIsJsonIfAsked() throws IOException {
    JsonNode whole = JSON.readTree(ok("dump", "--json", image));
    assertThat(whole.get("superblock").get("inodes").asInt()).isEqualTo(38);
    assertThat(whole.get("superblock").get("compatibleNames").get(0).asText())
        .isEqualTo("SB_CHKSUM");
    JsonNode inode = JSON.readTree(ok("dump", "--json", image, "/mixed"));
    assertThat(inode.get("extents").get(0).get("kind").asText()).isEqualTo("plain");
    Path compressed = images.write("30-lz4", temp);
    JsonNode statistics = JSON.readTree(ok("dump", "--json", compressed)).get("statistics");
    assertThat(statistics.get("algorithms").get("lz4").get("storedBytes").asLong()).isPositive();
    assertThat(ok("dump", image)).contains("blockSize", "4096", "FLAT_PLAIN");
    assertThat(ok("dump", compressed, "/mixed")).contains("kind encoded", "algorithm lz4");
  }

  @Test
  void diffTellsWhatDiffers() throws IOException {
    Path other = images.write("20-xattr", temp);

    assertThat(ok("diff", image, image)).isEmpty();
    Program.Outcome outcome = Program.run("diff", image, other);
    assertThat(outcome.exitCode()).isOne();
    assertThat(outcome.out().lines())
        .contains("/acl: only in " + other + " (regular file)")
        .contains("/: xattr user.root: (none), 72");
    for (String line : Program.run("diff", "--json", image, other).out().lines().toList()) {
      assertThat(JSON.readTree(line).has("what")).isTrue();
    }
    assertThat(Program.run("diff", image, temp.resolve("nowhere")).exitCode()).isEqualTo(2);
    assertThat(Program.run("diff", image, "").err()).contains("'': no such file or directory");

    assertThat(Program.run("diff", "--ignore=xattr user.root", image, other).out())
        .doesNotContain("user.root");
    Program.Outcome misspelt = Program.run("diff", "--ignore=mode,mtimes", image, other);
    assertThat(misspelt.exitCode()).isEqualTo(2);
    assertThat(misspelt.out()).isEmpty();
    assertThat(misspelt.err()).contains("aquifer: --ignore 'mtimes': expected type, mode, uid, ");
  }
}
