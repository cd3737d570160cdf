package dev.aquifer.daemon;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Speaks to a daemon: one HTTP request a connection, over its unix socket. The JDK's HTTP client
 * knows no unix sockets, and this little is all that docs/control-api.md needs.
 *
 * <p>Safe for use by many threads.
 */
public final class ControlClient {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int MAX_ANSWER_BYTES = 64 << 20;
  private static final String BROKEN =
      "%s: what answers here is no aquifer daemon: %s; end it, or name another --run-dir";

  private final Path socket;
  private final Duration limit;

  /**
   * Makes a client; connects with each request.
   *
   * @param limit how long a request may take until its answer is whole
   */
  public ControlClient(Path socket, Duration limit) {
    this.socket = socket;
    this.limit = limit;
  }

  /** No daemon listens on the socket. */
  public static final class NoDaemonException extends IOException {
    private static final long serialVersionUID = 1;

    NoDaemonException(String message) {
      super(message);
    }
  }

  /**
   * Makes a request and returns the JSON of its answer.
   *
   * @param target path and query
   * @param body what is sent, or null
   * @throws NoDaemonException if nobody listens
   * @throws RefusedException if the daemon refuses; with its errno and words
   */
  public JsonNode request(String method, String target, @Nullable JsonNode body)
      throws IOException {
    byte[] entity = body == null ? new byte[0] : JSON.writeValueAsBytes(body);
    String head =
        "%s %s HTTP/1.1\r\nHost: aquifer\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            .formatted(method, target, entity.length);
    ByteBuffer request = ByteBuffer.allocate(head.length() + entity.length);
    request.put(head.getBytes(StandardCharsets.US_ASCII)).put(entity).flip();
    try (SocketChannel channel = connect()) {
      return json(exchange(channel, request));
    }
  }

  private SocketChannel connect() throws IOException {
    if (Files.notExists(socket)) {
      throw new NoDaemonException(socket + ": no aquifer daemon runs here");
    }
    try {
      return SocketChannel.open(UnixDomainSocketAddress.of(socket));
    } catch (IOException e) {
      String reason = String.valueOf(e.getMessage());
      if (reason.contains("Permission denied")) {
        throw new AccessDeniedException(socket.toString());
      }
      // A socket file without a listener: its daemon was killed.
      throw new NoDaemonException(
          "%s: no aquifer daemon runs here (%s)"
              .formatted(socket, reason.toLowerCase(Locale.ROOT)));
    }
  }

  /** Sends everything and returns the answer when it is whole. */
  private HttpAnswer exchange(SocketChannel channel, ByteBuffer request) throws IOException {
    long deadline = System.nanoTime() + limit.toNanos();
    ByteArrayOutputStream received = new ByteArrayOutputStream();
    ByteBuffer buffer = ByteBuffer.allocate(16 << 10);
    channel.configureBlocking(false);
    try (Selector selector = Selector.open()) {
      SelectionKey key = channel.register(selector, SelectionKey.OP_WRITE);
      while (true) {
        long leftMillis = (deadline - System.nanoTime()) / 1_000_000;
        if (leftMillis <= 0) {
          throw new RefusedException(
              Errno.ETIMEDOUT,
              "%s: the daemon did not answer within %d s: see its log"
                  .formatted(socket, limit.toSeconds()));
        }
        selector.select(leftMillis);
        if (request.hasRemaining()) {
          channel.write(request);
          if (!request.hasRemaining()) {
            key.interestOps(SelectionKey.OP_READ);
          }
          continue;
        }
        int count = channel.read(buffer.clear());
        if (count > 0) {
          received.write(buffer.array(), 0, count);
        }
        HttpAnswer answer = HttpAnswer.parse(received.toByteArray());
        if (answer != null) {
          return answer;
        }
        if (count < 0) {
          throw new IOException(
              socket + ": the daemon ended before its answer was whole: see its log");
        }
        if (received.size() > MAX_ANSWER_BYTES) {
          throw new IOException(BROKEN.formatted(socket, "its answer has no end"));
        }
      }
    }
  }

  /** A whole answer: what docs/control-api.md needs of HTTP. */
  private record HttpAnswer(int status, String body) {
    private static final Pattern HEAD =
        Pattern.compile(
            "HTTP/1\\.1 ([0-9]{3})[^\r]*\r\n(?:.*\r\n)?content-length: *([0-9]{1,9}) *\r\n.*",
            Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

    /** Returns null while something is missing. */
    static @Nullable HttpAnswer parse(byte[] bytes) {
      String text = new String(bytes, StandardCharsets.ISO_8859_1);
      int headEnd = text.indexOf("\r\n\r\n");
      if (headEnd < 0) {
        return null;
      }
      Matcher head = HEAD.matcher(text.substring(0, headEnd + 2));
      int bodyStart = headEnd + 4;
      if (!head.matches() || bytes.length < bodyStart + Integer.parseInt(head.group(2))) {
        return null;
      }
      int bodyEnd = bodyStart + Integer.parseInt(head.group(2));
      return new HttpAnswer(
          Integer.parseInt(head.group(1)),
          new String(bytes, bodyStart, bodyEnd - bodyStart, StandardCharsets.UTF_8));
    }
  }

  private JsonNode json(HttpAnswer answer) throws IOException {
    JsonNode json;
    try {
      json = JSON.readTree(answer.body);
    } catch (IOException e) {
      throw new IOException(BROKEN.formatted(socket, "its answer is no JSON"), e);
    }
    if (answer.status < 300) {
      return json;
    }
    JsonNode message = json.path("message");
    if (!message.isTextual()) {
      throw new IOException(BROKEN.formatted(socket, "its answer has no message"));
    }
    throw new RefusedException(Errno.of(json.path("errno").asInt()), message.asText());
  }
}
