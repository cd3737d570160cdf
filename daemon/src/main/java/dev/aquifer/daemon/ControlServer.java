package dev.aquifer.daemon;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.aquifer.io.Errno;
import dev.aquifer.io.RefusedException;
import dev.aquifer.mount.MountSpec;
import dev.aquifer.mount.MountStatus;
import io.helidon.http.HeaderNames;
import io.helidon.http.Status;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.Closeable;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The control API: HTTP and JSON on a unix socket that its owner alone may use; the routes are in
 * docs/control-api.md.
 */
final class ControlServer implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(ControlServer.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long MAX_REQUEST_BYTES = 1 << 20;

  private final Daemon daemon;
  private final WebServer server;

  /** System calls such as mount(2) block, and a virtual thread would hold its carrier meanwhile. */
  private final ExecutorService workers =
      Executors.newCachedThreadPool(
          Thread.ofPlatform().name("aquifer-control-", 0).daemon().factory());

  private ControlServer(Daemon daemon, Path socket) {
    this.daemon = daemon;
    this.server =
        WebServer.builder()
            .bindAddress(UnixDomainSocketAddress.of(socket))
            .shutdownHook(false)
            .maxPayloadSize(MAX_REQUEST_BYTES)
            .routing(this::route)
            .build();
  }

  /**
   * Listens on {@code socket}. The caller holds the run directory's lock, so that what lies there
   * is the left-over of a daemon that was killed.
   */
  static ControlServer start(Daemon daemon, Path socket) throws IOException {
    Files.deleteIfExists(socket);
    ControlServer control = new ControlServer(daemon, socket);
    try {
      // The directory is closed to others (Places.makeRunDir), so nobody comes in between.
      control.server.start();
      if (!control.server.isRunning()) {
        throw new IOException(socket + ": can't listen: the log says why");
      }
      Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
    } catch (IOException | RuntimeException e) {
      control.close();
      throw e;
    }
    return control;
  }

  private void route(HttpRouting.Builder routing) {
    routing
        .get("/v1/health", (request, response) -> reply(request, response, daemon::health))
        .get("/v1/status", (request, response) -> reply(request, response, daemon::status))
        .post("/v1/mounts", this::mount)
        .delete("/v1/mounts", this::umount)
        .post("/v1/shutdown", this::shutdown)
        .post("/v1/verify", this::verify)
        .post("/v1/gc", this::collect)
        .post("/v1/hand-over", this::handOver)
        .delete(
            "/v1/warnings", (request, response) -> reply(request, response, daemon::acknowledge))
        .any(this::unknown);
  }

  private void mount(ServerRequest request, ServerResponse response) {
    byte[] body = request.content().hasEntity() ? request.content().as(byte[].class) : new byte[0];
    AtomicReference<@Nullable MountStatus> made = new AtomicReference<>();
    Answer answer =
        reply(
            request,
            response,
            () -> {
              MountStatus mount = daemon.mount(wish(body));
              made.set(mount);
              return StatusJson.of(mount);
            });
    MountStatus mount = made.get();
    if (answer == Answer.UNDELIVERABLE && mount != null) {
      // Whoever asked was interrupted, and must find nothing mounted.
      reply(() -> daemon.umount(mount.target(), true));
    }
  }

  private static MountSpec wish(byte[] body) throws RefusedException {
    JsonNode wish = MissingNode.getInstance();
    try {
      wish = JSON.readTree(body);
    } catch (IOException e) {
      LOG.debug("the body of a mount request", e);
    }
    String source = wish.path("source").asText();
    String target = wish.path("target").asText();
    String directory = wish.path("directory").asText("/");
    if (source.isEmpty() || target.isEmpty() || !directory.startsWith("/")) {
      throw new RefusedException(
          Errno.EINVAL,
          "POST /v1/mounts: expected {\"source\": ..., \"target\": ..., \"options\": ..., \"directory\": absolute path}");
    }
    return MountSpec.of(source, target, wish.path("options").asText(), Path.of(directory));
  }

  private void umount(ServerRequest request, ServerResponse response) {
    String target = request.query().first("target").orElse("");
    boolean lazily = request.query().first("lazy").orElse("").equals("true");
    reply(
        request,
        response,
        () -> {
          if (!target.startsWith("/")) {
            throw new RefusedException(
                Errno.EINVAL, "DELETE /v1/mounts: expected ?target=ABSOLUTE_PATH");
          }
          return daemon.umount(Path.of(target), lazily);
        });
  }

  private void shutdown(ServerRequest request, ServerResponse response) {
    if (reply(request, response, daemon::umountAll) != Answer.REFUSED) {
      daemon.end();
    }
  }

  private void verify(ServerRequest request, ServerResponse response) {
    boolean repair = request.query().first("repair").orElse("").equals("true");
    reply(request, response, () -> daemon.verify(repair));
  }

  private void collect(ServerRequest request, ServerResponse response) {
    String seconds = request.query().first("unusedForSeconds").orElse("0");
    reply(
        request,
        response,
        () -> {
          if (!seconds.matches("[0-9]{1,12}")) {
            throw new RefusedException(
                Errno.EINVAL,
                "POST /v1/gc: unusedForSeconds=%s: expected a number".formatted(seconds));
          }
          return daemon.collect(Duration.ofSeconds(Long.parseLong(seconds)));
        });
  }

  private void handOver(ServerRequest request, ServerResponse response) {
    if (reply(request, response, daemon::health) != Answer.REFUSED) {
      daemon.handOver();
    }
  }

  private void unknown(ServerRequest request, ServerResponse response) {
    reply(
        request,
        response,
        () -> {
          throw new RefusedException(
              Errno.ENOENT,
              "%s %s: no such route: expected one of docs/control-api.md"
                  .formatted(request.prologue().method().text(), request.path().path()));
        });
  }

  private enum Answer {
    DONE,
    REFUSED,
    UNDELIVERABLE
  }

  private Answer reply(
      ServerRequest request, ServerResponse response, Callable<? extends JsonNode> work) {
    Reply reply = reply(work);
    try {
      response
          .status(reply.status)
          .header(HeaderNames.CONTENT_TYPE, "application/json")
          .send(JSON.writeValueAsBytes(reply.body));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    } catch (RuntimeException e) {
      // The server has several of them for a connection that is gone.
      LOG.warn(
          "{} {}: the answer could not be delivered: {}",
          request.prologue().method().text(),
          request.path().path(),
          e.getMessage());
      return reply.isError() ? Answer.REFUSED : Answer.UNDELIVERABLE;
    }
    return reply.isError() ? Answer.REFUSED : Answer.DONE;
  }

  private record Reply(Status status, JsonNode body) {
    boolean isError() {
      return status.code() >= Status.BAD_REQUEST_400.code();
    }
  }

  /** Does the work on a platform thread. */
  private Reply reply(Callable<? extends JsonNode> work) {
    try {
      return new Reply(Status.OK_200, workers.submit(work).get());
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      int number = ErrorText.errno(cause);
      if (ErrorText.isInternal(cause)) {
        LOG.error("internal error", cause);
      }
      Errno errno = Errno.of(number);
      return new Reply(
          status(errno),
          StatusJson.error(
              number, errno == Errno.OTHER ? null : errno.name(), ErrorText.of(cause)));
    } catch (InterruptedException e) {
      throw new CloseConnectionException("the daemon ends", e);
    }
  }

  private static Status status(Errno errno) {
    return switch (errno) {
      case EINVAL -> Status.BAD_REQUEST_400;
      case EPERM, EACCES -> Status.FORBIDDEN_403;
      case ENOENT -> Status.NOT_FOUND_404;
      case EEXIST, EBUSY -> Status.CONFLICT_409;
      case ENOSYS, EOPNOTSUPP, ENODEV -> Status.NOT_IMPLEMENTED_501;
      default -> Status.INTERNAL_SERVER_ERROR_500;
    };
  }

  @Override
  public void close() {
    server.stop();
    workers.shutdown();
  }
}
