package dev.aquifer.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.aquifer.daemon.ControlClient;
import dev.aquifer.daemon.ControlClient.NoDaemonException;
import dev.aquifer.daemon.Places;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/** What the commands ask of the daemon. */
final class DaemonCalls {
  /** A mount may have to fetch a large bootstrap from a slow origin. */
  private static final Duration MOUNT_LIMIT = Duration.ofMinutes(15);

  /** A large cache on a slow disk. */
  private static final Duration VERIFY_LIMIT = Duration.ofHours(12);

  private static final Duration LIMIT = Duration.ofMinutes(1);

  private final Places places;

  DaemonCalls(Places places) {
    this.places = places;
  }

  /** Mounts; starts a daemon in the background if none runs. */
  JsonNode mount(String source, String target, String options)
      throws IOException, FailedException, InterruptedException {
    ControlClient client = new ControlClient(places.socket(), MOUNT_LIMIT);
    ObjectNode wish = JsonNodeFactory.instance.objectNode();
    wish.put("source", source);
    wish.put("target", target);
    wish.put("options", options);
    wish.put("directory", Path.of("").toAbsolutePath().toString());
    try {
      return client.request("POST", "/v1/mounts", wish);
    } catch (NoDaemonException e) {
      BackgroundDaemon.start(places);
      return client.request("POST", "/v1/mounts", wish);
    }
  }

  JsonNode umount(Path target, boolean lazily) throws IOException {
    String encoded =
        URLEncoder.encode(target.toAbsolutePath().normalize().toString(), StandardCharsets.UTF_8);
    return new ControlClient(places.socket(), LIMIT)
        .request("DELETE", "/v1/mounts?target=" + encoded + (lazily ? "&lazy=true" : ""), null);
  }

  JsonNode status() throws IOException {
    return new ControlClient(places.socket(), LIMIT).request("GET", "/v1/status", null);
  }

  /** Proves what is in the cache again. */
  JsonNode verify(boolean repair) throws IOException {
    return new ControlClient(places.socket(), VERIFY_LIMIT)
        .request("POST", "/v1/verify" + (repair ? "?repair=true" : ""), null);
  }

  /** Removes what nobody uses from the cache; returns how many blobs that were. */
  int collect(Duration unusedFor) throws IOException {
    return new ControlClient(places.socket(), VERIFY_LIMIT)
        .request("POST", "/v1/gc?unusedForSeconds=" + unusedFor.toSeconds(), null)
        .path("removedBlobs")
        .asInt();
  }

  /** Forgets the warnings; returns how many there were. */
  int acknowledge() throws IOException {
    return new ControlClient(places.socket(), LIMIT)
        .request("DELETE", "/v1/warnings", null)
        .path("acknowledged")
        .asInt();
  }

  /** What a mount is called: its fsid, and its domain if it has one. */
  static String name(JsonNode mount) {
    JsonNode domain = mount.path("domain");
    return mount.path("fsid").asText()
        + (domain.isTextual() ? " in domain " + domain.asText() : ", private");
  }
}
