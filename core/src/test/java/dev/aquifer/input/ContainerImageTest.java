package dev.aquifer.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import org.assertj.core.api.AbstractThrowableAssert;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which image of a layout or archive is meant, and how faults are told. */
class ContainerImageTest {
  private static final String REF =
      ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}}";

  @TempDir Path temp;
  private TestLayout layout;
  private Path directory;

  @BeforeEach
  void makeLayout() throws IOException {
    directory = temp.resolve("layout");
    layout = new TestLayout(directory);
  }

  private static byte[] layer(String name) {
    return new TarBytes().file(name, name).end();
  }

  private String image(String platform, String name) throws IOException {
    return layout.image(platform, layer(name));
  }

  private static String named(String descriptor, String name) {
    return descriptor.substring(0, descriptor.length() - 1) + REF.formatted(name);
  }

  private String only(@Nullable String reference, @Nullable String platform) throws IOException {
    LayerTree.Wanted wanted =
        new LayerTree.Wanted(reference, platform == null ? null : Platform.parse(platform), temp);
    try (LayerTree tree = LayerTree.ofLayout(directory, wanted)) {
      return new String(tree.children(tree.root()).getFirst().name(), StandardCharsets.US_ASCII);
    }
  }

  private AbstractThrowableAssert<?, ? extends Throwable> refused(
      @Nullable String reference, @Nullable String platform) {
    return assertThatThrownBy(() -> only(reference, platform))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(directory + ": ")
        .hasMessageNotContaining("\n");
  }

  private static String here() {
    return Platform.here().toString();
  }

  @Test
  void theOnlyImageIsTakenWhateverItIsFor() throws IOException {
    layout.finish(image("linux/riscv64", "a"));
    assertThat(only(null, null)).isEqualTo("a");
    refused(null, "linux/s390x")
        .hasMessageContaining(
            "has no image for linux/s390x: expected --platform with one of: linux/riscv64");
  }

  @Test
  void ofSeveralTheOneForThisMachine() throws IOException {
    layout.finish(image("linux/riscv64", "a"), image(here(), "b"), image("windows/amd64", "c"));
    assertThat(only(null, null)).isEqualTo("b");
    refused(null, "linux/s390x")
        .hasMessageContaining("one of: linux/riscv64, " + here() + ", windows/amd64");
    assertThatThrownBy(() -> only(null, "linux/riscv64"))
        .hasMessageContaining("the image is for linux/amd64: expected linux/riscv64");
  }

  @Test
  void indexesAreNested() throws IOException {
    String inner =
        layout.blob(
            TestLayout.INDEX,
            TestLayout.utf8(TestLayout.index(image("linux/riscv64", "a"), image(here(), "b"))),
            "");
    layout.finish(named(inner, "app"));
    assertThat(only(null, null)).isEqualTo("b");
    assertThat(only("app", null)).isEqualTo("b");
  }

  @Test
  void indexesWithoutEndAreRefused() throws IOException {
    String at = image("", "a");
    for (int i = 0; i < 6; i++) {
      at = layout.blob(TestLayout.INDEX, TestLayout.utf8(TestLayout.index(at)), "");
    }
    layout.finish(at);
    refused(null, null).hasMessageContaining("is an index in 4 others");
  }

  @Test
  void attestationsAreNoImages() throws IOException {
    layout.finish(image(here(), "a"), layout.image("unknown/unknown", layer("b")));
    assertThat(only(null, null)).isEqualTo("a");
  }

  @Test
  void ofSeveralNamesOneMustBeSaid() throws IOException {
    layout.finish(named(image(here(), "a"), "one"), named(image(here(), "b"), "two"));
    assertThat(only("two", null)).isEqualTo("b");
    refused(null, null)
        .hasMessageContaining(
            "has 2 images that fit: one " + here() + ", two " + here() + ": name one with --image");
    refused("three", null).hasMessageContaining("has no image named three: expected one of: one");
  }

  @Test
  void damagedLayerIsRefused() throws IOException {
    layout.finish(image("", "a"));
    Path blob = directory.resolve("blobs/sha256/" + Sha256.hash(layer("a")).hex());
    byte[] bytes = Files.readAllBytes(blob);
    bytes[515] ^= 1;
    Files.write(blob, bytes);
    refused(null, null)
        .hasMessageContaining("layer blobs/sha256/")
        .hasMessageContaining("has digest sha256:")
        .hasMessageEndingWith("it is damaged, get it again");
    Files.write(blob, new byte[512]);
    refused(null, null).hasMessageContaining("has 512 bytes: expected 2048");
    Files.delete(blob);
    refused(null, null).hasMessageContaining("is missing: expected a whole image");
  }

  @Test
  void wrongDiffIdIsRefused() throws IOException {
    String config = layout.config("amd64", layer("other"));
    layout.finish(
        layout.manifest(
            "",
            config,
            List.of(layout.blob("application/vnd.oci.image.layer.v1.tar", layer("a"), ""))));
    refused(null, null)
        .hasMessageContaining(", unpacked: has digest sha256:")
        .hasMessageContaining(Sha256.hash(layer("other")).toString());
  }

  @Test
  void damagedManifestIsRefused() throws IOException {
    String manifest = image("", "a");
    layout.finish(manifest);
    Path blob =
        directory.resolve("blobs/sha256/" + manifest.replaceAll(".*sha256:([0-9a-f]{64}).*", "$1"));
    Files.writeString(blob, Files.readString(blob).replace("2", "3"));
    refused(null, null).hasMessageContaining("has digest sha256:");
  }

  @Test
  void countsMustAgree() throws IOException {
    String config = layout.config("amd64", layer("a"), layer("b"));
    layout.finish(
        layout.manifest(
            "",
            config,
            List.of(layout.blob("application/vnd.oci.image.layer.v1.tar", layer("a"), ""))));
    refused(null, null)
        .hasMessageContaining("lists 1 layers, but the configuration has 2 diff_ids");
  }

  @Test
  void strangeLayersAreRefused() throws IOException {
    String config = layout.config("amd64", layer("a"));
    layout.finish(
        layout.manifest(
            "",
            config,
            List.of(
                layout.blob(
                    "application/vnd.oci.image.layer.v1.tar+gzip+encrypted", layer("a"), ""))));
    refused(null, null)
        .hasMessageContaining(
            "has a layer of type 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted'");
  }

  @Test
  void digestsAreNoPaths() throws IOException {
    layout.finish("{\"digest\":\"sha256:../../../../etc/passwd\",\"size\":1}");
    refused(null, null).hasMessageContaining("'sha256:../../../../etc/passwd' is no digest");
    layout.finish("{\"digest\":\"md5:d41d8cd98f00b204e9800998ecf8427e\",\"size\":0}");
    refused(null, null).hasMessageContaining("digest algorithm md5: expected sha256 or sha512");
  }

  @Test
  void noJsonIsRefused() throws IOException {
    Files.writeString(directory.resolve("index.json"), "{\n[");
    refused(null, null).hasMessageContaining("index.json: is no JSON: ");
    Files.writeString(directory.resolve("index.json"), "{}");
    refused(null, null).hasMessageContaining("index.json: has no list 'manifests'");
  }

  @Test
  void whiteoutsWithoutANameAreRefused() throws IOException {
    for (String name : List.of(".wh.", ".wh..", ".wh...")) {
      layout.finish(layout.image("", new TarBytes().file("d/" + name, "").end()));
      refused(null, null)
          .hasMessageContaining(
              "entry 'd/"
                  + name
                  + "' at byte 0: hides '"
                  + name.substring(4)
                  + "': expected a name after .wh.");
    }
    layout.finish(layout.image("", new TarBytes().file(".wh.d/f", "").end()));
    refused(null, null).hasMessageContaining("is below a name that begins with .wh.");
  }

  @Test
  void aLayerThatChangesIsNoticed() throws IOException {
    layout.finish(image("", "a"));
    Path blob = directory.resolve("blobs/sha256/" + Sha256.hash(layer("a")).hex());
    LayerTree.Wanted wanted = new LayerTree.Wanted(null, null, temp);
    try (LayerTree tree = LayerTree.ofLayout(directory, wanted)) {
      Files.write(blob, layer("b"));
      Files.setLastModifiedTime(blob, FileTime.fromMillis(1));
      assertThatThrownBy(() -> Trees.lines(tree))
          .hasMessageStartingWith(directory.toRealPath() + "/blobs/sha256/")
          .hasMessageContaining(": changed while it was read: expected the 2048 bytes");
    }
  }

  private Path docker(String manifest) throws IOException {
    Path docker = Files.createDirectory(temp.resolve("docker"));
    Files.writeString(docker.resolve("manifest.json"), manifest);
    Files.write(docker.resolve("l.tar"), layer("a"));
    Files.writeString(
        docker.resolve("c.json"),
        "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[\""
            + Sha256.hash(layer("a"))
            + "\"]}}");
    return docker;
  }

  @Test
  void dockerArchiveNamesNoFileOutside() throws IOException {
    Files.write(temp.resolve("secret"), layer("a"));
    Path docker = docker("[{\"Config\":\"c.json\",\"Layers\":[\"../secret\"]}]");
    LayerTree.Wanted wanted = new LayerTree.Wanted(null, null, temp);
    assertThatThrownBy(() -> LayerTree.ofDocker(docker, wanted))
        .hasMessage(docker + ": '../secret' leads out of the image: expected a file inside");
  }

  @Test
  void dockerArchiveWithALinkedLayer() throws IOException {
    Path docker =
        docker("[{\"Config\":\"c.json\",\"RepoTags\":[\"app:1\"],\"Layers\":[\"link.tar\"]}]");
    Files.createSymbolicLink(docker.resolve("link.tar"), Path.of("l.tar"));
    LayerTree.Wanted wanted = new LayerTree.Wanted("app:1", null, temp);
    try (LayerTree tree = LayerTree.ofDocker(docker, wanted)) {
      assertThat(Trees.lines(tree)).hasSize(2);
    }
    assertThatThrownBy(() -> LayerTree.ofDocker(docker, new LayerTree.Wanted("app:2", null, temp)))
        .hasMessage(docker + ": manifest.json: has no image named app:2: expected one of: app:1");
  }
}
