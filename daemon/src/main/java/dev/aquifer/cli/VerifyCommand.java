package dev.aquifer.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Proves what is in the cache again. */
@CommandLine.Command(
    name = "verify",
    description = "Read all that is fetched of the blobs in use from the disk, and prove it again.",
    footer = {"", "Exits with 1 if something is damaged and not repaired."})
final class VerifyCommand extends Command {
  @Option(names = "--repair", description = "Fetch again what is damaged.")
  boolean repair;

  @Option(names = "--json", description = "Print one JSON object.")
  boolean json;

  @Mixin DaemonPlaces places = new DaemonPlaces();

  @Override
  ExitCode run() throws IOException {
    JsonNode found = new DaemonCalls(places.get()).verify(repair);
    int checked = 0;
    int damaged = 0;
    for (JsonNode blob : found.path("blobs")) {
      checked += blob.path("checkedSpans").asInt();
      damaged += blob.path("damagedSpans").size();
    }
    if (json) {
      out().println(found.toPrettyString());
    } else {
      for (JsonNode blob : found.path("blobs")) {
        if (!blob.path("damagedSpans").isEmpty()) {
          out()
              .printf(
                  "blob %s in %s: damaged spans %s%n",
                  blob.path("id").asText(),
                  blob.path("domain").isTextual()
                      ? "domain " + blob.path("domain").asText()
                      : "a private name space",
                  blob.path("damagedSpans"));
        }
      }
      out()
          .printf(
              "%d spans of %d blobs: %d damaged%s%n",
              checked,
              found.path("blobs").size(),
              damaged,
              damaged == 0 ? "" : repair ? ", fetched again" : " (--repair fetches them again)");
    }
    return damaged == 0 || repair ? ExitCode.OK : ExitCode.FAILED;
  }
}
