package dev.aquifer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Frees disk space. */
@CommandLine.Command(
    name = "gc",
    description = "Remove from the cache what no mount uses. It is fetched again when it is used.")
final class GcCommand extends Command {
  private static final Pattern TIME = Pattern.compile("([0-9]{1,9})([smhd])");

  @Option(
      names = "--unused-for",
      paramLabel = "TIME",
      defaultValue = "0s",
      description = "Only what has not been used for so long, such as 12h or 7d.")
  String unusedFor = "0s";

  @Option(names = "--json", description = "Print one JSON object.")
  boolean json;

  @Mixin DaemonPlaces places = new DaemonPlaces();

  @Override
  ExitCode run() throws IOException, FailedException {
    DaemonCalls calls = new DaemonCalls(places.get());
    Duration limit = parse(unusedFor);
    Path cache = Path.of(calls.status().path("cacheDir").asText());
    long before = DiskUse.of(cache);
    int blobs = calls.collect(limit);
    // Others may have fetched something meanwhile.
    long freed = Math.max(0, before - DiskUse.of(cache));
    if (json) {
      out().printf("{\"removedBlobs\": %d, \"freedBytes\": %d}%n", blobs, freed);
    } else {
      out().printf("%d blobs removed, %s freed%n", blobs, ByteCount.text(freed));
    }
    return ExitCode.OK;
  }

  private static Duration parse(String text) throws FailedException {
    Matcher matcher = TIME.matcher(text);
    if (!matcher.matches()) {
      throw new FailedException(
          ExitCode.USAGE,
          "--unused-for %s: expected a number and s, m, h or d, such as 7d".formatted(text));
    }
    long count = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "s" -> Duration.ofSeconds(count);
      case "m" -> Duration.ofMinutes(count);
      case "h" -> Duration.ofHours(count);
      default -> Duration.ofDays(count);
    };
  }
}
