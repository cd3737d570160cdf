package dev.aquifer.blob;

import dev.aquifer.io.BackendException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.net.ConnectException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.ResponseInfo;
import java.nio.ByteBuffer;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLHandshakeException;
import org.jspecify.annotations.Nullable;

/**
 * Objects are found below an HTTP or HTTPS base URL. A query of the base URL, such as an access
 * token, goes with each request and into no message.
 *
 * <p>HTTP/1.1: one connection a request in flight gives each its own share of the line, and the
 * JDK's client moves bodies faster over it than over HTTP/2.
 */
final class HttpBackend implements Backend {
  private static final long POLL_MILLIS = 100;
  private static final long END_MILLIS = 1_000;
  private static final ReadListener NOBODY = count -> {};

  /** One client for the whole process: each has a thread and a pool of connections. */
  private static final class Shared {
    static final HttpClient CLIENT;

    static {
      // 16 KiB, the JDK's default, cost twice the processor time of 256 KiB for a cold 256 MiB.
      if (System.getProperty("jdk.httpclient.bufsize") == null) {
        System.setProperty("jdk.httpclient.bufsize", Integer.toString(256 << 10));
      }
      CLIENT = client(Duration.ofSeconds(10));
    }
  }

  private final String server;
  private final String base;
  private final String query;
  private final HttpClient client;
  private final HttpTimes times;

  HttpBackend(String location) throws RefusedException {
    this(location, Shared.CLIENT, HttpTimes.DEFAULT);
  }

  HttpBackend(String location, HttpClient client, HttpTimes times) throws RefusedException {
    URI uri = parse(location);
    this.server =
        "%s://%s".formatted(uri.getScheme().toLowerCase(Locale.ROOT), uri.getRawAuthority());
    this.base = server + uri.getRawPath().replaceFirst("/+$", "");
    this.query = uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery();
    this.client = client;
    this.times = times;
  }

  static HttpClient client(Duration connectTimeout) {
    return HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1)
        .followRedirects(HttpClient.Redirect.NORMAL)
        .connectTimeout(connectTimeout)
        .build();
  }

  private static URI parse(String location) throws RefusedException {
    URI uri;
    try {
      uri = new URI(location);
    } catch (URISyntaxException e) {
      throw refused("'%s' is no URL: %s".formatted(Shown.url(location), e.getReason()));
    }
    if (uri.getRawUserInfo() != null) {
      throw refused(
          "URL of host %s: user and password in a URL are refused".formatted(uri.getHost()));
    }
    if (uri.getHost() == null || uri.getRawFragment() != null) {
      throw refused(
          "'%s': expected http://host[:port]/path without '#'".formatted(Shown.url(location)));
    }
    return uri;
  }

  private static RefusedException refused(String message) {
    return new RefusedException(Errno.EINVAL, message);
  }

  @Override
  public String name() {
    return base;
  }

  @Override
  public String origin() {
    return server;
  }

  @Override
  public ObjectInfo stat(String key) throws IOException {
    // A request for one byte says more than HEAD: whether ranges are served at all.
    Stat stat = new Stat(object(key));
    exchange(request(key).header("Range", "bytes=0-0"), stat, 0, object(key), NOBODY);
    return stat.info;
  }

  @Override
  public byte[] readAll(String key, int maxBytes) throws IOException {
    Whole whole = new Whole(object(key), maxBytes);
    exchange(request(key), whole, Long.MAX_VALUE, object(key), NOBODY);
    return whole.bytes.toByteArray();
  }

  @Override
  public void read(
      String key, ObjectInfo expected, long offsetBytes, MemorySegment dst, ReadListener listener)
      throws IOException {
    long length = dst.byteSize();
    if (length == 0) {
      return;
    }
    HttpRequest.Builder request =
        request(key)
            .header("Range", "bytes=%d-%d".formatted(offsetBytes, offsetBytes + length - 1));
    if (expected.version() != null) {
      request.header("If-Range", expected.version());
    }
    HttpRange range = new HttpRange(object(key), expected, offsetBytes, dst);
    exchange(request, range, length, object(key), listener);
  }

  private String object(String key) {
    return base + "/" + key;
  }

  private HttpRequest.Builder request(String key) throws RefusedException {
    StringBuilder path = new StringBuilder();
    for (byte b : ObjectKey.check(key).getBytes(StandardCharsets.UTF_8)) {
      if (b > ' ' && b < 127 && "\"#%<>?[\\]^`{|}".indexOf(b) < 0) {
        path.append((char) b);
      } else {
        path.append('%').append("%02X".formatted(b & 0xff));
      }
    }
    return HttpRequest.newBuilder(URI.create(base + "/" + path + query))
        .header("User-Agent", "aquifer")
        .header("Accept-Encoding", "identity");
  }

  /** Makes one request and follows it until {@code wantedBytes} are there or the answer ended. */
  private void exchange(
      HttpRequest.Builder request,
      HttpBody.Taker taker,
      long wantedBytes,
      String object,
      ReadListener listener)
      throws IOException {
    HttpBody body = new HttpBody(taker);
    listener.onRequest();
    CompletableFuture<HttpResponse<Boolean>> answer = client.sendAsync(request.build(), body);
    CompletableFuture<?> unused =
        answer.exceptionally(
            cause -> {
              body.end(cause);
              return null;
            });
    try {
      new Following(body, wantedBytes, object, listener).run();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException(object + ": interrupted");
    } finally {
      // Cancelling a request whose answer ended would break the connection for its next user.
      if (body.close()) {
        answer.cancel(true);
      }
    }
  }

  /** Follows one answer and gives up when it takes too long. */
  private final class Following {
    private final HttpBody body;
    private final long wantedBytes;
    private final String object;
    private final ReadListener listener;
    private final long startNanos = System.nanoTime();
    private long lastNanos = startNanos;
    // What the listener did with the bytes is not the origin's time.
    private long ownNanos;
    private HttpBody.Progress seen = HttpBody.NOTHING;

    Following(HttpBody body, long wantedBytes, String object, ReadListener listener) {
      this.body = body;
      this.wantedBytes = wantedBytes;
      this.object = object;
      this.listener = listener;
    }

    void run() throws IOException, InterruptedException {
      while (true) {
        HttpBody.Progress now = body.await(seen, TimeUnit.MILLISECONDS.toNanos(POLL_MILLIS));
        if (now.isMoreThan(seen)) {
          take(now);
        } else if (now.failure() != null) {
          throw failure(object, now.failure());
        } else if (now.isEnded()) {
          endIfWhole(now);
          return;
        }
        if (seen.hasBegun() && seen.takenBytes() >= wantedBytes) {
          awaitEnd();
          return;
        }
        checkTime();
      }
    }

    private void take(HttpBody.Progress now) throws IOException {
      boolean hasGrown = now.takenBytes() > seen.takenBytes();
      seen = now;
      if (hasGrown) {
        long before = System.nanoTime();
        listener.onReceived(now.takenBytes());
        ownNanos += System.nanoTime() - before;
      }
      lastNanos = System.nanoTime();
    }

    private void endIfWhole(HttpBody.Progress now) throws BackendException {
      if (wantedBytes != Long.MAX_VALUE && now.takenBytes() < wantedBytes) {
        throw late(
            "the answer ended after %d of %d bytes".formatted(now.takenBytes(), wantedBytes));
      }
    }

    /** With all bytes here, waits a little for the answer's end, so that the connection lives. */
    private void awaitEnd() throws IOException, InterruptedException {
      if (!body.isWorthEnding()) {
        return;
      }
      HttpBody.Progress now = body.await(seen, TimeUnit.MILLISECONDS.toNanos(END_MILLIS));
      if (now.failure() instanceof BackendException surplus) {
        throw surplus;
      }
    }

    private void checkTime() throws BackendException {
      if (listener.isCancelled()) {
        throw new BackendException(object + ": cancelled", false, null);
      }
      long now = System.nanoTime();
      long quietMillis = TimeUnit.NANOSECONDS.toMillis(now - lastNanos);
      if (!seen.hasBegun()) {
        if (quietMillis >= times.answerMillis()) {
          throw late("no answer within " + times.answerMillis() + " ms");
        }
        return;
      }
      if (quietMillis >= times.stallMillis()) {
        throw late(
            "nothing came for %d ms after byte %d of the answer"
                .formatted(times.stallMillis(), seen.takenBytes()));
      }
      long spentMillis = TimeUnit.NANOSECONDS.toMillis(now - startNanos - ownNanos);
      long allowed = times.totalMillis(Math.min(wantedBytes, seen.takenBytes() + (1 << 20)));
      if (spentMillis > allowed) {
        throw late(
            "only %d bytes came in %d ms: expected at least %d a second"
                .formatted(seen.takenBytes(), spentMillis, times.minBytesPerSecond()));
      }
    }

    private BackendException late(String what) {
      return new BackendException(object + ": " + what, true, null);
    }
  }

  private static IOException failure(String object, Throwable failure) {
    Throwable cause = failure;
    while (cause instanceof CompletionException && cause.getCause() != null) {
      cause = cause.getCause();
    }
    if (cause instanceof BackendException known) {
      return known;
    }
    if (has(cause, UnresolvedAddressException.class)) {
      return new BackendException(object + ": unknown host", true, cause);
    }
    if (has(cause, SSLHandshakeException.class)) {
      return new BackendException(
          "%s: the server's certificate is refused: %s".formatted(object, cause.getMessage()),
          false,
          cause);
    }
    String reason =
        cause.getMessage() != null
            ? Shown.text(cause.getMessage())
            // The JDK's client says no more of it.
            : cause instanceof ConnectException
                ? "connection refused"
                : cause.getClass().getSimpleName();
    return new BackendException(
        "%s: %s: %s"
            .formatted(
                object,
                cause instanceof ConnectException || cause instanceof HttpConnectTimeoutException
                    ? "can't connect"
                    : "the connection broke",
                reason),
        true,
        cause);
  }

  private static boolean has(Throwable failure, Class<? extends Throwable> kind) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (kind.isInstance(t)) {
        return true;
      }
    }
    return false;
  }

  /** Does nothing: the client is shared, and lets idle connections go by itself. */
  @Override
  public void close() {}

  /** Takes size and version from the answer to a request for the first byte. */
  private static final class Stat implements HttpBody.Taker {
    private final String object;
    private boolean isWhole;
    private ObjectInfo info = new ObjectInfo(0, null);

    Stat(String object) {
      this.object = object;
    }

    @Override
    public void begin(ResponseInfo response) throws IOException {
      HttpAnswer answer = HttpAnswer.of(object, response);
      HttpAnswer.ContentRange range = answer.contentRange();
      long size =
          switch (answer.status()) {
            case 206, 416 -> range == null ? -1 : range.total();
            case 200 -> answer.contentLength();
            default -> throw answer.refused();
          };
      if (size < 0) {
        throw answer.wrong(
            "the origin does not say how large it is", "expected Content-Range or Content-Length");
      }
      isWhole = answer.status() == 200;
      info = new ObjectInfo(size, answer.version());
    }

    @Override
    public int take(ByteBuffer buffer) {
      return buffer.remaining();
    }

    @Override
    public boolean isWorthEnding() {
      return !isWhole;
    }
  }

  /** Takes a small object in whole. */
  private static final class Whole implements HttpBody.Taker {
    private final String object;
    private final int maxBytes;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private @Nullable HttpAnswer answer;

    Whole(String object, int maxBytes) {
      this.object = object;
      this.maxBytes = maxBytes;
    }

    @Override
    public void begin(ResponseInfo info) throws IOException {
      HttpAnswer begun = HttpAnswer.of(object, info);
      if (begun.status() != 200) {
        throw begun.refused();
      }
      answer = begun;
      checkSize(begun.contentLength());
    }

    private void checkSize(long sizeBytes) throws BackendException {
      if (sizeBytes > maxBytes && answer != null) {
        throw answer.wrong(
            "has %d bytes or more".formatted(sizeBytes), "expected at most " + maxBytes);
      }
    }

    @Override
    public int take(ByteBuffer buffer) throws IOException {
      int count = buffer.remaining();
      checkSize((long) bytes.size() + count);
      byte[] piece = new byte[count];
      buffer.get(piece);
      bytes.writeBytes(piece);
      return count;
    }
  }
}
