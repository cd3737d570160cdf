package dev.aquifer.mount;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is mounted in this mount name space, from {@code /proc/self/mountinfo}; see proc(5).
 * Immutable.
 *
 * @param entries the mounts in the order of mounting: of several at one place the last is on top
 */
record MountTable(List<Entry> entries) {
  static final Path FILE = Path.of("/proc/self/mountinfo");
  private static final Charset FILE_NAMES =
      Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

  /**
   * One mount.
   *
   * @param device its file system, {@code major:minor}
   * @param target where it is
   * @param type the type of the file system
   * @param source what it was mounted from
   */
  record Entry(String device, String target, String type, String source) {}

  static MountTable read() throws IOException {
    return parse(Files.readAllBytes(FILE));
  }

  static MountTable parse(byte[] mountinfo) {
    List<Entry> entries = new ArrayList<>();
    // One char a byte, so that no byte of a path is lost before its escapes are undone.
    for (String line : new String(mountinfo, StandardCharsets.ISO_8859_1).split("\n")) {
      // 36 35 98:0 /root /target options [optional fields…] - type source super-options
      String[] fields = line.split(" ");
      int dash = 6;
      while (dash < fields.length && !fields[dash].equals("-")) {
        dash++;
      }
      if (dash + 2 < fields.length) {
        entries.add(
            new Entry(
                fields[2], unescape(fields[4]), fields[dash + 1], unescape(fields[dash + 2])));
      }
    }
    return new MountTable(entries);
  }

  /** Blanks, line ends and backslashes are written as three octal digits. */
  private static String unescape(String field) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(field.length());
    for (int i = 0; i < field.length(); i++) {
      char c = field.charAt(i);
      if (c == '\\'
          && i + 3 < field.length()
          && field.substring(i + 1, i + 4).matches("[0-7]{3}")) {
        bytes.write(Integer.parseInt(field.substring(i + 1, i + 4), 8));
        i += 3;
      } else {
        bytes.write(c);
      }
    }
    return bytes.toString(FILE_NAMES);
  }

  /** What is on top at {@code target}; null if nothing is mounted there. */
  @Nullable Entry topAt(Path target) {
    Entry top = null;
    for (Entry entry : entries) {
      if (entry.target().equals(target.toString())) {
        top = entry;
      }
    }
    return top;
  }

  /** Whether the EROFS with this device number is mounted at {@code target}, on top or not. */
  boolean hasErofs(String device, Path target) {
    return entries.stream()
        .anyMatch(
            entry ->
                entry.type().equals("erofs")
                    && entry.device().equals(device)
                    && entry.target().equals(target.toString()));
  }
}
