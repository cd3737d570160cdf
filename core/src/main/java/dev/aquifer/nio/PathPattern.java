package dev.aquifer.nio;

import java.nio.file.PathMatcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** Path matchers: {@code glob:…} and {@code regex:…}, on the text of a path, case-exact. */
final class PathPattern {
  private static final String REGEX_SIGNS = ".^$+{[]|()";

  private final String glob;
  private final StringBuilder regex = new StringBuilder();
  private int at;
  private boolean inGroup;

  private PathPattern(String glob) {
    this.glob = glob;
  }

  /**
   * The matcher of {@code syntax:pattern}.
   *
   * @throws UnsupportedOperationException if the syntax is another one
   * @throws PatternSyntaxException if the pattern is malformed
   */
  static PathMatcher matcher(String syntaxAndPattern) {
    int colon = syntaxAndPattern.indexOf(':');
    if (colon <= 0) {
      throw new IllegalArgumentException(
          "'%s': expected glob:… or regex:…".formatted(syntaxAndPattern));
    }
    String syntax = syntaxAndPattern.substring(0, colon);
    String text = syntaxAndPattern.substring(colon + 1);
    Pattern pattern;
    if (syntax.equalsIgnoreCase("glob")) {
      pattern = Pattern.compile(toRegex(text), Pattern.DOTALL);
    } else if (syntax.equalsIgnoreCase("regex")) {
      pattern = Pattern.compile(text);
    } else {
      throw new UnsupportedOperationException(
          "syntax '%s': expected glob or regex".formatted(syntax));
    }
    return path -> pattern.matcher(path.toString()).matches();
  }

  /** The regular expression for a glob, as {@link java.nio.file.FileSystem} describes it. */
  static String toRegex(String glob) {
    PathPattern pattern = new PathPattern(glob);
    while (pattern.at < glob.length()) {
      pattern.translateNext();
    }
    if (pattern.inGroup) {
      throw pattern.wrong("a '}' is missing");
    }
    return pattern.regex.toString();
  }

  private void translateNext() {
    char c = glob.charAt(at++);
    switch (c) {
      case '\\' -> literal(next("a character is missing after '\\'"));
      case '[' -> bracket();
      case '{' -> {
        if (inGroup) {
          throw wrong("a group in a group");
        }
        regex.append("(?:(?:");
        inGroup = true;
      }
      case '}' -> {
        regex.append(inGroup ? "))" : "}");
        inGroup = false;
      }
      case ',' -> regex.append(inGroup ? ")|(?:" : ",");
      case '*' -> {
        boolean crosses = at < glob.length() && glob.charAt(at) == '*';
        at += crosses ? 1 : 0;
        regex.append(crosses ? ".*" : "[^/]*");
      }
      case '?' -> regex.append("[^/]");
      default -> literal(c);
    }
  }

  private void literal(char c) {
    if (REGEX_SIGNS.indexOf(c) >= 0 || "\\*?}".indexOf(c) >= 0) {
      regex.append('\\');
    }
    regex.append(c);
  }

  /** A set of characters, none of which is {@code /}. */
  private void bracket() {
    regex.append("[[^/]&&[");
    if (at < glob.length() && glob.charAt(at) == '!') {
      regex.append('^');
      at++;
    }
    if (at < glob.length() && glob.charAt(at) == '-') {
      regex.append("\\-");
      at++;
    }
    char last = 0;
    for (char c = next("a ']' is missing"); c != ']'; c = next("a ']' is missing")) {
      if (c == '/') {
        throw wrong("a '/' in a set of characters");
      }
      boolean isRange = c == '-' && last != 0 && at < glob.length() && glob.charAt(at) != ']';
      if (!isRange) {
        inSet(c);
        last = c;
        continue;
      }
      char end = next("a ']' is missing");
      if (end < last) {
        throw wrong("a range that runs backwards");
      }
      regex.append('-');
      inSet(end);
      last = 0;
    }
    regex.append("]]");
  }

  private void inSet(char c) {
    if ("\\[]&^-".indexOf(c) >= 0) {
      regex.append('\\');
    }
    regex.append(c);
  }

  private char next(String missing) {
    if (at == glob.length()) {
      throw wrong(missing);
    }
    return glob.charAt(at++);
  }

  private PatternSyntaxException wrong(String what) {
    return new PatternSyntaxException(what, glob, Math.max(0, at - 1));
  }
}
