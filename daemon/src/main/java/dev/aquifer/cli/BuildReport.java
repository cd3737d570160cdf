package dev.aquifer.cli;

import dev.aquifer.build.BuildResult;
import dev.aquifer.build.SingleImage;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;

/** What {@code aquifer build} says of what it made. */
final class BuildReport {
  private final PrintWriter out;

  BuildReport(PrintWriter out) {
    this.out = out;
  }

  void print(Path output, BuildResult result) {
    printHead(output, result.elapsed());
    out.printf("  manifest   %s%n", result.manifestDigest());
    out.printf(
        "  bootstrap  %s  %s%n", result.bootstrapDigest(), ByteCount.text(result.bootstrapBytes()));
    for (BuildResult.Blob blob : result.blobs()) {
      out.printf(
          "  blob       %s  %s, stored in %s%s%n",
          blob.id(),
          ByteCount.text(blob.plainBytes()),
          ByteCount.text(blob.objectBytes()),
          blob.reusedFrom().isEmpty() ? "" : ", of " + blob.reusedFrom());
    }
    print(result.counts());
    BuildResult.Bytes bytes = result.bytes();
    out.printf(
        "  data       %s: %s new, %s reused, %s duplicate, %s holes, %s in the bootstrap%n",
        ByteCount.text(bytes.source()),
        ByteCount.text(bytes.unique()),
        ByteCount.text(bytes.reused()),
        ByteCount.text(bytes.duplicate()),
        ByteCount.text(bytes.holes()),
        ByteCount.text(bytes.inline()));
    for (BuildResult.Reuse from : bytes.reusedFrom()) {
      out.printf("  reused     %s of %s%n", ByteCount.text(from.bytes()), from.image());
    }
    print(result.phases());
  }

  void print(Path output, SingleImage.Result result) {
    printHead(output, result.elapsed());
    print(result.counts());
    out.printf(
        "  image      %s: %s data in blocks, %s fragments before compression%n",
        ByteCount.text(result.sizeBytes()),
        ByteCount.text(result.dataBytes()),
        ByteCount.text(result.packedBytes()));
    for (int i = 0; i < result.devices().size(); i++) {
      out.printf("  device %d   %s%n", i + 1, result.devices().get(i));
    }
    print(result.phases());
  }

  private void print(BuildResult.Phases phases) {
    out.printf(
        "  phases     tree %s, data %s, metadata %s, commit %s%n",
        seconds(phases.tree()),
        seconds(phases.data()),
        seconds(phases.metadata()),
        seconds(phases.commit()));
  }

  private static String seconds(Duration duration) {
    return String.format(Locale.ROOT, "%.1f s", duration.toMillis() / 1000.0);
  }

  private void printHead(Path output, Duration elapsed) {
    out.printf("%s: built in %s%n", output, seconds(elapsed));
  }

  private void print(BuildResult.Counts counts) {
    out.printf(
        "  files      %d regular, %d directories, %d symlinks, %d special, %d hard links%n",
        counts.regular(),
        counts.directories(),
        counts.symlinks(),
        counts.special(),
        counts.hardLinks());
  }
}
