package dev.aquifer.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.aquifer.daemon.ControlClient.NoDaemonException;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The client against a daemon that answers whatever a test wants. */
class ControlClientTest {
  private static final Duration LIMIT = Duration.ofSeconds(20);

  @TempDir Path scratch;

  private interface Conversation {
    void run(SocketChannel peer) throws IOException;
  }

  private Throwable failure(Conversation conversation, Duration limit) throws Exception {
    Path socket = scratch.resolve("s");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      Thread thread =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try (SocketChannel peer = server.accept()) {
                      peer.read(ByteBuffer.allocate(10_000));
                      conversation.run(peer);
                    } catch (IOException e) {
                      // The client has gone.
                    }
                  });
      try {
        new ControlClient(socket, limit).request("GET", "/v1/x", null);
        return null;
      } catch (IOException e) {
        return e;
      } finally {
        thread.join();
        Files.delete(socket);
      }
    }
  }

  private static Conversation says(String... parts) {
    return peer -> {
      for (String part : parts) {
        peer.write(ByteBuffer.wrap(part.getBytes(StandardCharsets.UTF_8)));
      }
    };
  }

  @Test
  void nobodyIsThere() throws IOException {
    Path socket = scratch.resolve("s");
    ControlClient client = new ControlClient(socket, LIMIT);
    assertThatThrownBy(() -> client.request("GET", "/", null))
        .isInstanceOf(NoDaemonException.class)
        .hasMessageContaining(socket.toString());

    // What a killed daemon leaves.
    ServerSocketChannel.open(StandardProtocolFamily.UNIX)
        .bind(UnixDomainSocketAddress.of(socket))
        .close();
    assertThat(socket).exists();
    assertThatThrownBy(() -> client.request("GET", "/", null))
        .isInstanceOf(NoDaemonException.class)
        .hasMessageContaining("connection refused");
  }

  @Test
  void takesAnswersInPieces() throws Exception {
    assertThat(
            failure(
                says("HTTP/1.1 200 OK\r\nContent-", "Length: 10\r\nX: y\r\n\r\n{\"a\"", ":\"ü\"}"),
                LIMIT))
        .isNull();
  }

  @Test
  void doesNotWaitForTheConnectionToClose() throws Exception {
    assertThat(
            failure(
                peer -> {
                  says("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").run(peer);
                  // Returns when the client has closed its side.
                  peer.read(ByteBuffer.allocate(1));
                },
                LIMIT))
        .isNull();
  }

  @Test
  void tellsWhatTheDaemonRefused() throws Exception {
    String json = "{\"errno\":17,\"name\":\"EEXIST\",\"message\":\"fsid x: taken\"}";
    Throwable failure =
        failure(
            says("HTTP/1.1 409 Conflict\r\nContent-Length: " + json.length() + "\r\n\r\n" + json),
            LIMIT);

    assertThat(failure).isInstanceOf(RefusedException.class).hasMessage("fsid x: taken");
    assertThat(((RefusedException) failure).errno()).isEqualTo(Errno.EEXIST);
  }

  @Test
  void aHalfAnswerIsNoAnswer() throws Exception {
    assertThat(failure(says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}"), LIMIT))
        .hasMessageContaining("ended before its answer was whole");
    assertThat(failure(says(), LIMIT)).hasMessageContaining("ended before its answer was whole");
  }

  @Test
  void whatIsNoDaemonIsNamedSo() throws Exception {
    assertThat(failure(says("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhey!"), LIMIT))
        .hasMessageContaining("no aquifer daemon")
        .hasMessageContaining("no JSON");
    assertThat(failure(says("HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}"), LIMIT))
        .hasMessageContaining("no message");
  }

  @Test
  void doesNotWaitForever() throws Exception {
    assertThat(failure(peer -> peer.read(ByteBuffer.allocate(1)), Duration.ofMillis(300)))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("did not answer within");
  }
}
