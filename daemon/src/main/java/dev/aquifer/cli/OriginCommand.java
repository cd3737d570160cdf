package dev.aquifer.cli;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Serves a directory over HTTP until it is ended. */
@CommandLine.Command(
    name = "origin",
    description = "Serve a directory over HTTP, with ranges: a small origin for trying things out.")
final class OriginCommand extends Command {
  private static final int MAX_PORT = 65535;
  private static final long MAX_DELAY_MILLIS = 3_600_000;

  @Parameters(paramLabel = "DIR", description = "The directory.")
  Path root = Path.of("");

  @Option(
      names = "--port",
      paramLabel = "N",
      description = "The TCP port; 0 for any free one. Default: ${DEFAULT-VALUE}.")
  int port = 8080;

  @Option(
      names = "--bind",
      paramLabel = "ADDRESS",
      description = "The address to listen on. Default: ${DEFAULT-VALUE}, this machine alone.")
  String address = "127.0.0.1";

  @Option(
      names = "--delay",
      paramLabel = "MILLIS",
      description = "Wait that long before each answer, as a distant origin would.")
  long delayMillis;

  @Option(
      names = "--quiet",
      description =
          "Print no line for each request; else it is: method, path, range if any, status, bytes.")
  boolean quiet;

  @Override
  ExitCode run() throws IOException, FailedException, InterruptedException {
    if (port < 0 || port > MAX_PORT) {
      throw usage("invalid value for option '--port': " + port + ": expected 0 to " + MAX_PORT);
    }
    if (delayMillis < 0 || delayMillis > MAX_DELAY_MILLIS) {
      throw usage(
          "invalid value for option '--delay': %d: expected 0 to %d"
              .formatted(delayMillis, MAX_DELAY_MILLIS));
    }
    InetAddress bind = InetAddress.getByName(address);
    try (Origin origin =
        Origin.start(
            directory(root),
            bind,
            port,
            Duration.ofMillis(delayMillis),
            line -> {
              if (!quiet) {
                out().println(line);
              }
            })) {
      out().printf("serving %s at http://%s:%d/%n", root, bind.getHostAddress(), origin.port());
      out().flush();
      // Ended by a signal; nothing needs to be put away.
      new CountDownLatch(1).await();
      return ExitCode.OK;
    }
  }
}
