package dev.aquifer.cli;

import dev.aquifer.image.ByteNames;
import dev.aquifer.image.Image;
import dev.aquifer.tool.ImageDump;
import dev.aquifer.tool.ImageStatistics;
import dev.aquifer.tool.JsonObject;
import dev.aquifer.tool.PathText;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows what is on disk. */
@CommandLine.Command(
    name = "dump",
    description =
        "Show what is on disk: superblock, features, device table, statistics; of a path, its inode and extents.",
    sortOptions = false)
final class DumpCommand extends ImageCommand {
  @Parameters(
      index = "1..*",
      paramLabel = "PATH",
      description = "Show the inodes of these paths, and the image only if there are none.")
  List<String> paths = new ArrayList<>();

  @Option(names = "--json", description = "Print JSON objects, one a line.")
  boolean json;

  @Override
  ExitCode run(Image image) throws Exception {
    if (paths.isEmpty()) {
      print(
          new JsonObject()
              .put("superblock", ImageDump.superblock(image))
              .put("devices", ImageDump.devices(image))
              .put("statistics", ImageStatistics.of(image).json()));
    }
    for (String argument : paths) {
      byte[] path = absolute(path(argument));
      print(ImageDump.inode(image, path, lookup(image, path)));
    }
    return ExitCode.OK;
  }

  private void print(JsonObject object) {
    if (json) {
      out().println(object);
    } else {
      printIndented(object.values(), 0);
    }
  }

  private void printIndented(Map<?, ?> values, int depth) {
    int width = 0;
    for (Object key : values.keySet()) {
      width = Math.max(width, safe(key).length());
    }
    for (Map.Entry<?, ?> entry : values.entrySet()) {
      String key = "  ".repeat(depth) + safe(entry.getKey());
      switch (entry.getValue()) {
        case JsonObject object -> printNested(key, object.values(), depth);
        case Map<?, ?> map -> printNested(key, map, depth);
        case Collection<?> items -> printItems(key, items, depth, width);
        default -> printLine(key, String.valueOf(entry.getValue()), depth, width);
      }
    }
  }

  private void printNested(String key, Map<?, ?> values, int depth) {
    out().println(key);
    printIndented(values, depth + 1);
  }

  private void printItems(String key, Collection<?> items, int depth, int width) {
    if (items.stream().noneMatch(JsonObject.class::isInstance)) {
      printLine(
          key, String.join(", ", items.stream().map(Object::toString).toList()), depth, width);
      return;
    }
    out().println(key);
    for (Object item : items) {
      StringBuilder line = new StringBuilder("  ".repeat(depth + 1));
      ((JsonObject) item)
          .values()
          .forEach((k, v) -> line.append(k).append(' ').append(safe(v)).append("  "));
      out().println(line.toString().stripTrailing());
    }
  }

  private void printLine(String key, String value, int depth, int width) {
    String line = key + " ".repeat(2 * depth + width + 2 - key.length()) + safe(value);
    out().println(line.stripTrailing());
  }

  /** Labels, tags and names of attributes of an image may hold anything. */
  private static String safe(Object value) {
    return PathText.shown(ByteNames.toBytes(value.toString()));
  }
}
