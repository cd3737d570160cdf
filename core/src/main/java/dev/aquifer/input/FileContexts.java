package dev.aquifer.input;

import dev.aquifer.image.FileType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/**
 * A {@code file_contexts} file of SELinux: which label a path has.
 *
 * <p>Lines have a regular expression that takes the whole path, perhaps a type of file ({@code --}
 * regular, {@code -d}, {@code -l}, {@code -c}, {@code -b}, {@code -p}, {@code -s}), and a label, or
 * {@code <<none>>}. Of the lines that fit, one without signs of a regular expression comes first,
 * and then the last. Files beside it, such as {@code file_contexts.local}, are not looked at.
 */
public final class FileContexts {
  private static final String NONE = "<<none>>";
  private static final String SIGNS = ".^$?*+|[({";
  private static final byte[] COMPILED = {(byte) 0x8a, (byte) 0xff, 0x7c, (byte) 0xf9};

  /**
   * A line.
   *
   * @param number its place in the file
   * @param stem the first name of its paths, if all have the same, with its slash; else empty
   * @param pattern takes the whole path
   * @param type null for all types
   * @param label null for no label
   */
  private record Line(
      int number, String stem, Pattern pattern, @Nullable FileType type, @Nullable String label) {
    boolean fits(String path, FileType of) {
      return (type == null || type == of) && DeepMatch.matches(pattern, path);
    }
  }

  /** Lines without signs, by their path. */
  private final Map<String, List<Line>> literal = new HashMap<>();

  /** Others. */
  private final List<Line> lines = new ArrayList<>();

  /** Those of {@link #lines} that may fit a path that begins with a stem, the last first. */
  private final Map<String, List<Line>> byStem = new HashMap<>();

  private FileContexts() {}

  /**
   * Reads a file.
   *
   * @throws IOException if it can't be read, or a line is malformed; the message says which
   */
  public static FileContexts read(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new IOException(file + ": is a directory: expected a file_contexts file");
    }
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      throw new IOException(file + ": no such file", e);
    }
    if (java.util.Arrays.mismatch(bytes, COMPILED) == COMPILED.length) {
      throw new IOException(
          file + ": is compiled: expected file_contexts as text, without .bin at its end");
    }
    FileContexts contexts = new FileContexts();
    int number = 0;
    for (String line : new String(bytes, StandardCharsets.ISO_8859_1).split("\n", -1)) {
      number++;
      String text = line.strip();
      if (!text.isEmpty() && !text.startsWith("#")) {
        try {
          contexts.add(number, text.split("\\s+"));
        } catch (IllegalArgumentException e) {
          throw new IOException("%s: line %d: %s".formatted(file, number, e.getMessage()), e);
        }
      }
    }
    contexts.index();
    return contexts;
  }

  private void add(int number, String[] fields) {
    if (fields.length < 2 || fields.length > 3) {
      throw new IllegalArgumentException(
          "has %d fields: expected a regular expression, perhaps a type, and a label"
              .formatted(fields.length));
    }
    String regex = fields[0];
    FileType type = fields.length == 3 ? type(fields[1]) : null;
    String label = fields[fields.length - 1];
    Pattern pattern;
    try {
      pattern = Pattern.compile(regex, Pattern.DOTALL);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException("'" + regex + "' is no regular expression", e);
    }
    Line line = new Line(number, stem(regex), pattern, type, label.equals(NONE) ? null : label);
    String path = path(regex);
    if (path == null) {
      lines.add(line);
    } else {
      literal.computeIfAbsent(path, ignored -> new ArrayList<>()).addFirst(line);
    }
  }

  private static FileType type(String field) {
    return switch (field) {
      case "--" -> FileType.REGULAR;
      case "-d" -> FileType.DIRECTORY;
      case "-l" -> FileType.SYMBOLIC_LINK;
      case "-c" -> FileType.CHARACTER_DEVICE;
      case "-b" -> FileType.BLOCK_DEVICE;
      case "-p" -> FileType.FIFO;
      case "-s" -> FileType.SOCKET;
      default ->
          throw new IllegalArgumentException(
              "'%s' is no type: expected --, -d, -l, -c, -b, -p or -s".formatted(field));
    };
  }

  /** The one path that an expression without signs takes; null if it has some. */
  private static @Nullable String path(String regex) {
    StringBuilder path = new StringBuilder();
    for (int i = 0; i < regex.length(); i++) {
      char c = regex.charAt(i);
      if (c == '\\' && i + 1 < regex.length()) {
        i++;
        path.append(regex.charAt(i));
      } else if (SIGNS.indexOf(c) >= 0) {
        return null;
      } else {
        path.append(c);
      }
    }
    return path.toString();
  }

  /** What is before the second slash, if that is plain text. */
  private static String stem(String regex) {
    int slash = regex.startsWith("/") ? regex.indexOf('/', 1) : -1;
    if (slash < 0 || regex.contains("|")) {
      return "";
    }
    String stem = regex.substring(0, slash);
    return stem.chars().allMatch(c -> SIGNS.indexOf(c) < 0 && c != '\\') ? stem : "";
  }

  private void index() {
    byStem.put("", new ArrayList<>());
    for (Line line : lines) {
      byStem.put(line.stem, new ArrayList<>());
    }
    for (Line line : lines) {
      byStem.forEach(
          (stem, fitting) -> {
            if (line.stem.isEmpty() || line.stem.equals(stem)) {
              fitting.addFirst(line);
            }
          });
    }
  }

  /**
   * The label of a path; null if it has none.
   *
   * @param path begins with a slash; of one character for each byte
   */
  @Nullable String label(String path, FileType type) {
    for (Line line : literal.getOrDefault(path, List.of())) {
      if (line.type == null || line.type == type) {
        return line.label;
      }
    }
    int slash = path.indexOf('/', 1);
    String stem = slash < 0 ? "" : path.substring(0, slash);
    List<Line> fitting = byStem.get(stem);
    for (Line line : fitting == null ? byStem.getOrDefault("", List.of()) : fitting) {
      if (line.fits(path, type)) {
        return line.label;
      }
    }
    return null;
  }
}
