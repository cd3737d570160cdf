package dev.aquifer.format;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.io.CorruptDataException;
import dev.aquifer.io.Sha256;
import dev.aquifer.io.UnsupportedFeatureException;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ImageManifestTest {
  private static final Sha256 ID = Sha256.hash("id".getBytes(UTF_8));
  private static final Descriptor CONFIG =
      new Descriptor(ImageManifest.CONFIG_TYPE, Sha256.hash(new byte[] {1}), 1, Map.of());
  private static final Descriptor BOOTSTRAP =
      new Descriptor(ImageManifest.BOOTSTRAP_TYPE, Sha256.hash(new byte[] {2}), 4096, Map.of());
  private static final Descriptor BLOB =
      new Descriptor(
          ImageManifest.BLOB_TYPE,
          Sha256.hash(new byte[] {3}),
          1000,
          Map.of(ImageManifest.BLOB_ID, ID.toString(), ImageManifest.TAIL_OFFSET, "800"));

  private static ImageManifest parse(byte[] json) throws IOException {
    return ImageManifest.parse("m", json, Sha256.hash(json));
  }

  @Test
  void roundTrips() throws IOException {
    ImageManifest manifest = new ImageManifest(CONFIG, BOOTSTRAP, List.of(BLOB));
    assertThat(parse(manifest.toJson())).isEqualTo(manifest);
    assertThat(manifest.toJson()).isEqualTo(manifest.toJson());
    assertThat(ImageManifest.blobId("m", BLOB)).isEqualTo(ID);
    assertThat(ImageManifest.tailOffset("m", BLOB)).isEqualTo(800);
    Descriptor self =
        new Descriptor(ImageManifest.MEDIA_TYPE, Sha256.hash(new byte[] {4}), 10, Map.of());
    assertThat(ImageManifest.parseIndex("i", ImageManifest.indexJson(self))).isEqualTo(self);
    assertThat(self.path()).isEqualTo("blobs/sha256/" + self.digest().hex());
  }

  @Test
  void refusesAnotherDigest() {
    assertThatThrownBy(() -> ImageManifest.parse("m", new byte[] {'{', '}'}, ID))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("expected " + ID);
  }

  @Test
  void refusesWhatIsNoAquiferImage() {
    assertThatThrownBy(() -> parse("{\"layers\":[]}".getBytes(UTF_8)))
        .isInstanceOf(UnsupportedFeatureException.class)
        .hasMessageContaining("is no Aquifer image");
    assertThatThrownBy(() -> parse("nonsense".getBytes(UTF_8)))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("is no JSON");
    assertThatThrownBy(() -> parse("[]".getBytes(UTF_8)))
        .isInstanceOf(CorruptDataException.class)
        .hasMessageContaining("is no JSON object");
    assertThatThrownBy(() -> parse(new byte[0])).isInstanceOf(CorruptDataException.class);
  }

  @Test
  void refusesBadDescriptors() {
    for (String bad :
        List.of(
            "{}",
            "{\"mediaType\":\"x\",\"digest\":\"md5:1\",\"size\":1}",
            "{\"mediaType\":\"x\",\"digest\":\"" + ID + "\",\"size\":-1}",
            "{\"mediaType\":\"x\",\"digest\":\"" + ID + "\",\"size\":\"1\"}",
            "{\"mediaType\":\"x\",\"digest\":\"sha256:00\",\"size\":1}")) {
      assertThatThrownBy(
              () ->
                  ImageManifest.parseIndex("i", ("{\"manifests\":[" + bad + "]}").getBytes(UTF_8)))
          .isInstanceOf(CorruptDataException.class);
    }
  }

  @Test
  void refusesNoneOrManyManifests() {
    assertThatThrownBy(() -> ImageManifest.parseIndex("i", "{}".getBytes(UTF_8)))
        .hasMessageContaining("lists 0 manifests: expected exactly one");
  }

  @Test
  void refusesWhatIsNoListOfDescriptors() {
    String layer = "\"a\":{\"mediaType\":\"" + ImageManifest.BOOTSTRAP_TYPE + "\"}";
    for (String bad : List.of("{\"a\":1}", "{" + layer + "}", "1", "\"x\"", "null", "true")) {
      assertThatThrownBy(
              () -> ImageManifest.parseIndex("i", ("{\"manifests\":" + bad + "}").getBytes(UTF_8)))
          .isInstanceOf(CorruptDataException.class)
          .hasMessage("i: manifests is no JSON array: expected a list of descriptors");
      assertThatThrownBy(() -> parse(("{\"layers\":" + bad + "}").getBytes(UTF_8)))
          .isInstanceOf(CorruptDataException.class)
          .hasMessageContaining("layers is no JSON array");
    }
    for (String bad : List.of("[1]", "[null]", "[[]]", "[{}]")) {
      assertThatThrownBy(
              () -> ImageManifest.parseIndex("i", ("{\"manifests\":" + bad + "}").getBytes(UTF_8)))
          .isInstanceOf(CorruptDataException.class);
      assertThatThrownBy(() -> parse(("{\"layers\":" + bad + "}").getBytes(UTF_8)))
          .isInstanceOf(UnsupportedFeatureException.class);
    }
  }

  @Test
  void refusesBadAnnotations() {
    Descriptor bare = new Descriptor(ImageManifest.BLOB_TYPE, ID, 1000, Map.of());
    assertThatThrownBy(() -> ImageManifest.blobId("m", bare))
        .hasMessageContaining("has no annotation dev.aquifer.blob.id");
    for (String offset : List.of("-1", "1000", "x", "")) {
      Descriptor bad =
          new Descriptor(
              ImageManifest.BLOB_TYPE, ID, 1000, Map.of(ImageManifest.TAIL_OFFSET, offset));
      assertThatThrownBy(() -> ImageManifest.tailOffset("m", bad))
          .isInstanceOf(CorruptDataException.class)
          .hasMessageContaining("'" + offset + "'");
    }
  }
}
