package dev.aquifer.input;

import dev.aquifer.build.ClusterRule;
import dev.aquifer.build.Encoding;
import dev.aquifer.codec.Compression;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A file that says how some files are to be compressed, as {@code --compress-hints} of mkfs.erofs
 * takes it. A line has the bytes of the largest physical cluster, or 0 for data as it is; perhaps
 * which of several compressions, from 0 on; and an extended regular expression of POSIX, which is
 * found anywhere in the paths of files: they have no slash at their beginning. Of the lines that
 * fit a file the first one counts. Empty lines, and those that begin with {@code #}, say nothing.
 */
public final class CompressHints {
  private static final Pattern LINE =
      Pattern.compile("(?<bytes>[0-9]{1,9})[ \\t]+(?:(?<number>[^ \\t]+)[ \\t]+)?(?<regex>.*\\S)");

  private CompressHints() {}

  /**
   * Returns {@code encoding} with the rules of {@code file}.
   *
   * @param compressions what lines may name by number
   * @throws IOException if it can't be read, or a line is malformed; the message says which
   */
  public static Encoding read(Path file, Encoding encoding, List<Compression> compressions)
      throws IOException {
    Encoding result = encoding;
    int number = 0;
    for (String line : text(file).split("\n", -1)) {
      number++;
      if (!line.isBlank() && !line.startsWith("#")) {
        try {
          result = result.withRule(rule(line.strip(), compressions));
        } catch (IllegalArgumentException e) {
          throw new IOException("%s: line %d: %s".formatted(file, number, e.getMessage()), e);
        }
      }
    }
    return result;
  }

  /** Of one character for each byte. */
  private static String text(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new IOException(file + ": is a directory: expected a list of compression hints");
    }
    try {
      return Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (NoSuchFileException e) {
      throw new IOException(file + ": no such file: expected a list of compression hints", e);
    }
  }

  private static ClusterRule rule(String line, List<Compression> compressions) {
    Matcher matcher = LINE.matcher(line);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "'%s': expected bytes of a cluster, perhaps the number of a compression, and a regular expression"
              .formatted(line));
    }
    Compression compression = compression(matcher.group("number"), compressions);
    Pattern regex = PosixRegex.compile(matcher.group("regex"));
    int bytes = Integer.parseInt(matcher.group("bytes"));
    return new ClusterRule(
        path -> DeepMatch.find(regex, path), bytes == 0 ? null : compression, bytes);
  }

  private static Compression compression(String number, List<Compression> compressions) {
    int index = number == null ? 0 : -1;
    if (number != null && number.matches("[0-9]{1,3}")) {
      index = Integer.parseInt(number);
    }
    if (index < 0 || index >= compressions.size()) {
      throw new IllegalArgumentException(
          "compression '%s': expected a number from 0 to %d, as -z has them"
              .formatted(number, compressions.size() - 1));
    }
    return compressions.get(index);
  }
}
