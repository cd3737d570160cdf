package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.format.Descriptor;
import dev.aquifer.format.ImageManifest;
import dev.aquifer.format.SpanCodec;
import dev.aquifer.io.BackendException;
import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Sha256;
import dev.aquifer.io.UnsupportedFeatureException;
import dev.aquifer.testing.TestImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RemoteImageTest {
  @TempDir Path dir;
  private TestImage image;
  private Backend backend;

  @BeforeEach
  void write() throws IOException {
    image =
        TestImage.write(
            dir,
            new byte[4096],
            new TestImage.Content(TestImage.noise(1, 10_000), 12, SpanCodec.PLAIN));
    backend = Backend.open(dir.toString());
  }

  @AfterEach
  void close() throws IOException {
    backend.close();
  }

  private Path manifest() throws IOException {
    Descriptor descriptor =
        ImageManifest.parseIndex("index", Files.readAllBytes(dir.resolve("index.json")));
    return dir.resolve(descriptor.path());
  }

  @Test
  void knowsTheImageByItsManifest() throws Exception {
    RemoteImage remote = RemoteImage.open(backend);
    byte[] json = Files.readAllBytes(manifest());
    assertThat(remote.manifestDigest()).isEqualTo(Sha256.hash(json));
    assertThat(remote.manifest().blobs()).containsExactly(image.blobs().get(0).object());
    assertThat(remote.backends()).containsExactly(backend);
  }

  @Test
  void isTheSameByItsManifestAloneWhenTheOriginIsGone() throws Exception {
    RemoteImage remote = RemoteImage.open(backend);
    Backend gone = Backend.reopen(dir.resolve("gone").toString());

    RemoteImage again = RemoteImage.of(List.of(gone), remote.manifestJson());

    assertThat(again.manifestDigest()).isEqualTo(remote.manifestDigest());
    assertThat(again.manifest()).isEqualTo(remote.manifest());
  }

  @Test
  void aManifestThatDoesNotProveIsRefused() throws Exception {
    Path path = manifest();
    byte[] json = Files.readAllBytes(path);
    json[json.length - 2] ^= 1;
    Files.write(path, json);
    assertThatThrownBy(() -> RemoteImage.open(backend))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageStartingWith(path + ": manifest has digest sha256:");
  }

  @Test
  void whatIsNoLayoutIsNamed() throws Exception {
    Files.delete(manifest());
    assertThatThrownBy(() -> RemoteImage.open(backend))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("/blobs/sha256/")
        .hasMessageEndingWith(": no such file or directory");
    Files.writeString(dir.resolve("index.json"), "{");
    assertThatThrownBy(() -> RemoteImage.open(backend))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageStartingWith(dir + "/index.json: is no JSON: ");
    Files.delete(dir.resolve("index.json"));
    assertThatThrownBy(() -> RemoteImage.open(backend))
        .hasMessage(dir + "/index.json: no such file or directory");
  }

  @Test
  void anImageOfAnotherKindIsRefused() throws Exception {
    byte[] json =
        "{\"schemaVersion\":2,\"config\":{},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\"}]}"
            .getBytes(StandardCharsets.UTF_8);
    Descriptor other =
        new Descriptor(ImageManifest.MEDIA_TYPE, Sha256.hash(json), json.length, Map.of());
    Files.write(dir.resolve(other.path()), json);
    Files.write(dir.resolve("index.json"), ImageManifest.indexJson(other));
    assertThatThrownBy(() -> RemoteImage.open(backend))
        .isInstanceOf(UnsupportedFeatureException.class)
        .hasMessageContaining("is no Aquifer image");
  }

  private void refuses(Descriptor bootstrap, List<Descriptor> blobs, String message)
      throws IOException {
    Descriptor config = image.blobs().get(0).object();
    String json =
        new String(new ImageManifest(config, bootstrap, blobs).toJson(), StandardCharsets.UTF_8);
    assertThatThrownBy(() -> RemoteImage.of(List.of(backend), json))
        .isInstanceOf(UnsupportedFeatureException.class)
        .hasMessage(dir + ": an image with " + message);
  }

  private Descriptor sized(Descriptor object, long sizeBytes) {
    return new Descriptor(object.mediaType(), object.digest(), sizeBytes, object.annotations());
  }

  @Test
  void anImageThatWouldTakeTooMuchIsRefusedBeforeAnythingIsFetched() throws Exception {
    Descriptor bootstrap = RemoteImage.open(backend).manifest().bootstrap();
    Descriptor blob = image.blobs().get(0).object();
    refuses(
        sized(bootstrap, (1 << 30) + 1),
        List.of(blob),
        "1073741825 bytes of bootstrap: expected at most 1073741824: build it as several images");
    refuses(
        bootstrap,
        Collections.nCopies(4097, blob),
        "4097 blobs: expected at most 4096: build it as several images");
    refuses(
        bootstrap,
        Collections.nCopies(3, sized(blob, image.blobs().get(0).tailOffset() + (30 << 20))),
        "94371840 bytes of span tables: expected at most 67108864: build it with larger spans");
    refuses(
        bootstrap,
        List.of(sized(blob, Long.MAX_VALUE), sized(blob, Long.MAX_VALUE)),
        "%d bytes of span tables: expected at most 67108864: build it with larger spans"
            .formatted(Long.MAX_VALUE - image.blobs().get(0).tailOffset()));
  }

  @Test
  void aHugeManifestIsRefusedUnread() throws Exception {
    Descriptor huge =
        new Descriptor(ImageManifest.MEDIA_TYPE, Sha256.hash(new byte[0]), 1L << 40, Map.of());
    Files.write(dir.resolve("index.json"), ImageManifest.indexJson(huge));
    assertThatThrownBy(() -> RemoteImage.open(backend))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageEndingWith(": a manifest of 1099511627776 bytes: expected at most 4194304");
    Files.write(dir.resolve("index.json"), new byte[ImageManifest.MAX_JSON_BYTES + 1]);
    assertThatThrownBy(() -> RemoteImage.open(backend))
        .isInstanceOf(BackendException.class)
        .hasMessage(dir + "/index.json: has 4194305 bytes: expected at most 4194304");
  }
}
