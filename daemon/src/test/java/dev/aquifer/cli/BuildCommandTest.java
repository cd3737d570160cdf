package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
        .contains("data       3.00 MiB: 3.00 MiB new, 0 B reused");
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
