package dev.aquifer.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.aquifer.build.ImageBuilder;
import dev.aquifer.build.NioTree;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.mount.KernelFeatures;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The routes of docs/control-api.md, over the socket. */
@Tag("root")
class ControlServerTest {
  @TempDir Path scratch;
  private Daemon daemon;
  private ControlClient client;
  private Path image;

  @BeforeEach
  void start() throws IOException {
    Requires.root();
    Places places = new Places(scratch.resolve("run"), scratch.resolve("cache"));
    Files.createDirectories(places.cacheDir());
    KernelFeatures features = KernelFeatures.probe(places.cacheDir());
    Requires.that(features.isReady(), String.valueOf(features.missing()));
    Path source = Files.createDirectories(scratch.resolve("source"));
    Files.writeString(source.resolve("file"), "content".repeat(2000));
    image = scratch.resolve("image");
    try (NioTree tree = NioTree.open(source)) {
      ImageBuilder.defaults().buildLayout(tree, image);
    }
    daemon = Daemon.open(places, List.of());
    daemon.serve();
    client = new ControlClient(places.socket(), Duration.ofSeconds(60));
  }

  @AfterEach
  void stop() throws IOException {
    if (daemon != null) {
      daemon.close();
      daemon.close();
    }
  }

  private JsonNode mount(String source, Path target, String options) throws IOException {
    Files.createDirectories(target);
    JsonNode wish =
        JsonNodeFactory.instance
            .objectNode()
            .put("source", source)
            .put("target", target.toString())
            .put("options", options)
            .put("directory", scratch.toString());
    return client.request("POST", "/v1/mounts", wish);
  }

  private void refuses(Errno errno, String words, String method, String target, String body) {
    assertThatThrownBy(
            () ->
                client.request(
                    method, target, body == null ? null : new ObjectMapper().readTree(body)))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining(words)
        .extracting(e -> ((RefusedException) e).errno())
        .isEqualTo(errno);
  }

  @Test
  void tellsThatItIsThere() throws IOException {
    JsonNode health = client.request("GET", "/v1/health", null);

    assertThat(health.path("status").asText()).isEqualTo("ok");
    assertThat(health.path("pid").asLong()).isEqualTo(ProcessHandle.current().pid());
    JsonNode status = client.request("GET", "/v1/status", null);
    assertThat(status.path("runDir").asText()).isEqualTo(scratch.resolve("run").toString());
    assertThat(status.path("mounts").isArray()).isTrue();
    assertThat(status.path("domains").isArray()).isTrue();
    assertThat(status.path("missing").isNull()).isTrue();
  }

  @Test
  void refusesWhatItCanNotRead() {
    refuses(Errno.ENOENT, "GET /v1/nowhere: no such route", "GET", "/v1/nowhere", null);
    refuses(Errno.ENOENT, "PUT /v1/mounts: no such route", "PUT", "/v1/mounts", null);
    refuses(Errno.EINVAL, "POST /v1/mounts: expected", "POST", "/v1/mounts", "{}");
    refuses(Errno.EINVAL, "POST /v1/mounts: expected", "POST", "/v1/mounts", "[1]");
    refuses(Errno.EINVAL, "POST /v1/mounts: expected", "POST", "/v1/mounts", null);
    refuses(
        Errno.EINVAL,
        "absolute path",
        "POST",
        "/v1/mounts",
        "{\"source\":\"a\",\"target\":\"b\",\"directory\":\"c\"}");
    refuses(
        Errno.EINVAL,
        "'frob'",
        "POST",
        "/v1/mounts",
        "{\"source\":\"/a\",\"target\":\"/b\",\"options\":\"frob\"}");
    refuses(Errno.EINVAL, "?target=", "DELETE", "/v1/mounts", null);
    refuses(Errno.EINVAL, "?target=", "DELETE", "/v1/mounts?target=mnt", null);
    refuses(Errno.EINVAL, "/nowhere", "DELETE", "/v1/mounts?target=/nowhere", null);
    assertThat(daemon.domains().status()).isEmpty();
  }

  @Test
  void mountsAndUnmounts() throws IOException {
    Path a = scratch.resolve("mnt/a");
    Path b = scratch.resolve("mnt/b");
    JsonNode mount = mount("image", a, "domain_id=shop,fsid=x");

    assertThat(mount.path("target").asText()).isEqualTo(a.toString());
    assertThat(mount.path("source").asText()).isEqualTo(image.toString());
    assertThat(mount.path("domain").asText()).isEqualTo("shop");
    assertThat(mount.path("fsid").asText()).isEqualTo("x");
    assertThat(mount.path("state").asText()).isEqualTo("mounted");
    assertThat(mount.path("image").asText()).startsWith("sha256:");
    assertThatThrownBy(() -> mount("image", b, "domain_id=shop,fsid=x"))
        .extracting(e -> ((RefusedException) e).errno())
        .isEqualTo(Errno.EEXIST);
    assertThatThrownBy(() -> mount("image", a, "domain_id=shop,fsid=y"))
        .extracting(e -> ((RefusedException) e).errno())
        .isEqualTo(Errno.EBUSY);
    assertThat(a.resolve("file")).hasContent("content".repeat(2000));

    JsonNode status = client.request("GET", "/v1/status", null);
    assertThat(status.path("mounts").get(0)).isEqualTo(mount);
    assertThat(status.path("domains").get(0).path("members").get(0).path("fsid").asText())
        .isEqualTo("x");
    JsonNode gone = client.request("DELETE", "/v1/mounts?target=" + a, null);
    assertThat(gone.path("state").asText()).isEqualTo("gone");
    assertThat(daemon.domains().status()).isEmpty();
  }

  @Test
  void endsOnlyWhenNothingIsInUse() throws Exception {
    Path a = scratch.resolve("mnt/a");
    Path b = scratch.resolve("mnt/b");
    mount("image", a, "");
    mount("image", b, "");
    try (InputStream busy = Files.newInputStream(a.resolve("file"))) {
      assertThat(busy.read()).isEqualTo('c');
      refuses(Errno.EBUSY, a + ": in use", "POST", "/v1/shutdown", null);
      assertThat(client.request("GET", "/v1/status", null).path("mounts")).hasSize(1);
    }
    assertThat(client.request("POST", "/v1/shutdown", null).path("unmounted").asInt()).isEqualTo(1);
    daemon.awaitEnd();
  }

  /** Replaces the daemon; what is mounted stays. */
  private static Daemon replace(Places places) throws IOException {
    return Daemon.replace(places, List.of());
  }

  @Test
  void aReplacementComesWhenItsPredecessorHasLetGo() throws Exception {
    Places places = new Places(scratch.resolve("run"), scratch.resolve("cache"));
    try (ExecutorService executor = Executors.newSingleThreadExecutor()) {
      Future<Daemon> next = executor.submit(() -> replace(places));
      daemon.awaitEnd();
      assertThat(next.isDone()).isFalse();
      daemon.close();
      daemon = next.get(60, TimeUnit.SECONDS);
    }
  }

  @Test
  void aReplacementAsksAgainUntilItIsHeard() throws Exception {
    daemon.close();
    Places places = new Places(scratch.resolve("run"), scratch.resolve("cache"));
    daemon = Daemon.open(places, List.of());
    try (ExecutorService executor = Executors.newSingleThreadExecutor()) {
      // It has the lock, and listens a little later.
      Future<Daemon> next = executor.submit(() -> replace(places));
      assertThatThrownBy(() -> next.get(300, TimeUnit.MILLISECONDS))
          .isInstanceOf(TimeoutException.class);
      daemon.serve();
      daemon.awaitEnd();
      daemon.close();
      daemon = next.get(60, TimeUnit.SECONDS);
    }
  }

  @Test
  void ofTwoReplacementsOneIsRefused() throws Exception {
    Places places = new Places(scratch.resolve("run"), scratch.resolve("cache"));
    try (ExecutorService executor = Executors.newFixedThreadPool(2)) {
      Future<Daemon> next = executor.submit(() -> replace(places));
      daemon.awaitEnd();
      // As if another process had been quicker.
      Files.writeString(places.lock(), "1\n");
      assertThatThrownBy(() -> next.get(60, TimeUnit.SECONDS))
          .hasMessageContaining("runs here already");
    }
  }

  @Test
  void secondDaemonOfTheSamePlacesIsRefused() {
    assertThatThrownBy(
            () ->
                Daemon.open(
                    new Places(scratch.resolve("run"), scratch.resolve("cache2")), List.of()))
        .hasMessageContaining("runs here already");
    assertThatThrownBy(
            () ->
                Daemon.open(
                    new Places(scratch.resolve("run2"), scratch.resolve("cache")), List.of()))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining(scratch.resolve("cache").toString());
  }
}
