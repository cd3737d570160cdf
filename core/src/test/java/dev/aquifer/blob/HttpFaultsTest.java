package dev.aquifer.blob;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.aquifer.io.BackendException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.testing.FaultyOrigin;
import dev.aquifer.testing.FaultyOrigin.Answer;
import dev.aquifer.testing.TestImage;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What an origin can do wrong, and the one line that each gives. */
class HttpFaultsTest {
  private static final byte[] BYTES = TestImage.noise(11, 2_500_000);
  private static final HttpTimes SHORT = new HttpTimes(400, 300, 1 << 20);
  private static final RetryPolicy FAST = new RetryPolicy(4, 2, 8, 10_000);

  @TempDir Path dir;
  private FaultyOrigin origin;
  private HttpBackend backend;
  private ObjectInfo info;

  @BeforeEach
  void serve() throws Exception {
    Files.write(dir.resolve("object"), BYTES);
    origin = FaultyOrigin.serve(dir);
    backend = new HttpBackend(origin.url(), HttpBackend.client(Duration.ofSeconds(2)), SHORT);
    info = backend.stat("object");
  }

  @AfterEach
  void end() throws Exception {
    origin.close();
  }

  /**
   * A fault.
   *
   * @param message a regular expression for what follows the object's URL
   */
  record Fault(String name, boolean isTransient, String message, Consumer<Answer> change) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Fault status(int status, boolean isTransient, String message) {
    return new Fault(
        Integer.toString(status),
        isTransient,
        "the origin answered " + status + ": " + message,
        answer -> {
          answer.status = status;
          answer.headers.clear();
          answer.body = "<html>a page for people</html>".getBytes(StandardCharsets.UTF_8);
        });
  }

  static Stream<Fault> faults() {
    return Stream.of(
        status(400, false, "expected 200 or 206"),
        status(401, false, "access denied: check the origin's permissions"),
        status(403, false, "access denied: check the origin's permissions"),
        status(404, false, "no such object: check the URL"),
        status(410, false, "no such object: check the URL"),
        status(416, false, "the range is beyond its end: it was changed or truncated"),
        status(429, true, "expected 200 or 206"),
        status(500, true, "expected 200 or 206"),
        status(501, false, "expected 200 or 206"),
        status(502, true, "expected 200 or 206"),
        status(503, true, "expected 200 or 206"),
        status(504, true, "expected 200 or 206"),
        new Fault(
            "416 with a size",
            false,
            "has 77 bytes, not 2500000: it was changed at the origin: mount it anew",
            answer -> {
              answer.status = 416;
              answer.bodyLength = 0;
              answer.headers.put("content-range", "bytes */77");
            }),
        new Fault(
            "wrong start",
            false,
            "the origin answered with Content-Range 'bytes 0-999999/2500000': expected bytes 1000-1000999",
            answer -> answer.headers.put("content-range", "bytes 0-999999/2500000")),
        new Fault(
            "shorter range",
            false,
            "the origin answered with Content-Range 'bytes 1000-1999/2500000': expected bytes 1000-1000999",
            answer -> {
              answer.headers.put("content-range", "bytes 1000-1999/2500000");
              answer.bodyLength = 1000;
            }),
        new Fault(
            "no Content-Range",
            false,
            "the origin answered with Content-Range '': expected bytes 1000-1000999",
            answer -> answer.headers.remove("content-range")),
        new Fault(
            "nonsense Content-Range",
            false,
            "the origin answered with Content-Range 'bytes 1-x/9': expected bytes 1000-1000999",
            answer -> answer.headers.put("content-range", "bytes 1-x/9")),
        new Fault(
            "another total",
            false,
            "has 9000000 bytes, not 2500000: it was changed at the origin: mount it anew",
            answer -> answer.headers.put("content-range", "bytes 1000-1000999/9000000")),
        new Fault(
            "another version in a 206",
            false,
            "has version \"new\", not \"[^\"]+\": it was changed at the origin: mount it anew",
            answer -> answer.headers.put("etag", "\"new\"")),
        new Fault(
            "another version in a 200, as If-Range makes it",
            false,
            "has version \"new\", not \"[^\"]+\": it was changed at the origin: mount it anew",
            answer -> {
              whole(answer);
              answer.headers.put("etag", "\"new\"");
            }),
        new Fault(
            "no version any more",
            false,
            "has version null, not \"[^\"]+\": it was changed at the origin: mount it anew",
            answer -> answer.headers.remove("etag")),
        new Fault(
            "no ranges",
            false,
            "the origin ignores the Range header \\(it answered 200\\): expected 206: use a web server that serves byte ranges",
            HttpFaultsTest::whole),
        new Fault(
            "compressed",
            false,
            "is sent in encoding 'gzip': expected none",
            answer -> answer.headers.put("content-encoding", "gzip")),
        new Fault(
            "too long by its headers",
            false,
            "the origin sends 1000007 bytes: expected 1000000",
            answer -> {
              answer.bodyLength = 1_000_007;
              answer.headers.put("content-length", "1000007");
            }),
        new Fault(
            "too short by its headers",
            true,
            "the answer ended after 999000 of 1000000 bytes",
            answer -> answer.bodyLength = Math.max(0, answer.bodyLength - 1000)),
        new Fault(
            "ends early", true, "the connection broke: .*", answer -> answer.cutAfter = 500_000),
        new Fault(
            "ends before its body",
            true,
            "the connection broke: .*",
            answer -> answer.cutAfter = 0),
        new Fault(
            "is reset",
            true,
            "the connection broke: .*",
            answer -> {
              answer.cutAfter = 500_000;
              answer.reset = true;
            }),
        new Fault("hangs up", true, "the connection broke: .*", answer -> answer.status = 0),
        new Fault(
            "stalls in its body",
            true,
            "nothing came for 300 ms after byte \\d+ of the answer",
            answer -> answer.stallAfter = 400_000),
        new Fault(
            "stalls before its body",
            true,
            "nothing came for 300 ms after byte 0 of the answer",
            answer -> answer.stallAfter = 0),
        new Fault(
            "no answer",
            true,
            "no answer within 400 ms",
            answer -> answer.beforeHeaders = () -> await(new CountDownLatch(1), 5)),
        new Fault(
            "redirect without end",
            false,
            "the origin answered 302: redirects to '.*': not followed",
            answer -> {
              answer.status = 302;
              answer.headers.put("location", "/object?again");
            }));
  }

  private static void whole(Answer answer) {
    answer.status = 200;
    answer.headers.remove("content-range");
    answer.bodyOffset = 0;
    answer.bodyLength = BYTES.length;
  }

  private static void await(CountDownLatch latch, int seconds) {
    try {
      latch.await(seconds, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private byte[] read(Backend from, ObjectInfo expected, long offset, int length)
      throws IOException {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment dst = arena.allocate(length);
      long[] told = {0};
      from.read(
          "object",
          expected,
          offset,
          dst,
          count -> {
            MemorySegment truth =
                MemorySegment.ofArray(BYTES).asSlice(offset + told[0], count - told[0]);
            assertThat(dst.asSlice(told[0], count - told[0]).mismatch(truth)).isEqualTo(-1);
            told[0] = count;
          });
      assertThat(told[0]).isEqualTo(length);
      return dst.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  private static byte[] part(int from, int length) {
    return Arrays.copyOfRange(BYTES, from, from + length);
  }

  @ParameterizedTest
  @MethodSource("faults")
  void saysWhatIsWrongInOneLineAndWorksAgain(Fault fault) throws Exception {
    origin.fault(FaultyOrigin.any(), fault.change());
    BackendException e =
        catchThrowableOfType(BackendException.class, () -> read(backend, info, 1000, 1_000_000));
    assertThat(e).isNotNull();
    assertThat(e.getMessage()).matches(origin.url() + "/object: " + fault.message());
    assertThat(e.isTransient()).as(e.getMessage()).isEqualTo(fault.isTransient());
    origin.heal();
    assertThat(read(backend, info, 1000, 1_000_000)).isEqualTo(part(1000, 1_000_000));
  }

  @ParameterizedTest
  @MethodSource("faults")
  void retriesHealWhatPasses(Fault fault) throws Exception {
    if (!fault.isTransient()) {
      return;
    }
    Backend retrying = new RetryingBackend(backend, FAST);
    origin.clearLog();
    origin.fault(2, FaultyOrigin.any(), fault.change());
    assertThat(read(retrying, info, 1000, 1_000_000)).isEqualTo(part(1000, 1_000_000));
    assertThat(origin.requests("object")).isBetween(2L, 3L);
  }

  @Test
  void aBrokenBodyIsNotFetchedTwice() throws Exception {
    Backend retrying = new RetryingBackend(backend, FAST);
    origin.clearLog();
    origin.fault(3, FaultyOrigin.any(), answer -> answer.cutAfter = 300_000);
    assertThat(read(retrying, info, 0, 1_000_000)).isEqualTo(part(0, 1_000_000));
    assertThat(origin.requests("object")).isEqualTo(4);
    assertThat(origin.bodyBytes("object")).isLessThan(1_400_000);
  }

  @Test
  void bytesBeyondTheRangeAreRefused() {
    origin.fault(
        FaultyOrigin.any(),
        answer -> {
          // Without a length the body ends with the connection.
          answer.headers.put("content-length", "");
          answer.headers.put("connection", "close");
          answer.surplus = new byte[5000];
        });
    assertThatThrownBy(() -> read(backend, info, 0, 1000))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(origin.url() + "/object: ");
  }

  @Test
  void keepsConnections() throws Exception {
    int before = origin.connections();
    for (int i = 0; i < 20; i++) {
      read(backend, info, i * 1000L, 1000);
      backend.readAll("object", BYTES.length);
    }
    assertThat(origin.connections()).isLessThanOrEqualTo(before + 1);
  }

  @Test
  void followsRedirectsWithTheRange() throws Exception {
    Files.createDirectory(dir.resolve("other"));
    Files.move(dir.resolve("object"), dir.resolve("other/moved"));
    origin.fault(
        FaultyOrigin.path("object"),
        answer -> {
          answer.status = 307;
          answer.headers.put("location", origin.url() + "/other/moved");
        });
    assertThat(read(backend, info, 5, 500)).isEqualTo(part(5, 500));
    assertThat(backend.stat("object")).isEqualTo(info);
    FaultyOrigin.Request last = origin.log().getLast().request();
    assertThat(last.path()).isEqualTo("other/moved");
  }

  @Test
  void asksOnlyForTheVersionItKnows() throws Exception {
    origin.clearLog();
    read(backend, info, 5, 5);
    read(backend, new ObjectInfo(BYTES.length, null), 5, 5);
    assertThat(origin.log().get(0).request().headers()).containsEntry("if-range", info.version());
    assertThat(origin.log().get(1).request().headers()).doesNotContainKey("if-range");
  }

  @Test
  void anOriginWithoutRangesMayServeSmallObjects() throws Exception {
    byte[] small = part(0, 50_000);
    Files.write(dir.resolve("small"), small);
    origin.fault(
        FaultyOrigin.path("small"),
        answer -> {
          answer.status = 200;
          answer.headers.remove("content-range");
          answer.bodyOffset = 0;
          answer.bodyLength = small.length;
        });
    ObjectInfo smallInfo = backend.stat("small");
    assertThat(smallInfo.sizeBytes()).isEqualTo(50_000);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment dst = arena.allocate(700);
      backend.read("small", smallInfo, 40_000, dst, count -> {});
      assertThat(dst.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(part(40_000, 700));
    }
  }

  @Test
  void anOriginWithoutRangesMayServeAWholeObject() throws Exception {
    origin.fault(FaultyOrigin.any(), HttpFaultsTest::whole);
    assertThat(read(backend, info, 0, BYTES.length)).isEqualTo(BYTES);
  }

  private static String http(Instant instant) {
    return DateTimeFormatter.RFC_1123_DATE_TIME.format(
        ZonedDateTime.ofInstant(instant, ZoneOffset.UTC));
  }

  private void dates(Instant modified, Instant answered) {
    origin.fault(
        FaultyOrigin.any(),
        answer -> {
          answer.headers.put("etag", "W/\"weak\"");
          answer.headers.put("last-modified", http(modified));
          answer.headers.put("date", http(answered));
        });
  }

  @Test
  void anOldModificationTimeIsAVersion() throws Exception {
    Instant modified = Instant.parse("2025-01-01T00:00:00Z");
    dates(modified, modified.plusSeconds(1));
    ObjectInfo dated = backend.stat("object");
    assertThat(dated.version()).isEqualTo("Wed, 1 Jan 2025 00:00:00 GMT");
    origin.heal();
    dates(modified.plusSeconds(7), modified.plusSeconds(9));
    assertThatThrownBy(() -> read(backend, dated, 0, 10))
        .hasMessageContaining(
            "has version Wed, 1 Jan 2025 00:00:07 GMT, not Wed, 1 Jan 2025 00:00:00 GMT: it was changed");
  }

  @Test
  void aModificationTimeOfThisSecondOrAWeakTagIsNone() throws Exception {
    Instant now = Instant.parse("2025-01-01T00:00:00Z");
    dates(now, now);
    assertThat(backend.stat("object").version()).isNull();
  }

  @Test
  void saysWhenTheSizeIsMissing() {
    origin.fault(FaultyOrigin.any(), answer -> answer.headers.put("content-range", "bytes 0-0/*"));
    assertThatThrownBy(() -> backend.stat("object"))
        .hasMessage(
            origin.url()
                + "/object: the origin does not say how large it is: expected Content-Range or Content-Length");
  }

  @Test
  void noMessageShowsAQueryOrAPassword() {
    for (String location :
        List.of(
            "http://h/a b?token=secret",
            "http:///x?token=secret",
            "http://h/x?token=secret#part",
            "http://me:secret@h/x",
            "http://me:secret@h/a b",
            "ftp://h/x?token=secret",
            "file:relative?token=secret",
            "file:///x?token=secret",
            "file:///a b?token=secret")) {
      assertThatThrownBy(() -> Backend.open(location))
          .isInstanceOf(RefusedException.class)
          .message()
          .doesNotContain("secret")
          .doesNotContain("\n");
    }
  }

  @Test
  void noMessageShowsTheQueryOfARedirect() throws Exception {
    origin.fault(
        FaultyOrigin.any(),
        answer -> {
          answer.status = 302;
          answer.headers.put("location", "http://h/a b?token=secret");
        });
    for (String location : List.of("http://h/a b?token=secret", "ftp://h/x?token=secret")) {
      origin.fault(FaultyOrigin.any(), answer -> answer.headers.put("location", location));
      try (Backend backend =
          new HttpBackend(origin.url(), HttpBackend.client(Duration.ofSeconds(2)), SHORT)) {
        assertThatThrownBy(() -> backend.stat("object"))
            .isInstanceOf(BackendException.class)
            .message()
            .startsWith(origin.url() + "/object: ")
            .doesNotContain("secret");
      }
    }
  }

  @Test
  void theQueryGoesWithEachRequestAndIntoNoMessage() throws Exception {
    Backend signed =
        new HttpBackend(
            origin.url() + "//?token=secret", HttpBackend.client(Duration.ofSeconds(2)), SHORT);
    assertThat(signed.name()).isEqualTo(origin.url());
    assertThat(read(signed, info, 1, 2)).isEqualTo(part(1, 2));
    assertThat(origin.log().getLast().request().headers()).containsEntry("?", "token=secret");
    assertThatThrownBy(() -> signed.stat("none")).hasMessageNotContaining("secret");
  }

  @Test
  void honoursRetryAfter() throws Exception {
    Backend retrying = new RetryingBackend(backend, new RetryPolicy(3, 1, 1, 5_000));
    origin.fault(
        1,
        FaultyOrigin.any(),
        answer -> {
          answer.status = 503;
          answer.headers.put("retry-after", "1");
        });
    long start = System.nanoTime();
    read(retrying, info, 0, 10);
    assertThat(System.nanoTime() - start).isGreaterThan(TimeUnit.MILLISECONDS.toNanos(990));
  }

  @Test
  void givesUpOnAnOriginThatAsksForTooMuchPatience() {
    Backend retrying = new RetryingBackend(backend, new RetryPolicy(3, 1, 1, 5_000));
    origin.clearLog();
    origin.fault(
        FaultyOrigin.any(),
        answer -> {
          answer.status = 429;
          answer.headers.put("retry-after", http(Instant.now().plusSeconds(600)));
        });
    assertThatThrownBy(() -> read(retrying, info, 0, 10))
        .hasMessageMatching(".*answered 429.*\\(tried 1 times in \\d+ ms\\)");
    assertThat(origin.requests("object")).isEqualTo(1);
  }

  @Test
  void aDrippingBodyIsGivenUp() throws Exception {
    // 250 ms before each piece: never a stall of 300 ms, and far below 1 MiB/s.
    HttpBackend strict =
        new HttpBackend(
            origin.url(),
            HttpBackend.client(Duration.ofSeconds(2)),
            new HttpTimes(200, 300, 100 << 20));
    CountDownLatch never = new CountDownLatch(1);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment dst = arena.allocate(2_000_000);
      origin.fault(
          FaultyOrigin.any(),
          answer -> {
            answer.pieceBytes = 1000;
            answer.beforePiece =
                () -> {
                  try {
                    never.await(50, TimeUnit.MILLISECONDS);
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                };
          });
      assertThatThrownBy(() -> strict.read("object", info, 0, dst, count -> {}))
          .isInstanceOf(BackendException.class)
          .hasMessageMatching(
              ".*: only \\d+ bytes came in \\d+ ms: expected at least 104857600 a second");
    }
  }

  @Test
  void anInterruptedReadEndsAtOnce() throws Exception {
    CountDownLatch reached = new CountDownLatch(1);
    origin.fault(
        FaultyOrigin.any(),
        answer -> {
          answer.beforeHeaders = reached::countDown;
          answer.stallAfter = 10;
        });
    HttpBackend patient = new HttpBackend(origin.url());
    List<Throwable> thrown = new ArrayList<>();
    Thread reader =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    read(patient, info, 0, 1000);
                  } catch (IOException e) {
                    thrown.add(e);
                  }
                });
    assertThat(reached.await(10, TimeUnit.SECONDS)).isTrue();
    reader.interrupt();
    assertThat(reader.join(Duration.ofSeconds(5))).isTrue();
    assertThat(thrown).hasOnlyElementsOfType(InterruptedIOException.class);
    origin.heal();
    assertThat(read(patient, info, 0, 1000)).isEqualTo(part(0, 1000));
  }

  @Test
  void saysThatNobodyListens() throws Exception {
    String url = origin.url();
    origin.close();
    BackendException e =
        catchThrowableOfType(BackendException.class, () -> read(backend, info, 0, 10));
    assertThat(e.getMessage()).matches(url + "/object: (can't connect|the connection broke): .+");
    assertThat(e.isTransient()).isTrue();
  }

  @Test
  void connectingHasALimit() throws Exception {
    // A listener that accepts nobody and whose queue is full.
    try (ServerSocket full = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      List<Socket> queue = new ArrayList<>();
      try {
        for (int i = 0; i < 4; i++) {
          Socket socket = new Socket();
          queue.add(socket);
          try {
            socket.connect(new InetSocketAddress(full.getInetAddress(), full.getLocalPort()), 200);
          } catch (java.net.SocketTimeoutException e) {
            break;
          }
        }
        Backend waiting =
            new HttpBackend(
                "http://127.0.0.1:" + full.getLocalPort(),
                HttpBackend.client(Duration.ofMillis(300)),
                new HttpTimes(5_000, 5_000, 1));
        assertThatThrownBy(() -> waiting.stat("object"))
            .isInstanceOf(BackendException.class)
            .hasMessageContaining("can't connect: HTTP connect timed out");
      } finally {
        for (Socket socket : queue) {
          socket.close();
        }
      }
    }
  }

  @Test
  void saysThatTheHostIsUnknown() {
    assertThatThrownBy(() -> new HttpBackend("http://no-such-host.invalid/x").stat("object"))
        .isInstanceOf(BackendException.class)
        .hasMessageMatching("http://no-such-host.invalid/x/object: (unknown host|can't connect.*)");
  }

  @Test
  void refusesUrlsThatCanNotWork() {
    for (String url : List.of("http://", "http:///x", "http://h/x#f", "http://h:1/ x", "http:x")) {
      RefusedException e = catchThrowableOfType(RefusedException.class, () -> new HttpBackend(url));
      assertThat(e).as(url).isNotNull();
      assertThat(e.errno()).isEqualTo(Errno.EINVAL);
    }
    assertThatThrownBy(() -> new HttpBackend("http://user:secret@h/x"))
        .hasMessage("URL of host h: user and password in a URL are refused");
  }
}
