package dev.aquifer.cli;

import dev.aquifer.daemon.Daemon;
import dev.aquifer.daemon.Places;
import dev.aquifer.mount.KernelFeatures;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** Shows the main job: two images, one domain, one download. */
@CommandLine.Command(
    name = "demo",
    description =
        "Build two images that share most of their data, mount both from an origin on this machine in one domain, run programs from them, and show what was fetched.")
final class DemoCommand extends Command {
  static final String DOMAIN = "demo";

  private static final Duration SETTLE_LIMIT = Duration.ofSeconds(10);
  private static final long QUIET_MILLIS = 200;

  @Option(names = "--json", description = "Print one JSON object.")
  boolean json;

  @Option(
      names = "--library",
      description = "Read the images within this process, as without root, and mount nothing.")
  boolean library;

  @Override
  ExitCode run() throws IOException, InterruptedException {
    Scratch scratch = Scratch.create("aquifer-demo-");
    DemoResult result;
    Closeable end =
        () -> {
          LogSetup.silence();
          scratch.close();
        };
    try (OnSignal ignored = OnSignal.close(end);
        scratch) {
      result = run(scratch);
    }
    if (json) {
      out().println(result.toJson().toPrettyString());
    } else {
      result.print(out());
    }
    return ExitCode.OK;
  }

  private DemoResult run(Scratch scratch) throws IOException, InterruptedException {
    Path jdk = Path.of(System.getProperty("java.home")).toRealPath();
    Path changes = scratch.directory("changes");
    Path images = scratch.directory("images");
    say("building two images of %s", jdk);
    Instant start = Instant.now();
    DemoImages built = DemoImages.build(jdk, changes, images);
    Duration building = Duration.between(start, Instant.now());
    say(
        "built (%.1f s); mounting both in one domain from an origin on this machine",
        seconds(building));

    Origin origin =
        scratch.add(
            Origin.start(
                images, InetAddress.getLoopbackAddress(), 0, Duration.ZERO, request -> {}));
    String url = "http://127.0.0.1:" + origin.port() + "/";
    DemoReader reader = reader(scratch, jdk, changes);
    DemoResult.Use first = use(reader, origin, url, DemoImages.FIRST, false);
    DemoResult.Use second = use(reader, origin, url, DemoImages.SECOND, true);
    return new DemoResult(
        reader.mode(), built, building, first, second, DiskUse.of(scratch.directory("cache")));
  }

  private DemoReader reader(Scratch scratch, Path jdk, Path changes) throws IOException {
    Path cache = scratch.directory("cache");
    KernelFeatures features = KernelFeatures.probe(cache);
    if (features.isReady() && !library) {
      Daemon daemon =
          scratch.add(Daemon.open(new Places(scratch.directory("run"), cache), List.of()));
      daemon.unmountAtEnd();
      return new DemoKernel(scratch, daemon);
    }
    if (!library) {
      // On standard error, so that it is seen with --json too.
      err().println("aquifer: " + Objects.requireNonNull(features.missing()));
    }
    say("reading both images within this process instead of mounting them");
    return new DemoLibrary(scratch, jdk, changes, cache);
  }

  private DemoResult.Use use(
      DemoReader reader, Origin origin, String url, String image, boolean isSecond)
      throws IOException, InterruptedException {
    long bytes = origin.sentBytes();
    long requests = origin.requests();
    Instant start = Instant.now();
    String said = reader.use(url + image, image, isSecond);
    Duration took = Duration.between(start, Instant.now());
    settle(origin);
    say("%s: %s (%.1f s)", image, said, seconds(took));
    return new DemoResult.Use(origin.sentBytes() - bytes, origin.requests() - requests, took, said);
  }

  /** Waits until what is fetched ahead of readers is there, so that it counts where it belongs. */
  private static void settle(Origin origin) throws InterruptedException {
    long deadline = System.nanoTime() + SETTLE_LIMIT.toNanos();
    long before = -1;
    while (before != origin.sentBytes() && System.nanoTime() < deadline) {
      before = origin.sentBytes();
      Thread.sleep(QUIET_MILLIS);
    }
  }

  private static double seconds(Duration duration) {
    return duration.toMillis() / 1000.0;
  }

  private void say(String format, Object... arguments) {
    if (!json) {
      out().println(String.format(Locale.ROOT, format, arguments));
      out().flush();
    }
  }
}
