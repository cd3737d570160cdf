package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.aquifer.image.DataLayout;
import dev.aquifer.image.Image;
import dev.aquifer.io.ByteSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BuildCommandTest {
  private static final Pattern OBJECT =
      Pattern.compile("\"digest\":\"sha256:([0-9a-f]{64})\",\"size\":[0-9]+,\"annotations\"");

  @TempDir Path scratch;
  private Path source;
  private byte[] data;

  @BeforeEach
  void makeSource() throws IOException {
    source = Files.createDirectories(scratch.resolve("source"));
    data = new byte[3 << 20];
    new Random(2).nextBytes(data);
    Files.write(source.resolve("data"), data);
  }

  @Test
  void buildsAnImageAndSaysWhatIsInIt() throws IOException {
    Path image = scratch.resolve("image");
    Program.Outcome outcome = Program.run("build", source, "-o", image, "--compression", "none");

    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.exitCode()).isZero();
    assertThat(outcome.out())
        .startsWith(image + ": built in ")
        .containsPattern("manifest +sha256:[0-9a-f]{64}")
        .containsPattern("bootstrap +sha256:[0-9a-f]{64}")
        .contains("files      1 regular, 1 directories")
        .contains("data       3.00 MiB: 3.00 MiB new, 0 B reused")
        .containsPattern(
            "phases +tree [0-9.]+ s, data [0-9.]+ s, metadata [0-9.]+ s, commit [0-9.]+ s");
    assertThat(image.resolve("index.json")).exists();
    assertThat(image.resolve("oci-layout")).exists();
  }

  @Test
  void storesOnlyWhatIsNewBesideAnEarlierImage() throws IOException {
    Path first = scratch.resolve("first");
    Path second = scratch.resolve("second");
    Program.run("build", source, "-o", first);
    Files.writeString(source.resolve("greeting"), "hello".repeat(2000));
    Program.Outcome outcome = Program.run("build", source, "-o", second, "--reuse", first);

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out())
        .contains("9.77 KiB new, 3.00 MiB reused")
        .contains("reused     3.00 MiB of " + first);
  }

  @Test
  void saysInJsonWhatIsInALayout() throws IOException {
    Path first = scratch.resolve("first");
    Path second = scratch.resolve("second");
    Program.run("build", source, "-o", first);
    // 64 KiB twice, 64 KiB of zeros, and 100 bytes for the bootstrap.
    byte[] more = new byte[3 << 16];
    new Random(3).nextBytes(more);
    System.arraycopy(more, 0, more, 1 << 16, 1 << 16);
    Arrays.fill(more, 2 << 16, 3 << 16, (byte) 0);
    Files.write(source.resolve("more"), more);
    Files.write(source.resolve("tiny"), Arrays.copyOf(more, 100));
    Program.Outcome outcome =
        Program.run("build", source, "-o", second, "--reuse", first, "--json");

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out().lines()).hasSize(1);
    JsonNode json = new ObjectMapper().readTree(outcome.out());
    assertThat(json.path("kind").asText()).isEqualTo("layout");
    assertThat(json.path("output").asText()).isEqualTo(second.toString());
    assertThat(json.path("input").asText()).isEqualTo(source.toString());
    assertThat(json.path("inputKind").asText()).isEqualTo("dir");
    String manifest = json.path("manifest").asText();
    assertThat(Files.readString(second.resolve("index.json"))).contains(manifest);
    assertThat(json.path("sourceBytes").asLong()).isEqualTo((3 << 20) + (3 << 16) + 100);
    assertThat(json.path("data").toString())
        .isEqualTo(
            "{'newBytes':65536,'duplicateBytes':65536,'reusedBytes':3145728,'zeroBytes':65536,'inlineBytes':100}"
                .replace('\'', '"'));
    assertThat(json.at("/reused/0/image").asText()).isEqualTo(first.toString());
    assertThat(json.at("/reused/0/bytes").asLong()).isEqualTo(3 << 20);
    assertThat(json.at("/blobs/0/plainBytes").asLong()).isEqualTo(1 << 16);
    assertThat(json.at("/blobs/0").has("reusedFrom")).isFalse();
    assertThat(json.at("/blobs/1/reusedFrom").asText()).isEqualTo(first.toString());
    assertThat(json.path("storedBytes").asLong())
        .isEqualTo(
            size(second, json.at("/bootstrap/digest")) + size(second, json.at("/blobs/0/object")));
    assertThat(json.at("/files/regular").asLong()).isEqualTo(3);
    assertThat(json.path("phaseMillis").fieldNames())
        .toIterable()
        .containsExactly("tree", "data", "metadata", "commit");
    assertThat(json.path("millis").isIntegralNumber()).isTrue();
  }

  private static long size(Path image, JsonNode digest) throws IOException {
    return Files.size(image.resolve("blobs").resolve(digest.asText().replace(':', '/')));
  }

  @Test
  void saysInJsonWhatIsInOneFile() throws IOException {
    Path layout = scratch.resolve("layout");
    Path image = scratch.resolve("image");
    Program.run("build", source, "-o", layout);
    Program.Outcome outcome = Program.run("build", layout, "-o", image, "-z", "lz4", "--json");

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    JsonNode json = new ObjectMapper().readTree(outcome.out());
    assertThat(json.path("kind").asText()).isEqualTo("file");
    assertThat(json.path("inputKind").asText()).isEqualTo("erofs");
    assertThat(json.path("sourceBytes").asLong()).isEqualTo(3 << 20);
    assertThat(json.path("storedBytes").asLong()).isEqualTo(Files.size(image));
    // Noise is stored as it is.
    assertThat(json.path("dataBytes").asLong()).isEqualTo(3 << 20);
    assertThat(json.path("packedBytes").asLong(-1)).isZero();
    assertThat(json.path("phaseMillis")).hasSize(4);
  }

  @Test
  void theLastWordOnAFeatureCounts() throws IOException {
    Path plain = scratch.resolve("plain");
    Program.run("build", source, "-o", plain, "-z", "lz4");
    String[] words = {"fragments,^fragments", "dot-omitted,48bit,^48bit,^dot-omitted", "^dedupe"};
    for (String word : words) {
      Path image = scratch.resolve(word);
      Program.Outcome outcome = Program.run("build", source, "-o", image, "-z", "lz4", "-E", word);
      assertThat(outcome.exitCode()).as(outcome.err()).isZero();
      assertThat(Files.mismatch(image, plain)).as(word).isEqualTo(-1);
    }
  }

  @Test
  void replacesNothingUnlessTold() throws IOException {
    Path image = scratch.resolve("image");
    Path other = Files.createDirectories(scratch.resolve("other"));
    Files.writeString(other.resolve("precious"), "x");
    Program.run("build", source, "-o", image);

    Program.Outcome again = Program.run("build", source, "-o", image);
    assertThat(again.exitCode()).isEqualTo(1);
    assertThat(again.errors()).hasSize(1);
    assertThat(again.err()).startsWith("aquifer: " + image);
    assertThat(Program.run("build", source, "-o", image, "--force").exitCode()).isZero();
    assertThat(Program.run("build", source, "-o", other, "--force").exitCode()).isEqualTo(1);
    assertThat(other.resolve("precious")).exists();
    assertThat(Files.list(scratch)).containsExactlyInAnyOrder(source, image, other);
  }

  private Image built(Path file, Object... options) throws IOException {
    List<Object> args = new ArrayList<>(List.of("build", "-o", file, "--single"));
    args.addAll(List.of(options));
    Program.Outcome outcome = Program.run(args.toArray());
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    return Image.open(ByteSource.of("image", Files.readAllBytes(file)));
  }

  @Test
  void digestsHaveTheUsualNameOrOneAfterAnEqualsSign() throws Exception {
    Image hidden = built(scratch.resolve("hidden"), "--inode-digest", source);
    assertThat(hidden.digest(hidden.lookup("data"))).isPresent();
    assertThat(hidden.xattrs(hidden.lookup("data"))).isEmpty();

    Image seen = built(scratch.resolve("seen"), source, "--xattr-inode-digest=user.fp");
    MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
    assertThat(seen.xattrs(seen.lookup("data")).get("user.fp")).endsWith(sha256.digest(data));

    Program.Outcome outcome =
        Program.run("build", source, "-o", scratch.resolve("x"), "--inode-digest=user.");
    assertThat(outcome.err())
        .startsWith("aquifer: name of digests 'user.': expected something after the dot\n");
  }

  @Test
  void prefixesOfNamesAreStoredOnce() throws Exception {
    Image image =
        built(
            scratch.resolve("image"), source, "--xattr-prefix=user.a.", "--xattr-prefix", "user.");
    assertThat(image.superblock().xattrPrefixes()).isEqualTo(2);
  }

  @Test
  void namesOfAFileMayBecomeFiles() throws Exception {
    Files.createLink(source.resolve("again"), source.resolve("data"));
    Image one = built(scratch.resolve("one"), source);
    assertThat(one.lookup("again").nid()).isEqualTo(one.lookup("data").nid());
    Image two = built(scratch.resolve("two"), source, "--hard-dereference");
    assertThat(two.lookup("again").nid()).isNotEqualTo(two.lookup("data").nid());
    assertThat(two.lookup("again").nlink()).isEqualTo(1);
    assertThat(two.open(two.lookup("again")).readBytes(0, data.length)).isEqualTo(data);
  }

  @Test
  void timesMayBeThatOfTheBuild() throws Exception {
    long before = Instant.now().getEpochSecond();
    Image now = built(scratch.resolve("now"), source, "--ignore-mtime");
    assertThat(now.lookup("data").mtimeSeconds()).isBetween(before, Instant.now().getEpochSecond());
    assertThat(now.root().mtimeSeconds()).isEqualTo(now.lookup("data").mtimeSeconds());
    Image then = built(scratch.resolve("then"), source, "--ignore-mtime", "-T7", "--mkfs-time");
    assertThat(then.lookup("data").mtimeSeconds()).isEqualTo(7);
    assertThat(Program.run("build", source, "-o", "x", "--ignore-mtime", "--preserve-mtime").err())
        .contains("--ignore-mtime and --preserve-mtime: expected one of them");
  }

  @Test
  void directoriesAreCompressedIfAsked() throws Exception {
    for (String option : List.of("--zD", "--zD=1", "--zD=0")) {
      Image image = built(scratch.resolve(option), "-zlz4", option, source);
      assertThat(image.root().layout() instanceof DataLayout.Compressed)
          .as(option)
          .isEqualTo(!option.equals("--zD=0"));
    }
    assertThat(Program.run("build", source, "-o", scratch.resolve("x"), "-zlz4", "--zD=2").err())
        .startsWith("aquifer: --zD=2: expected 0 or 1\n");
  }

  @Test
  void whatIsOfCompressedDataAloneIsNamed() {
    Path image = scratch.resolve("image");
    assertThat(Program.run("build", source, "-o", image, "-E", "dedupe").err())
        .startsWith(
            "aquifer: dedupe: of compressed data alone: expected a compression, such as -z lz4\n");
    assertThat(image).doesNotExist();
  }

  @Test
  void directoriesAreNoLists() {
    for (String option : List.of("--order", "--file-contexts", "--compress-hints")) {
      Path image = scratch.resolve("image");
      Program.Outcome outcome = Program.run("build", source, "-o", image, "-zlz4", option, scratch);
      assertThat(outcome.exitCode()).isEqualTo(1);
      assertThat(outcome.err()).startsWith("aquifer: " + scratch + ": is a directory: expected a");
      assertThat(image).doesNotExist();
    }
  }

  @Test
  void quietBuildsSayNothing() {
    Program.Outcome outcome =
        Program.run("build", source, "-o", scratch.resolve("image"), "--quiet");
    assertThat(outcome).isEqualTo(new Program.Outcome(0, "", ""));
  }

  @Test
  void unpacksABlob() throws IOException {
    Path image = scratch.resolve("image");
    Path plain = scratch.resolve("plain");
    Program.run("build", source, "-o", image);
    Path object = blobObject(image);
    Program.Outcome outcome = Program.run("unpack-blob", object, "-o", plain);

    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    assertThat(outcome.out()).containsPattern("plain: blob sha256:[0-9a-f]{64}, 3.00 MiB");
    assertThat(plain).hasBinaryContent(data);
    assertThat(Program.run("unpack-blob", object, "-o", plain).exitCode()).isEqualTo(1);
    assertThat(Program.run("unpack-blob", object, "-o", plain, "--force").exitCode()).isZero();
  }

  @Test
  void refusesADamagedBlob() throws IOException {
    Path image = scratch.resolve("image");
    Path plain = scratch.resolve("plain");
    Program.run("build", source, "-o", image, "--compression", "none");
    Path object = blobObject(image);
    byte[] bytes = Files.readAllBytes(object);
    bytes[1_500_000] ^= 1;
    Files.write(object, bytes);
    Program.Outcome outcome = Program.run("unpack-blob", object, "-o", plain);

    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.errors()).hasSize(1);
    assertThat(outcome.err()).contains(object.toString()).contains("span 1").contains("digest");
    assertThat(plain).doesNotExist();
  }

  /** The one blob object: the manifest's layer with annotations. */
  private static Path blobObject(Path image) throws IOException {
    try (Stream<Path> objects = Files.list(image.resolve("blobs/sha256"))) {
      for (Path object : objects.toList()) {
        if (Files.size(object) < 10_000) {
          Matcher matcher =
              OBJECT.matcher(
                  Files.readString(object, java.nio.charset.StandardCharsets.ISO_8859_1));
          if (matcher.find()) {
            return image.resolve("blobs/sha256").resolve(matcher.group(1));
          }
        }
      }
    }
    throw new AssertionError("no manifest with a blob in " + image);
  }
}
