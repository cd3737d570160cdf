package dev.aquifer.cli;

import dev.aquifer.build.SharingReport;
import java.util.List;
import java.util.Locale;

/**
 * A {@link SharingReport} as an SVG picture: a bar for each way to cut files, and one for each
 * input as images are built. Readable on light and on dark ground.
 */
final class SharingPicture {
  private static final int WIDTH = 940;
  private static final int LEFT = 220;
  private static final int PLOT = 600;
  private static final int BAR = 24;
  private static final int STEP = 36;
  private static final int MAX_LABEL = 26;
  private static final int MAX_TICKS = 6;

  private static final String STYLE =
      """
      <style>
        text { fill: #1f2328; font: 13px sans-serif; }
        .title { font-size: 18px; font-weight: bold; }
        .heading { font-size: 14px; font-weight: bold; }
        .end { text-anchor: end; }
        .middle { text-anchor: middle; }
        .ground { fill: #ffffff; }
        .grid { stroke: #8c959f; }
        .unique { fill: #0969da; }
        .within { fill: #1a7f37; }
        .across { fill: #6fdd8b; }
        .zeros { fill: #d0d7de; }
        @media (prefers-color-scheme: dark) {
          text { fill: #e6edf3; }
          .ground { fill: #0d1117; }
          .grid { stroke: #6e7681; }
          .unique { fill: #58a6ff; }
          .within { fill: #2ea043; }
          .across { fill: #aff5b4; }
          .zeros { fill: #3d444d; }
        }
      </style>
      """;

  private final StringBuilder body = new StringBuilder();
  private int y;

  private SharingPicture() {}

  /** The text of an SVG file. */
  static String of(SharingReport report) {
    SharingPicture picture = new SharingPicture();
    picture.draw(report);
    return """
        <?xml version="1.0" encoding="UTF-8"?>
        <svg xmlns="http://www.w3.org/2000/svg" width="%1$d" height="%2$d" viewBox="0 0 %1$d %2$d" role="img">
        <title>What sharing saves</title>
        %3$s<rect class="ground" width="%1$d" height="%2$d"/>
        %4$s</svg>
        """
        .formatted(WIDTH, picture.y, STYLE, picture.body);
  }

  private void draw(SharingReport report) {
    int count = report.inputs().size();
    y = 34;
    text(
        20,
        y,
        "title",
        count == 1
            ? "What sharing saves in " + shortened(report.inputs().getFirst().name(), 60)
            : "What sharing saves in " + count + " inputs");
    legend();
    panel("All inputs together, by size of chunk", "chunk size", report.cuts().getFirst().all());
    long total = report.cuts().getFirst().all().total();
    for (SharingReport.Cut cut : report.cuts()) {
      long within = cut.inputs().stream().mapToLong(SharingReport.Bytes::saved).sum();
      bar(SharingText.name(cut), cut.all(), within, total);
    }
    axis(total);
    if (count > 1) {
      SharingReport.Cut built = SharingText.built(report);
      long largest = built.inputs().stream().mapToLong(SharingReport.Bytes::total).max().orElse(0);
      panel("Each input behind those above it, chunks of 64 KiB", "input", built.all());
      for (int i = 0; i < count; i++) {
        SharingReport.Bytes bytes = built.inputs().get(i);
        bar(report.inputs().get(i).name(), bytes, bytes.saved(), largest);
      }
      axis(largest);
    }
    y += 10;
  }

  private void legend() {
    y += 32;
    int x = 20;
    for (List<String> entry :
        List.of(
            List.of("unique", "stored once"),
            List.of("within", "saved within an input"),
            List.of("across", "saved between inputs"),
            List.of("zeros", "zeros and holes"))) {
      rect(entry.getFirst(), x, y - 12, 14, 14, entry.getLast());
      text(x + 20, y, "", entry.getLast());
      x += 205;
    }
  }

  private void panel(String heading, String label, SharingReport.Bytes all) {
    y += 42;
    text(20, y, "heading", heading);
    y += 22;
    text(LEFT - 12, y, "end", label);
    text(LEFT + PLOT, y, "end", "of " + ByteCount.text(all.total()) + " in all");
    y += 12;
  }

  /**
   * A bar of {@code bytes}.
   *
   * @param within of what is not stored, what is saved within an input
   * @param scale the bytes of a bar as long as the plot
   */
  private void bar(String label, SharingReport.Bytes bytes, long within, long scale) {
    text(LEFT - 12, y + 17, "end", shortened(label, MAX_LABEL));
    long across = bytes.total() - bytes.zeros() - bytes.added() - within;
    double x = LEFT;
    x = part("unique", "stored once", x, bytes.added(), scale);
    x = part("within", "saved within an input", x, within, scale);
    x = part("across", "saved between inputs", x, across, scale);
    x = part("zeros", "zeros and holes", x, bytes.zeros(), scale);
    long data = bytes.total() - bytes.zeros();
    text(x + 8, y + 17, "", SharingText.percent(data - bytes.added(), data) + " saved");
    y += STEP;
  }

  private double part(String kind, String what, double x, long bytes, long scale) {
    double width = scale == 0 ? 0 : (double) PLOT * bytes / scale;
    if (bytes > 0) {
      rect(kind, x, y, width, BAR, what + ": " + ByteCount.text(bytes));
    }
    return x + width;
  }

  private void axis(long scale) {
    y += 2;
    line(LEFT, y, LEFT + PLOT, y);
    long step = tickBytes(scale);
    for (long at = 0; at <= scale; at += step) {
      double x = LEFT + (scale == 0 ? 0 : (double) PLOT * at / scale);
      line(x, y, x, y + 5);
      text(x, y + 20, "middle", ByteCount.text(at));
      if (scale == 0) {
        break;
      }
    }
    y += 40;
    text(LEFT + PLOT / 2.0, y, "middle", "bytes of regular files, before compression");
  }

  /** 1, 2 or 5 times 10^n times a unit, so that there are few. */
  private static long tickBytes(long scale) {
    long unit = 1;
    while (scale / unit >= 1000 && unit < 1L << 60) {
      unit <<= 10;
    }
    double wanted = (double) scale / unit / MAX_TICKS;
    for (double power = 0.01; ; power *= 10) {
      for (int digit : new int[] {1, 2, 5}) {
        long step = Math.round(digit * power * unit);
        if (digit * power >= wanted && step > 0) {
          return step;
        }
      }
    }
  }

  private void text(double x, double at, String kind, String text) {
    body.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>%n",
            x,
            at,
            kind,
            escaped(text)));
  }

  private void rect(String kind, double x, double top, double width, double height, String says) {
    body.append(
        String.format(
            Locale.ROOT,
            "<rect class=\"%s\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\"><title>%s</title></rect>%n",
            kind,
            x,
            top,
            width,
            height,
            escaped(says)));
  }

  private void line(double x1, double y1, double x2, double y2) {
    body.append(
        String.format(
            Locale.ROOT,
            "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>%n",
            x1,
            y1,
            x2,
            y2));
  }

  /** The end of a long name, which tells more than its beginning. */
  private static String shortened(String name, int max) {
    int length = name.codePointCount(0, name.length());
    return length <= max
        ? name
        : "\u2026" + name.substring(name.offsetByCodePoints(0, length - max + 1));
  }

  /** As text of XML, which may not hold every character. */
  private static String escaped(String text) {
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '&' -> out.append("&amp;");
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;");
                case '"' -> out.append("&quot;");
                default -> out.appendCodePoint(isText(c) ? c : 0xfffd);
              }
            });
    return out.toString();
  }

  private static boolean isText(int c) {
    return c >= ' '
        && !Character.isISOControl(c)
        && !(c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE)
        && c != 0xfffe
        && c != 0xffff;
  }
}
