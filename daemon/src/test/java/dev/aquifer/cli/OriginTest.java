package dev.aquifer.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.testing.Requires;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What curl makes of the origin. */
class OriginTest {
  private static final int SIZE = 1_000_000;

  @TempDir Path scratch;
  private Path served;
  private Path file;
  private byte[] bytes;
  private Origin origin;
  private String url;
  private final List<String> log = new CopyOnWriteArrayList<>();

  @BeforeEach
  void start() throws IOException {
    Requires.tool("curl");
    served = Files.createDirectories(scratch.resolve("served"));
    file = served.resolve("deep/a b");
    Files.createDirectories(file.getParent());
    bytes = new byte[SIZE];
    new Random(1).nextBytes(bytes);
    Files.write(file, bytes);
    Files.writeString(scratch.resolve("secret"), "not to be seen");
    origin = start(Duration.ZERO);
    url = "http://127.0.0.1:" + origin.port() + "/";
  }

  private Origin start(Duration delay) throws IOException {
    return Origin.start(served, InetAddress.getLoopbackAddress(), 0, delay, log::add);
  }

  @AfterEach
  void stop() {
    if (origin != null) {
      origin.close();
    }
  }

  private record Answer(int status, Map<String, String> headers, byte[] body) {}

  private Answer curl(String path, String... options) throws IOException, InterruptedException {
    Path head = scratch.resolve("head");
    Path body = scratch.resolve("body");
    List<Object> command =
        new ArrayList<>(List.of("curl", "-s", "--path-as-is", "-D", head, "-o", body));
    command.addAll(List.of(options));
    command.add(url + path);
    Files.deleteIfExists(body);
    Program.Outcome outcome = Program.execute(scratch, Map.of(), command.toArray());
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    List<String> lines = Files.readAllLines(head);
    Map<String, String> headers = new java.util.TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    for (String line : lines.subList(1, lines.size() - 1)) {
      headers.put(line.substring(0, line.indexOf(':')), line.substring(line.indexOf(':') + 2));
    }
    return new Answer(
        Integer.parseInt(lines.getFirst().split(" ")[1]),
        headers,
        Files.exists(body) ? Files.readAllBytes(body) : new byte[0]);
  }

  private byte[] part(int start, int end) {
    return java.util.Arrays.copyOfRange(bytes, start, end);
  }

  @Test
  void servesWholeFiles() throws Exception {
    Answer answer = curl("deep/a%20b");

    assertThat(answer.status).isEqualTo(200);
    assertThat(answer.body).isEqualTo(bytes);
    assertThat(answer.headers)
        .containsEntry("Content-Length", "1000000")
        .containsEntry("Accept-Ranges", "bytes")
        .containsKeys("ETag", "Last-Modified");
    assertThat(origin.requests()).isEqualTo(1);
    assertThat(origin.sentBytes()).isEqualTo(SIZE);
    assertThat(log).containsExactly("GET /deep/a%20b 200 1000000");
  }

  @Test
  void servesRanges() throws Exception {
    Answer middle = curl("deep/a%20b", "-r", "1000-2999");
    Answer rest = curl("deep/a%20b", "-r", "999990-");
    Answer tail = curl("deep/a%20b", "-r", "-5");

    assertThat(middle.status).isEqualTo(206);
    assertThat(middle.body).isEqualTo(part(1000, 3000));
    assertThat(middle.headers)
        .containsEntry("Content-Range", "bytes 1000-2999/1000000")
        .containsEntry("Content-Length", "2000");
    assertThat(rest.body).isEqualTo(part(999_990, SIZE));
    assertThat(rest.headers).containsEntry("Content-Range", "bytes 999990-999999/1000000");
    assertThat(tail.body).isEqualTo(part(SIZE - 5, SIZE));
    assertThat(origin.sentBytes()).isEqualTo(2000 + 10 + 5);
  }

  @Test
  void saysWhatLiesBeyondTheEnd() throws Exception {
    Answer answer = curl("deep/a%20b", "-r", "1000000-");

    assertThat(answer.status).isEqualTo(416);
    assertThat(answer.headers).containsEntry("Content-Range", "bytes */1000000");
  }

  @Test
  void severalRangesGetTheWhole() throws Exception {
    Answer answer = curl("deep/a%20b", "-r", "0-1,4-5");

    assertThat(answer.status).isEqualTo(200);
    assertThat(answer.body).isEqualTo(bytes);
  }

  @Test
  void headTellsWithoutABody() throws Exception {
    Answer answer = curl("deep/a%20b", "-I");

    assertThat(answer.status).isEqualTo(200);
    assertThat(answer.headers).containsEntry("Content-Length", "1000000").containsKey("ETag");
    assertThat(origin.sentBytes()).isZero();
  }

  @Test
  void aRangeOfAChangedFileIsTheWholeNewFile() throws Exception {
    String etag = curl("deep/a%20b", "-I").headers.get("ETag");
    Answer same = curl("deep/a%20b", "-r", "0-9", "-H", "If-Range: " + etag);
    Files.write(file, part(0, 500));
    Answer changed = curl("deep/a%20b", "-r", "0-9", "-H", "If-Range: " + etag);

    assertThat(same.status).isEqualTo(206);
    assertThat(changed.status).isEqualTo(200);
    assertThat(changed.body).isEqualTo(part(0, 500));
    assertThat(changed.headers.get("ETag")).isNotEqualTo(etag);
  }

  @Test
  void aChangeOfTheSameSizeAndTimeIsStillAChange() throws Exception {
    String etag = curl("deep/a%20b", "-I").headers.get("ETag");
    Path other = served.resolve("other");
    Files.write(other, bytes);
    Files.setLastModifiedTime(other, Files.getLastModifiedTime(file));
    Files.move(other, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);

    assertThat(curl("deep/a%20b", "-I").headers.get("ETag")).isNotEqualTo(etag);
  }

  @Test
  void ifRangeTakesTheDateToo() throws Exception {
    String date = curl("deep/a%20b", "-I").headers.get("Last-Modified");

    assertThat(curl("deep/a%20b", "-r", "0-9", "-H", "If-Range: " + date).status).isEqualTo(206);
    assertThat(
            curl("deep/a%20b", "-r", "0-9", "-H", "If-Range: Sun, 22 Nov 1998 10:00:00 GMT").status)
        .isEqualTo(200);
  }

  @Test
  void anUnchangedFileNeedsNoBody() throws Exception {
    String etag = curl("deep/a%20b", "-I").headers.get("ETag");
    Answer answer = curl("deep/a%20b", "-H", "If-None-Match: " + etag);

    assertThat(answer.status).isEqualTo(304);
    assertThat(answer.body).isEmpty();
  }

  @Test
  void servesNothingElse() throws Exception {
    Files.createSymbolicLink(served.resolve("link-out"), scratch.resolve("secret"));
    Files.createSymbolicLink(served.resolve("link-in"), file);

    assertThat(curl("nowhere").status).isEqualTo(404);
    assertThat(curl("").status).isEqualTo(404);
    assertThat(curl("deep").status).isEqualTo(404);
    assertThat(curl("../secret").status).isEqualTo(404);
    assertThat(curl("deep/%2e%2e/%2e%2e/secret").status).isEqualTo(404);
    assertThat(curl("/" + scratch.resolve("secret")).status).isEqualTo(404);
    assertThat(curl("link-out").status).isEqualTo(404);
    assertThat(curl("a%00b").status).isIn(400, 404);
    assertThat(curl("link-in").body).isEqualTo(bytes);
    assertThat(curl("deep/a%20b", "-X", "PUT").status).isEqualTo(405);
  }

  @Test
  void emptyFilesHaveNoRanges() throws Exception {
    Files.createFile(served.resolve("empty"));

    assertThat(curl("empty").headers).containsEntry("Content-Length", "0");
    assertThat(curl("empty", "-r", "0-9").status).isEqualTo(416);
  }

  @Test
  void keepsConnectionsOpen() throws Exception {
    Program.Outcome outcome =
        Program.execute(
            scratch,
            Map.of(),
            "curl",
            "-sv",
            "-o",
            "/dev/null",
            "-o",
            "/dev/null",
            url + "deep/a%20b",
            url + "deep/a%20b");

    assertThat(outcome.err()).containsOnlyOnce("Connected to 127.0.0.1");
    assertThat(origin.requests()).isEqualTo(2);
  }

  @Test
  void delaysEachAnswer() throws Exception {
    try (Origin slow = start(Duration.ofMillis(200))) {
      url = "http://127.0.0.1:" + slow.port() + "/";
      long start = System.nanoTime();

      assertThat(curl("deep/a%20b", "-r", "0-9").status).isEqualTo(206);
      assertThat(System.nanoTime() - start).isGreaterThan(Duration.ofMillis(200).toNanos());
    }
  }

  @Test
  void aPortInUseIsAnErrorThatNamesIt() {
    assertThatThrownBy(
            () ->
                Origin.start(
                    served,
                    InetAddress.getLoopbackAddress(),
                    origin.port(),
                    Duration.ZERO,
                    log::add))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("port " + origin.port() + ": can't listen")
        .hasMessageContaining("in use");
  }
}
