package dev.aquifer.cli;

import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Method;
import io.helidon.http.Status;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A small static HTTP server of a directory's files: single ranges, strong entity tags, {@code
 * If-Range}, {@code If-None-Match}, HEAD, keep-alive. For trying things out, not for the Internet.
 *
 * <p>Safe for use by many threads.
 */
final class Origin implements Closeable {
  private static final int BUFFER_BYTES = 256 << 10;
  private static final Header ACCEPT_RANGES = HeaderValues.create("Accept-Ranges", "bytes");
  private static final Header OCTETS =
      HeaderValues.create(HeaderNames.CONTENT_TYPE, "application/octet-stream");
  private static final Header TEXT = HeaderValues.create(HeaderNames.CONTENT_TYPE, "text/plain");

  private final Path root;
  private final Duration delay;
  private final Consumer<String> log;
  private final LongAdder requests = new LongAdder();
  private final LongAdder sentBytes = new LongAdder();
  private final WebServer server;

  private Origin(Path root, InetAddress address, int port, Duration delay, Consumer<String> log) {
    this.root = root;
    this.delay = delay;
    this.log = log;
    this.server =
        WebServer.builder()
            .address(address)
            .port(port)
            .shutdownHook(false)
            .routing(routing -> routing.any(this::serve))
            .build();
  }

  /**
   * Serves the files below {@code directory}.
   *
   * @param port 0 for any free one
   * @param delay what each answer waits before it is given
   * @param log gets a line for each answer
   * @throws IOException if the directory can't be resolved or the port is taken
   */
  static Origin start(
      Path directory, InetAddress address, int port, Duration delay, Consumer<String> log)
      throws IOException {
    // The server would only log why it can't listen; this says it.
    try (ServerSocket probe = new ServerSocket()) {
      probe.bind(new InetSocketAddress(address, port));
    } catch (BindException e) {
      throw refused(address, port, String.valueOf(e.getMessage()));
    }
    Origin origin = new Origin(directory.toRealPath(), address, port, delay, log);
    origin.server.start();
    if (!origin.server.isRunning()) {
      throw refused(address, port, "it was free a moment ago");
    }
    return origin;
  }

  private static IOException refused(InetAddress address, int port, String why) {
    return new IOException(
        "%s port %d: can't listen: %s: choose another --port"
            .formatted(address.getHostAddress(), port, why));
  }

  int port() {
    return server.port();
  }

  /** Requests so far. */
  long requests() {
    return requests.sum();
  }

  /** Bytes of bodies sent so far. */
  long sentBytes() {
    return sentBytes.sum();
  }

  @Override
  public void close() {
    server.stop();
  }

  private void serve(ServerRequest request, ServerResponse response) throws IOException {
    requests.increment();
    pause();
    Method method = request.prologue().method();
    if (!method.equals(Method.GET) && !method.equals(Method.HEAD)) {
      response.header(HeaderNames.ALLOW, "GET, HEAD");
      refuse(request, response, Status.METHOD_NOT_ALLOWED_405, "only GET and HEAD are served");
      return;
    }
    Path file = resolve(request.path().path());
    if (file == null) {
      refuse(request, response, Status.NOT_FOUND_404, "no such file");
      return;
    }
    try (FileChannel channel = FileChannel.open(file)) {
      Version version = Version.of(file);
      if (channel.size() == version.sizeBytes) {
        serve(request, response, channel, version);
        return;
      }
    } catch (NoSuchFileException e) {
      // Gone since it was looked up: said below.
    }
    refuse(request, response, Status.NOT_FOUND_404, "the file is being replaced");
  }

  private void serve(
      ServerRequest request, ServerResponse response, FileChannel channel, Version version)
      throws IOException {
    response.header(ACCEPT_RANGES).header(HeaderNames.ETAG, version.etag());
    response.header(HeaderNames.LAST_MODIFIED, version.httpDate());
    if (version.etag().equals(header(request, HeaderNames.IF_NONE_MATCH.defaultCase()))) {
      log(request, Status.NOT_MODIFIED_304, 0);
      response.status(Status.NOT_MODIFIED_304).send();
      return;
    }
    ByteRange range = range(request, version);
    if (range != null) {
      response.header(HeaderNames.CONTENT_RANGE, range.contentRange(version.sizeBytes));
      if (!range.isSatisfiable()) {
        refuse(request, response, Status.REQUESTED_RANGE_NOT_SATISFIABLE_416, "beyond the end");
        return;
      }
    }
    ByteRange sent = range == null ? new ByteRange(0, version.sizeBytes) : range;
    boolean hasBody = request.prologue().method().equals(Method.GET);
    Status status = range == null ? Status.OK_200 : Status.PARTIAL_CONTENT_206;
    log(request, status, hasBody ? sent.lengthBytes() : 0);
    response.status(status).header(OCTETS).contentLength(sent.lengthBytes());
    if (!hasBody || sent.lengthBytes() == 0) {
      response.send();
      return;
    }
    try (OutputStream out = response.outputStream()) {
      copy(channel, sent, out, version);
    }
  }

  private static @Nullable ByteRange range(ServerRequest request, Version version) {
    String asked = header(request, "Range");
    String condition = header(request, "If-Range");
    boolean isWanted =
        asked != null
            // RFC 9110: only a GET has ranges.
            && request.prologue().method().equals(Method.GET)
            && (condition == null
                || condition.equals(version.etag())
                || condition.equals(version.httpDate()));
    return isWanted && asked != null ? ByteRange.parse(asked, version.sizeBytes) : null;
  }

  private void copy(FileChannel channel, ByteRange range, OutputStream out, Version version)
      throws IOException {
    byte[] bytes = new byte[(int) Math.min(BUFFER_BYTES, range.lengthBytes())];
    long end = range.startBytes() + range.lengthBytes();
    for (long position = range.startBytes(); position < end; ) {
      int wanted = (int) Math.min(bytes.length, end - position);
      int count = channel.read(ByteBuffer.wrap(bytes, 0, wanted), position);
      if (count < 0) {
        // The length is promised already; a broken connection is the only honest answer left.
        throw new CloseConnectionException(version + " became shorter while it was served");
      }
      sentBytes.add(count);
      out.write(bytes, 0, count);
      position += count;
    }
  }

  private void refuse(ServerRequest request, ServerResponse response, Status status, String why) {
    log(request, status, 0);
    response.status(status).header(TEXT).send(why + "\n");
  }

  private void log(ServerRequest request, Status status, long bytes) {
    String range = header(request, "Range");
    log.accept(
        "%s %s%s %d %d"
            .formatted(
                request.prologue().method().text(),
                request.path().rawPath(),
                range == null ? "" : " " + range,
                status.code(),
                bytes));
  }

  private static @Nullable String header(ServerRequest request, String name) {
    return request.headers().first(HeaderNames.create(name)).orElse(null);
  }

  /** The regular file of a request's path; null if there is none, or none below the root. */
  private @Nullable Path resolve(String path) {
    try {
      Path file = root.resolve(path.substring(1)).toRealPath();
      return file.startsWith(root) && Files.isRegularFile(file) && Files.isReadable(file)
          ? file
          : null;
    } catch (IOException | InvalidPathException e) {
      return null;
    }
  }

  private void pause() {
    try {
      Thread.sleep(delay);
    } catch (InterruptedException e) {
      // The server ends.
      throw new CloseConnectionException("interrupted", e);
    }
  }

  /** What tells two contents of one name apart. */
  private record Version(long sizeBytes, FileTime modified, int fileKey) {
    static Version of(Path file) throws IOException {
      BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
      return new Version(
          attributes.size(), attributes.lastModifiedTime(), Objects.hashCode(attributes.fileKey()));
    }

    String etag() {
      return "\"%x-%x-%x\"".formatted(sizeBytes, modified.to(TimeUnit.NANOSECONDS), fileKey);
    }

    String httpDate() {
      return DateTimeFormatter.RFC_1123_DATE_TIME.format(
          modified.toInstant().truncatedTo(ChronoUnit.SECONDS).atOffset(ZoneOffset.UTC));
    }
  }
}
