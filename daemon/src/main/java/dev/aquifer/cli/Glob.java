package dev.aquifer.cli;

import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A pattern of names as the shell has them: {@code *}, {@code ?}, {@code [a-z]}, {@code [!a-z]} and
 * {@code \} before a character that stands for itself. As for find(1), {@code *} takes slashes and
 * leading dots, too.
 */
final class Glob {
  private final Pattern pattern;

  private Glob(Pattern pattern) {
    this.pattern = pattern;
  }

  /**
   * Reads a pattern.
   *
   * @throws IllegalArgumentException if a range in it is empty
   */
  static Glob of(String glob) {
    StringBuilder regex = new StringBuilder();
    for (int i = 0; i < glob.length(); i++) {
      char c = glob.charAt(i);
      switch (c) {
        case '*' -> regex.append(".*");
        case '?' -> regex.append('.');
        case '\\' -> {
          if (i + 1 < glob.length()) {
            i++;
          }
          quote(regex, glob.charAt(i));
        }
        case '[' -> i = set(glob, i, regex);
        default -> quote(regex, c);
      }
    }
    try {
      return new Glob(Pattern.compile(regex.toString(), Pattern.DOTALL));
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException("'" + glob + "' is no pattern", e);
    }
  }

  /** Whether the whole of {@code text} is as the pattern says. */
  boolean matches(String text) {
    return pattern.matcher(text).matches();
  }

  /** Returns where the set ends; a bracket that none closes stands for itself. */
  private static int set(String glob, int open, StringBuilder regex) {
    int first = open + 1;
    boolean isNegated =
        first < glob.length() && (glob.charAt(first) == '!' || glob.charAt(first) == '^');
    if (isNegated) {
      first++;
    }
    // A closing bracket that comes first is a member.
    int close = glob.indexOf(']', first + 1);
    if (close < 0) {
      quote(regex, '[');
      return open;
    }
    regex.append(isNegated ? "[^" : "[");
    for (int i = first; i < close; i++) {
      char c = glob.charAt(i);
      if (c == '-' && i > first && i < close - 1) {
        regex.append('-');
      } else {
        quote(regex, c);
      }
    }
    regex.append(']');
    return close;
  }

  private static void quote(StringBuilder regex, char c) {
    if (c < 0x80 && !Character.isLetterOrDigit(c)) {
      regex.append('\\');
    }
    regex.append(c);
  }
}
