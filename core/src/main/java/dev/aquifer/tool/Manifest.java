package dev.aquifer.tool;

import dev.aquifer.image.DataLayout;
import dev.aquifer.image.FileType;
import dev.aquifer.image.Image;
import dev.aquifer.image.Inode;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.Sha256;
import java.io.IOException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * The manifest of an image: one line of JSON for each path, in the order of a walk, with all that
 * Linux would show of it. Keys are in alphabetical order:
 *
 * <table>
 * <caption>one line</caption>
 * <tr><th>key</th><th>of</th><th>value</th></tr>
 * <tr><td>gid, uid</td><td>all</td><td>numbers</td></tr>
 * <tr><td>hardlink_group</td><td>files with several names</td><td>a number, from 1, that these names
 * share</td></tr>
 * <tr><td>mode</td><td>all</td><td>permissions, four octal digits</td></tr>
 * <tr><td>mtime</td><td>all</td><td>seconds, a dot, nine digits of nanoseconds</td></tr>
 * <tr><td>nlink</td><td>all</td><td>number</td></tr>
 * <tr><td>path</td><td>all</td><td>as of {@link PathText#percent}</td></tr>
 * <tr><td>rdev</td><td>devices</td><td>major:minor</td></tr>
 * <tr><td>sha256</td><td>regular files</td><td>of the data, in hex</td></tr>
 * <tr><td>size</td><td>regular files, links</td><td>bytes</td></tr>
 * <tr><td>target</td><td>links</td><td>as of {@link PathText#percent}</td></tr>
 * <tr><td>type</td><td>all</td><td>f, d, l, c, b, p or s</td></tr>
 * <tr><td>xattrs</td><td>what has any</td><td>values in hex by full name</td></tr>
 * </table>
 */
public final class Manifest {
  private final Image image;
  private final boolean withData;
  private final Consumer<ByteSource> progress;
  private final Map<Long, Integer> groups = new HashMap<>();

  private Manifest(Image image, boolean withData, Consumer<ByteSource> progress) {
    this.image = image;
    this.withData = withData;
    this.progress = progress;
  }

  /** Takes one line, without its end. */
  @FunctionalInterface
  public interface Lines {
    /** Takes the next line; what it throws ends the writing. */
    void line(String line) throws IOException;
  }

  /**
   * Gives the lines of {@code image} to {@code lines}.
   *
   * @param withData whether to read the files, for their digests; else there is no {@code sha256}
   */
  public static void write(Image image, boolean withData, Lines lines) throws IOException {
    write(image, withData, lines, file -> {});
  }

  /**
   * As {@link #write(Image, boolean, Lines)}.
   *
   * @param progress is told of each file after its data was read
   */
  public static void write(
      Image image, boolean withData, Lines lines, Consumer<ByteSource> progress)
      throws IOException {
    Manifest manifest = new Manifest(image, withData, progress);
    ImageWalk.walk(
        image,
        entry -> {
          lines.line(manifest.line(entry.path(), entry.inode()).toString());
          return true;
        });
  }

  /**
   * The line of one path without {@code sha256} and {@code hardlink_group}, and with {@code nid}
   * and {@code layout} at its end.
   */
  public static JsonObject describe(Image image, byte[] path, Inode inode) throws IOException {
    JsonObject line = new Manifest(image, false, file -> {}).line(path, inode);
    return line.remove("hardlink_group")
        .put("nid", Long.toUnsignedString(inode.nid()))
        .put("layout", layoutName(inode.layout()));
  }

  /** What the format calls a layout; {@code none} for files without data. */
  public static String layoutName(DataLayout layout) {
    return switch (layout) {
      case DataLayout.NoData _ -> "none";
      case DataLayout.FlatPlain _ -> "FLAT_PLAIN";
      case DataLayout.FlatInline _ -> "FLAT_INLINE";
      case DataLayout.ChunkBased _ -> "CHUNK_BASED";
      case DataLayout.Compressed compressed ->
          compressed.isCompact() ? "COMPRESSED_COMPACT" : "COMPRESSED_FULL";
    };
  }

  private JsonObject line(byte[] path, Inode inode) throws IOException {
    FileType type = inode.type();
    boolean isFile = type == FileType.REGULAR;
    boolean isLink = type == FileType.SYMBOLIC_LINK;
    JsonObject line = new JsonObject().put("gid", inode.gid());
    if (type != FileType.DIRECTORY && inode.nlink() > 1) {
      line.put("hardlink_group", groups.computeIfAbsent(inode.nid(), nid -> groups.size() + 1));
    }
    line.put("mode", octal(inode.permissions()))
        .put("mtime", time(inode))
        .put("nlink", inode.nlink())
        .put("path", PathText.percent(path));
    if (type.isDevice()) {
      line.put("rdev", inode.rdevMajor() + ":" + inode.rdevMinor());
    }
    if (isFile && withData) {
      line.put("sha256", digest(inode));
    }
    line.put("size", isFile || isLink ? inode.sizeBytes() : null);
    line.put("target", isLink ? PathText.percent(image.readLink(inode)) : null);
    line.put("type", letter(type)).put("uid", inode.uid());
    Map<String, String> xattrs = new TreeMap<>();
    image.xattrs(inode).forEach((name, value) -> xattrs.put(name, HexFormat.of().formatHex(value)));
    line.put("xattrs", xattrs.isEmpty() ? null : xattrs);
    return line;
  }

  private String digest(Inode inode) throws IOException {
    try (ByteSource data = image.open(inode)) {
      String hex = Sha256.hash(data).hex();
      progress.accept(data);
      return hex;
    }
  }

  static String octal(int permissions) {
    return String.format(Locale.ROOT, "%04o", permissions);
  }

  static String time(Inode inode) {
    return time(inode.mtimeSeconds(), inode.mtimeNanos());
  }

  static String time(long seconds, int nanos) {
    String digits = Integer.toString(1_000_000_000 + nanos);
    return seconds + "." + digits.substring(1);
  }

  /** The letter of find(1)'s {@code -type} for a type of file. */
  public static String letter(FileType type) {
    return switch (type) {
      case REGULAR -> "f";
      case DIRECTORY -> "d";
      case SYMBOLIC_LINK -> "l";
      case CHARACTER_DEVICE -> "c";
      case BLOCK_DEVICE -> "b";
      case FIFO -> "p";
      case SOCKET -> "s";
    };
  }
}
