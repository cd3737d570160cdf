package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Building, serving, mounting, looking and unmounting, by the script. */
@Tag("root")
@Tag("slow")
class MountSessionTest {
  private static final int SIZE = 5 << 20;

  private DaemonHome home;
  private Path images;
  private byte[] data;

  @BeforeEach
  void open() throws IOException {
    home = DaemonHome.create();
    images = home.scratch.directory("images");
    Path source = home.scratch.directory("source");
    data = new byte[SIZE];
    new Random(3).nextBytes(data);
    Files.write(source.resolve("data"), data);
    assertThat(Program.run("build", source, "-o", images.resolve("a")).exitCode()).isZero();
    Files.writeString(source.resolve("greeting"), "hello");
    assertThat(
            Program.run("build", source, "-o", images.resolve("b"), "--reuse", images.resolve("a"))
                .exitCode())
        .isZero();
  }

  @AfterEach
  void close() throws IOException {
    if (home != null) {
      home.close();
    }
  }

  private String serve(Duration delay) throws IOException {
    Origin origin =
        home.scratch.add(
            Origin.start(images, InetAddress.getLoopbackAddress(), 0, delay, line -> {}));
    return "http://127.0.0.1:" + origin.port() + "/";
  }

  private JsonNode status() throws IOException, InterruptedException {
    Program.Outcome outcome = home.run("status", "--json");
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    return new ObjectMapper().readTree(outcome.out());
  }

  @Test
  void twoImagesShareADomain() throws Exception {
    String url = serve(Duration.ZERO);
    Path a = home.scratch.directory("mnt/a");
    Path b = home.scratch.directory("mnt/b");
    Program.Outcome first =
        home.run("mount", url + "a", "mnt/a", "-o", "domain_id=shop,fsid=one", "-o", "nosuid");
    Program.Outcome second = home.run("mount", "images/b", b, "-o", "domain_id=shop");

    assertThat(first.exitCode()).as(first.err()).isZero();
    assertThat(first.out()).isEqualTo(a + ": mounted " + url + "a as one in domain shop\n");
    assertThat(second.exitCode()).as(second.err()).isZero();
    assertThat(a.resolve("data")).hasBinaryContent(data);
    assertThat(b.resolve("data")).hasBinaryContent(data);
    assertThat(b.resolve("greeting")).hasContent("hello");

    JsonNode status = status();
    assertThat(status.path("mounts")).hasSize(2);
    assertThat(status.path("mounts").get(0).path("fsid").asText()).isEqualTo("one");
    assertThat(status.path("mounts").get(1).path("source").asText())
        .isEqualTo(images.resolve("b").toString());
    assertThat(status.path("domains")).hasSize(1);
    JsonNode domain = status.path("domains").get(0);
    assertThat(domain.path("domain").asText()).isEqualTo("shop");
    assertThat(domain.path("members")).hasSize(2);
    JsonNode shared = domain.path("blobs").get(0);
    assertThat(shared.path("holders")).hasSize(2);
    assertThat(shared.path("verified").asBoolean()).isTrue();
    assertThat(shared.path("spansPresent").asInt()).isEqualTo(shared.path("spansTotal").asInt());
    assertThat(shared.path("fetchedBytes").asLong()).isBetween((long) SIZE, SIZE + 100_000L);

    String table = home.run("status").out();
    assertThat(table).contains("TARGET", a.toString(), b.toString(), "shop", "one", "verified");
    assertThat(table).contains(shared.path("id").asText().substring(0, 12));

    assertThat(home.run("umount", "mnt/a").out()).isEqualTo("mnt/a: unmounted\n");
    assertThat(b.resolve("data")).hasBinaryContent(data);
    assertThat(home.run("umount", b).exitCode()).isZero();
    assertThat(home.mounts()).isEmpty();
    assertThat(status().path("domains")).isEmpty();

    assertThat(home.run("gc", "--unused-for", "1h").out()).startsWith("0 blobs removed");
    assertThat(home.run("gc").out()).matches("[12] blobs removed, [0-9.]+ MiB freed\n");
    assertThat(home.run("gc", "--unused-for", "x").exitCode()).isEqualTo(2);
  }

  @Test
  void refusalsAreOneLineAndHarmNothing() throws Exception {
    Path a = home.scratch.directory("mnt/a");
    Path b = home.scratch.directory("mnt/b");
    Path file = Files.writeString(home.directory.resolve("file"), "x");
    assertThat(home.run("mount", "images/a", a, "-o", "domain_id=shop,fsid=x").exitCode()).isZero();

    refused("is in use in domain", "mount", "images/b", b, "-o", "domain_id=shop,fsid=x");
    refused("frobnicate", "mount", "images/b", b, "-o", "frobnicate");
    refused("nowhere", "mount", "images/b", home.directory.resolve("nowhere"));
    refused(file.toString(), "mount", "images/b", file);
    refused("file", "mount", file, b);
    refused("127.0.0.1:1", "mount", "http://127.0.0.1:1/a", b);
    refused("is mounted", "umount", b);
    try (InputStream busy = Files.newInputStream(a.resolve("data"))) {
      assertThat(busy.read()).isEqualTo(data[0] & 0xff);
      refused("is in use", "umount", a);
      Program.Outcome stop = home.run("daemon", "--stop");
      assertThat(stop.exitCode()).isEqualTo(1);
      assertThat(stop.err()).contains(a.toString(), "in use");
      assertThat(home.run("umount", "--lazy", a).out()).contains("until the last open file");
      assertThat(busy.readAllBytes()).hasSize(SIZE - 1);
    }
    assertThat(home.mounts()).isEmpty();
  }

  private void refused(String expected, Object... command) throws Exception {
    Program.Outcome outcome = home.run(command);

    assertThat(outcome.err()).containsIgnoringCase(expected);
    assertThat(outcome.errors()).as(outcome.err()).hasSize(1);
    assertThat(outcome.err()).startsWith("aquifer: ").doesNotContain("java.");
    assertThat(outcome.exitCode()).isEqualTo(32);
  }

  @Test
  void anInterruptedMountLeavesNothing() throws Exception {
    home.startDaemon();
    String url = serve(Duration.ofSeconds(2));
    Path target = home.scratch.directory("mnt/a");
    Path log = home.directory.resolve("daemon.out");
    Process mount = home.start("mount.out", "mount", url + "a", target, "-o", "domain_id=shop");
    // The domain is joined first, so the daemon is at work from then on.
    Program.await("a member", () -> hasMember());

    assertThat(DaemonHome.end(mount, "INT")).isEqualTo(130);
    Program.await("the end of it", () -> Program.has(log, "could not be delivered"));
    Program.await("unmounted", () -> !hasMember());
    assertThat(home.mounts()).isEmpty();
    assertThat(status().path("domains")).isEmpty();
  }

  private boolean hasMember() {
    try {
      return !new DaemonCalls(home.places).status().path("domains").isEmpty();
    } catch (IOException e) {
      return false;
    }
  }

  @Test
  void mountOfTheSystemFindsTheHelper() throws Exception {
    Path helper = Path.of("/sbin/mount.aquifer");
    Requires.that(
        !Files.exists(helper, LinkOption.NOFOLLOW_LINKS), "needs " + helper + " to be free");
    String url = serve(Duration.ZERO);
    Path target = home.scratch.directory("mnt/c");
    assertThat(home.run("install-mount-helper").out())
        .isEqualTo(helper + " -> " + home.aquifer + "\n");
    try {
      Program.Outcome mount =
          home.execute(
              "mount",
              "-t",
              "aquifer",
              "-o",
              "domain_id=shop,fsid=x,noauto,_netdev",
              url + "b",
              target);
      assertThat(mount.err()).isEmpty();
      assertThat(mount.exitCode()).isZero();
      assertThat(target.resolve("greeting")).hasContent("hello");
      assertThat(status().path("mounts").get(0).path("fsid").asText()).isEqualTo("x");

      Program.Outcome again =
          home.execute("mount", "-t", "aquifer", "-o", "frobnicate", url + "b", target);
      assertThat(again.exitCode()).isEqualTo(32);
      assertThat(again.err()).startsWith("aquifer: ").contains("frobnicate");

      assertThat(home.execute("umount", target).exitCode()).isZero();
      Program.await("the daemon noticed", () -> !hasMember());
      assertThat(home.run("install-mount-helper", "--remove").exitCode()).isZero();
      assertThat(helper).doesNotExist();
    } finally {
      Files.deleteIfExists(helper);
    }
  }

  @Test
  void stoppingTheDaemonUnmountsEverything() throws Exception {
    Process daemon = home.startDaemon();
    home.run("mount", "images/a", home.scratch.directory("mnt/a"), "-o", "domain_id=shop");
    home.run("mount", "images/b", home.scratch.directory("mnt/b"));
    assertThat(home.mounts()).hasSize(2);

    assertThat(home.run("daemon", "--stop").out()).contains("ends, 2 unmounted");
    assertThat(daemon.waitFor()).isZero();
    assertThat(home.mounts()).isEmpty();
  }
}
