package dev.aquifer.cli;

import dev.aquifer.build.SharingReport;
import dev.aquifer.tool.JsonObject;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A {@link SharingReport} as tables and as JSON. */
final class SharingText {
  /** The size of chunks in which images are built. */
  private static final int BUILT_CHUNK_BYTES = 64 << 10;

  private SharingText() {}

  /** What people call a way to cut files. */
  static String name(SharingReport.Cut cut) {
    return switch (cut.chunkBytes()) {
      case SharingReport.WHOLE_FILES -> "whole files";
      case 4 << 10 -> "4 KiB";
      case 64 << 10 -> "64 KiB";
      case 1 << 20 -> "1 MiB";
      default -> cut.chunkBytes() + " B";
    };
  }

  /** The cut that images are built with. */
  static SharingReport.Cut built(SharingReport report) {
    for (SharingReport.Cut cut : report.cuts()) {
      if (cut.chunkBytes() == BUILT_CHUNK_BYTES) {
        return cut;
      }
    }
    throw new AssertionError("no cut of 64 KiB");
  }

  static void print(SharingReport report, PrintWriter out) {
    Table table =
        new Table("CHUNKS", "INPUT", "TOTAL", "ZEROS", "UNIQUE", "SAVED", "SAVED %", "NEW");
    for (SharingReport.Cut cut : report.cuts()) {
      int count = report.inputs().size();
      for (int i = 0; i < count; i++) {
        add(table, name(cut), report.inputs().get(i).name(), cut.inputs().get(i));
      }
      if (count > 1) {
        add(table, name(cut), "(all)", cut.all());
      }
    }
    table.print(out);
    SharingReport.Cut built = built(report);
    if (!built.common().isEmpty()) {
      out.println();
      out.printf("How much of an input is in another, in chunks of %s:%n", name(built));
      printMatrix(report, built, out);
    }
  }

  private static void add(Table table, String cut, String input, SharingReport.Bytes bytes) {
    table.add(
        cut,
        shown(input),
        ByteCount.text(bytes.total()),
        ByteCount.text(bytes.zeros()),
        ByteCount.text(bytes.unique()),
        ByteCount.text(bytes.saved()),
        percent(bytes.saved(), bytes.unique() + bytes.saved()),
        ByteCount.text(bytes.added()));
  }

  private static void printMatrix(SharingReport report, SharingReport.Cut cut, PrintWriter out) {
    List<String> heading = new ArrayList<>(List.of(""));
    report.inputs().forEach(input -> heading.add("of " + shown(input.name())));
    Table table = new Table(heading.toArray(String[]::new));
    for (int a = 0; a < cut.common().size(); a++) {
      List<String> row = new ArrayList<>(List.of("in " + shown(report.inputs().get(a).name())));
      for (int b = 0; b < cut.common().size(); b++) {
        long common = cut.common().get(a).get(b);
        row.add(
            a == b
                ? ""
                : ByteCount.text(common) + ", " + percent(common, cut.inputs().get(b).unique()));
      }
      table.add(row.toArray(String[]::new));
    }
    table.print(out);
  }

  /** A line break would tear the table. */
  static String shown(String name) {
    return name.chars().noneMatch(Character::isISOControl)
        ? name
        : name.replaceAll("\\p{Cntrl}", "?");
  }

  static String percent(long part, long whole) {
    return String.format(Locale.ROOT, "%.1f %%", whole == 0 ? 0.0 : 100.0 * part / whole);
  }

  static JsonObject json(SharingReport report) {
    List<JsonObject> inputs = new ArrayList<>();
    for (SharingReport.Input input : report.inputs()) {
      inputs.add(
          new JsonObject()
              .put("name", input.name())
              .put("files", input.files())
              .put("bytes", input.bytes()));
    }
    List<JsonObject> cuts = new ArrayList<>();
    for (SharingReport.Cut cut : report.cuts()) {
      cuts.add(
          new JsonObject()
              .put("chunkBytes", cut.chunkBytes())
              .put("all", json(cut.all()))
              .put("inputs", cut.inputs().stream().map(SharingText::json).toList())
              .put("commonBytes", cut.common().isEmpty() ? null : cut.common()));
    }
    return new JsonObject().put("inputs", inputs).put("cuts", cuts);
  }

  private static JsonObject json(SharingReport.Bytes bytes) {
    return new JsonObject()
        .put("totalBytes", bytes.total())
        .put("zeroBytes", bytes.zeros())
        .put("uniqueBytes", bytes.unique())
        .put("savedBytes", bytes.saved())
        .put("newBytes", bytes.added());
  }
}
