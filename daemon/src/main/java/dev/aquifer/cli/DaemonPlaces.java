package dev.aquifer.cli;

import dev.aquifer.daemon.Places;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that say which daemon is meant. */
final class DaemonPlaces {
  @Option(
      names = "--run-dir",
      paramLabel = "DIR",
      description =
          "Holds socket, lock and log of the daemon. Default: $AQUIFER_RUN_DIR, else /run/aquifer for root and $XDG_RUNTIME_DIR/aquifer for others.")
  @Nullable Path runDir;

  @Option(
      names = "--cache-dir",
      paramLabel = "DIR",
      description =
          "Holds what was fetched; on a disk, not in memory. Default: $AQUIFER_CACHE_DIR, else /var/cache/aquifer for root and ~/.cache/aquifer for others.")
  @Nullable Path cacheDir;

  Places get() {
    return Places.of(runDir, cacheDir);
  }
}
