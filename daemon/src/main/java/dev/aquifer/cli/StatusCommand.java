package dev.aquifer.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Shows what is mounted, and what of it is there. */
@CommandLine.Command(
    name = "status",
    description = "Show mounts, domains and blobs: who uses what, and what of it was fetched.")
final class StatusCommand extends Command {
  private static final int ID_DIGITS = 12;

  @Option(names = "--json", description = "Print one JSON object.")
  boolean json;

  @Option(
      names = "--acknowledge",
      description = "Forget the warnings; they are not shown any more.")
  boolean acknowledge;

  @Mixin DaemonPlaces places = new DaemonPlaces();

  @Override
  ExitCode run() throws IOException {
    DaemonCalls daemon = new DaemonCalls(places.get());
    if (acknowledge) {
      out().printf("%d warnings acknowledged%n", daemon.acknowledge());
      return ExitCode.OK;
    }
    JsonNode status = daemon.status();
    if (json) {
      out().println(status.toPrettyString());
      return ExitCode.OK;
    }
    out()
        .printf(
            "daemon: process %d since %s, run directory %s, cache %s%n",
            status.path("pid").asLong(),
            time(status),
            status.path("runDir").asText(),
            status.path("cacheDir").asText());
    if (status.path("missing").isTextual()) {
      out().println("missing: " + status.path("missing").asText());
    }
    for (JsonNode warning : status.path("warnings")) {
      out()
          .printf(
              "warning: %s: %s%n", warning.path("since").asText(), warning.path("text").asText());
    }
    print("mounts", mounts(status));
    print("domains", domains(status));
    print("blobs", blobs(status));
    return ExitCode.OK;
  }

  private void print(String what, Table table) {
    out().println();
    if (table.hasRows()) {
      table.print(out());
    } else {
      out().println("no " + what);
    }
  }

  private static Table mounts(JsonNode status) {
    Table table = new Table("TARGET", "SOURCE", "DOMAIN", "FSID", "STATE", "MODE", "SINCE");
    for (JsonNode mount : status.path("mounts")) {
      table.add(
          mount.path("target").asText(),
          mount.path("source").asText(),
          domain(mount),
          mount.path("fsid").asText(),
          mount.path("state").asText(),
          mount.path("mode").asText(),
          time(mount));
    }
    return table;
  }

  private static Table domains(JsonNode status) {
    Table table = new Table("DOMAIN", "HOLDERS", "BLOBS", "METADATA", "SINCE");
    for (JsonNode domain : status.path("domains")) {
      List<String> holders = new ArrayList<>();
      for (JsonNode member : domain.path("members")) {
        holders.add(member.path("fsid").asText());
      }
      table.add(
          domain(domain),
          String.join(" ", holders),
          Integer.toString(domain.path("blobs").size()),
          ByteCount.text(domain.path("metadataBytes").asLong()),
          time(domain));
    }
    return table;
  }

  private static Table blobs(JsonNode status) {
    Table table =
        new Table("BLOB", "DOMAIN", "HOLDERS", "SPANS", "FETCHED", "REQUESTS", "PROOF", "SINCE");
    for (JsonNode domain : status.path("domains")) {
      for (JsonNode blob : domain.path("blobs")) {
        boolean verified = blob.path("verified").asBoolean();
        String id = blob.path("id").asText();
        List<String> holders = new ArrayList<>();
        blob.path("holders").forEach(holder -> holders.add(holder.asText()));
        table.add(
            verified ? id.substring(0, Math.min(ID_DIGITS, id.length())) : id,
            domain(domain),
            String.join(" ", holders),
            blob.path("spansPresent").asLong() + "/" + blob.path("spansTotal").asLong(),
            ByteCount.text(blob.path("fetchedBytes").asLong()),
            Long.toString(blob.path("requests").asLong()),
            verified ? "verified" : "unverified",
            time(blob));
      }
    }
    return table;
  }

  private static String domain(JsonNode node) {
    return node.path("domain").isTextual() ? node.path("domain").asText() : "(private)";
  }

  private static String time(JsonNode node) {
    String text = node.path("since").asText();
    return text.isEmpty() ? "-" : Instant.parse(text).truncatedTo(ChronoUnit.SECONDS).toString();
  }
}
