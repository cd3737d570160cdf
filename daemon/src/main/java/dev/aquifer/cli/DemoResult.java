package dev.aquifer.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.time.Duration;

/**
 * What the demo found.
 *
 * @param mountMode {@code kernel} or {@code library}
 * @param images what was built
 * @param building how long that took
 * @param first what using the first image took
 * @param second what using the second image took
 * @param cacheBytes what the cache takes on disk after both
 */
record DemoResult(
    String mountMode,
    DemoImages images,
    Duration building,
    Use first,
    Use second,
    long cacheBytes) {
  /**
   * One image in use, as the origin saw it.
   *
   * @param fetchedBytes bodies that the origin sent
   * @param requests requests that it answered
   * @param took until the programs had run
   * @param said what they said
   */
  record Use(long fetchedBytes, long requests, Duration took, String said) {}

  private long firstBytes() {
    return DemoImages.objectBytes(images.first());
  }

  private long secondBytes() {
    return DemoImages.objectBytes(images.second());
  }

  /** The documented object of {@code demo --json}. */
  ObjectNode toJson() {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("mountMode", mountMode);
    node.putArray("imageBytes").add(firstBytes()).add(secondBytes());
    node.putArray("contentBytes")
        .add(images.first().bytes().source())
        .add(images.second().bytes().source());
    node.put("firstMountFetchedBytes", first.fetchedBytes);
    node.put("secondMountFetchedBytes", second.fetchedBytes);
    node.put("requests", first.requests + second.requests);
    node.put("firstMountRequests", first.requests);
    node.put("secondMountRequests", second.requests);
    node.put("cacheBytes", cacheBytes);
    node.put("fullDownloadBytes", firstBytes() + secondBytes());
    node.put("buildMillis", building.toMillis());
    node.put("firstMountMillis", first.took.toMillis());
    node.put("secondMountMillis", second.took.toMillis());
    return node;
  }

  void print(PrintWriter out) {
    out.println();
    Table table = new Table("", "BYTES", "REQUESTS");
    table.add("image " + DemoImages.FIRST, ByteCount.text(firstBytes()), "");
    table.add("image " + DemoImages.SECOND, ByteCount.text(secondBytes()), "");
    table.add(
        "fetched by the first mount", ByteCount.text(first.fetchedBytes), "" + first.requests);
    table.add(
        "fetched by the second mount", ByteCount.text(second.fetchedBytes), "" + second.requests);
    table.add("on disk in the cache", ByteCount.text(cacheBytes), "");
    table.add("full download of both", ByteCount.text(firstBytes() + secondBytes()), "");
    table.print(out);
  }
}
