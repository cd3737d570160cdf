package dev.aquifer.image;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the kernel shows of one path of a mounted image, in the words of {@link ReaderView}. */
final class KernelView {
  private KernelView() {}

  /** The names in a directory and where each is. */
  static TreeMap<String, Path> names(Path directory) throws IOException {
    TreeMap<String, Path> names = new TreeMap<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        names.put(ByteNames.toText(bytes(entry)), entry);
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    } catch (ArrayIndexOutOfBoundsException e) {
      throw new IOException("an empty name, which the JDK does not take", e);
    }
    return names;
  }

  /** The bytes of a last name, which its text may not show. */
  private static byte[] bytes(Path path) {
    return bytes(path, rawPath(path).lastIndexOf('/') + 1);
  }

  private static String rawPath(Path path) {
    String raw = path.toUri().getRawPath();
    return raw.endsWith("/") ? raw.substring(0, raw.length() - 1) : raw;
  }

  private static byte[] bytes(Path path, int from) {
    String raw = rawPath(path);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int i = from; i < raw.length(); i++) {
      if (raw.charAt(i) == '%') {
        bytes.write(Integer.parseInt(raw, i + 1, i + 3, 16));
        i += 2;
      } else {
        bytes.write(raw.charAt(i));
      }
    }
    return bytes.toByteArray();
  }

  static String inode(Path path) throws IOException {
    Map<String, Object> facts = Files.readAttributes(path, "unix:*", LinkOption.NOFOLLOW_LINKS);
    int mode = (Integer) facts.get("mode");
    FileType type = FileType.ofMode(mode);
    FileTime time = (FileTime) facts.get("lastModifiedTime");
    long rdev = (Long) facts.get("rdev");
    return "%o uid %d gid %d nlink %d size %s mtime %s rdev %s"
        .formatted(
            mode,
            Integer.toUnsignedLong((Integer) facts.get("uid")),
            Integer.toUnsignedLong((Integer) facts.get("gid")),
            Integer.toUnsignedLong((Integer) facts.get("nlink")),
            type != null && type.hasData() ? facts.get("size") : "-",
            time.toInstant(),
            type != null && type.isDevice()
                ? (rdev >> 8 & 0xfff) + ":" + (rdev & 0xff | rdev >> 12 & 0xfff00)
                : "-");
  }

  static String target(Path path) throws IOException, InterruptedException {
    return run("readlink -n --", path);
  }

  /** Runs {@code command} for {@code path}, whatever bytes it has: the JDK can't hand on all. */
  private static String run(String command, Path path) throws IOException, InterruptedException {
    StringBuilder escaped = new StringBuilder();
    for (byte b : bytes(path, 0)) {
      escaped.append("\\0%03o".formatted(b & 0xff));
    }
    // The last character keeps the shell from taking a new line at the end away.
    String script = "p=$(printf %bx \"$1\"); " + command + " \"${p%x}\"";
    return DirectoryListing.run(
        Path.of("/"), List.of("sh", "-c", script, "sh", escaped.toString()));
  }

  /** As {@link ReaderView#part}. */
  static String part(Path path, long position, int length) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(length);
    try (FileChannel channel = FileChannel.open(path)) {
      while (bytes.hasRemaining()) {
        if (channel.read(bytes, position + bytes.position()) < 0) {
          throw new IOException("ends early");
        }
      }
    }
    return ReaderView.digest(bytes.array());
  }

  /** All attributes of {@code path}, by getfattr. */
  static String xattrs(Path path) throws IOException, InterruptedException {
    String output = run("getfattr -h -d -m - -e hex --absolute-names --", path);
    TreeMap<String, String> xattrs = new TreeMap<>();
    for (String line : output.split("\n")) {
      int equals = line.lastIndexOf("=0x");
      if (line.startsWith("#") || line.isEmpty()) {
        continue;
      }
      String name = equals < 0 ? line : line.substring(0, equals);
      xattrs.put(unescape(name), equals < 0 ? "" : line.substring(equals + 3));
    }
    return xattrs.toString();
  }

  /** Undoes the escapes of getfattr, which are a backslash and three octal digits. */
  private static String unescape(String text) {
    return Pattern.compile("\\\\([0-7]{3})")
        .matcher(text)
        .replaceAll(
            found ->
                Matcher.quoteReplacement(Character.toString(Integer.parseInt(found.group(1), 8))));
  }
}
