package dev.aquifer.cli;

import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.tool.Manifest;
import dev.aquifer.tool.PathText;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows the metadata of files of an image. */
@CommandLine.Command(
    name = "stat",
    description = "Show the metadata of files of an image, extended attributes included.",
    sortOptions = false)
final class StatCommand extends ImageCommand {
  @Parameters(
      index = "1..*",
      arity = "1..*",
      paramLabel = "PATH",
      description = "A file of any type; a symbolic link at its end is not followed.")
  List<String> paths = new ArrayList<>();

  @Option(
      names = "--json",
      description = "Print one JSON object for each, with the keys of `aquifer manifest`.")
  boolean json;

  @Override
  ExitCode run(Image image) throws Exception {
    FileTimeText times = new FileTimeText();
    for (String argument : paths) {
      byte[] path = absolute(path(argument));
      Inode inode = lookup(image, path);
      if (json) {
        out().println(Manifest.describe(image, path, inode));
      } else {
        print(image, path, inode, times);
      }
    }
    return ExitCode.OK;
  }

  private void print(Image image, byte[] path, Inode inode, FileTimeText times) throws IOException {
    String shown = PathText.shown(path);
    if (inode.type() == FileType.SYMBOLIC_LINK) {
      shown += " -> " + PathText.shown(image.readLink(inode));
    }
    line("file", shown);
    line("type", inode.type().toString());
    if (inode.type().isDevice()) {
      line("device", inode.rdevMajor() + ":" + inode.rdevMinor());
    }
    line("size", inode.sizeBytes() + " bytes");
    line(
        "mode",
        "%04o (%s)"
            .formatted(inode.permissions(), FileMode.text(inode.type(), inode.permissions())));
    line("owner", "uid %d, gid %d".formatted(inode.uid(), inode.gid()));
    line("links", Long.toString(inode.nlink()));
    line("modified", times.full(inode.mtimeSeconds(), inode.mtimeNanos()));
    line(
        "inode",
        "nid %d%s, at byte 0x%x, %d bytes"
            .formatted(
                inode.nid() & Long.MAX_VALUE,
                inode.isInMetabox() ? " of the metabox" : "",
                inode.positionBytes(),
                inode.xattrPositionBytes() - inode.positionBytes()));
    line("layout", Manifest.layoutName(inode.layout()));
    for (Map.Entry<String, byte[]> xattr : image.xattrs(inode).entrySet()) {
      line("xattr", PathText.shown(nameBytes(xattr)) + "=" + value(xattr.getValue()));
    }
  }

  private static byte[] nameBytes(Map.Entry<String, byte[]> xattr) {
    return dev.aquifer.image.ByteNames.toBytes(xattr.getKey());
  }

  /** As getfattr(1) shows values: text in quotes, anything else in hex. */
  private static String value(byte[] value) {
    for (byte b : value) {
      if (b < ' ' || b == 0x7f || b == '"' || b == '\\') {
        return "0x" + HexFormat.of().formatHex(value);
      }
    }
    return '"' + new String(value, StandardCharsets.US_ASCII) + '"';
  }

  private void line(String key, String value) {
    out().printf("%9s  %s%n", key, value);
  }
}
