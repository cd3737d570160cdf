package dev.aquifer.input;

import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Extended regular expressions of POSIX, with GNU's additions ({@code \w}, {@code \<} and so on),
 * as patterns of Java. One character stands for one byte, as in the C locale.
 */
final class PosixRegex {
  private static final Map<String, String> CLASSES =
      Map.ofEntries(
          Map.entry("alpha", "a-zA-Z"),
          Map.entry("digit", "0-9"),
          Map.entry("alnum", "a-zA-Z0-9"),
          Map.entry("upper", "A-Z"),
          Map.entry("lower", "a-z"),
          Map.entry("space", " \\x09-\\x0d"),
          Map.entry("blank", " \\x09"),
          Map.entry("punct", "\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e"),
          Map.entry("print", "\\x20-\\x7e"),
          Map.entry("graph", "\\x21-\\x7e"),
          Map.entry("cntrl", "\\x00-\\x1f\\x7f"),
          Map.entry("xdigit", "0-9a-fA-F"));

  private final String regex;
  private final StringBuilder out = new StringBuilder();
  private int at;

  /** Where in {@link #out} the last thing begins that may be repeated; -1 if there is none. */
  private int atom = -1;

  private final java.util.ArrayDeque<Integer> groups = new java.util.ArrayDeque<>();

  private PosixRegex(String regex) {
    this.regex = regex;
  }

  /**
   * Translates {@code regex}, text of one character for each byte. Use {@code find} of the result.
   *
   * @throws IllegalArgumentException if it is malformed
   */
  static Pattern compile(String regex) {
    try {
      return Pattern.compile(new PosixRegex(regex).translate(), Pattern.DOTALL);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException("'%s' is no regular expression".formatted(regex), e);
    }
  }

  private String translate() {
    while (at < regex.length()) {
      char c = regex.charAt(at++);
      switch (c) {
        case '\\' -> escape();
        case '[' -> bracket();
        case '(' -> {
          groups.push(out.length());
          out.append('(');
          atom = -1;
        }
        case ')' -> close();
        case '|' -> {
          out.append('|');
          atom = -1;
        }
        case '*', '+', '?' -> repeat(Character.toString(c));
        case '{' -> repeat(interval());
        case '^' -> anchor("^");
        case '$' -> anchor("\\z");
        case '.' -> thing(".");
        default -> thing(literal(c));
      }
    }
    if (!groups.isEmpty()) {
      throw malformed("a ( that none closes");
    }
    return out.toString();
  }

  private void thing(String java) {
    atom = out.length();
    out.append(java);
  }

  private void anchor(String java) {
    out.append(java);
    atom = -1;
  }

  private void close() {
    if (groups.isEmpty()) {
      // As POSIX has it, it stands for itself then.
      thing("\\)");
      return;
    }
    out.append(')');
    atom = groups.pop();
  }

  private void repeat(String count) {
    if (atom < 0) {
      throw malformed("nothing that could be repeated before " + count);
    }
    // In a group of its own, since a second sign behind it would mean something else in Java.
    out.insert(atom, "(?:").append(count).append(')');
  }

  private String interval() {
    int end = regex.indexOf('}', at);
    String count = end < 0 ? "" : regex.substring(at, end);
    if (!count.matches("[0-9]{1,5}(,[0-9]{0,5})?|,[0-9]{1,5}")) {
      throw malformed("a { that is no count");
    }
    at = end + 1;
    return "{" + (count.startsWith(",") ? "0" : "") + count + "}";
  }

  private void escape() {
    if (at == regex.length()) {
      throw malformed("a backslash at its end");
    }
    char c = regex.charAt(at++);
    switch (c) {
      case 'w', 'W', 's', 'S' -> thing("\\" + c);
      case 'b', 'B' -> anchor("\\" + c);
      case '<' -> anchor("\\b(?=\\w)");
      case '>' -> anchor("\\b(?<=\\w)");
      case '`' -> anchor("^");
      case '\'' -> anchor("\\z");
      case '1', '2', '3', '4', '5', '6', '7', '8', '9' -> thing("(?:\\" + c + ")");
      default -> thing(literal(c));
    }
  }

  private void bracket() {
    StringBuilder set = new StringBuilder("[");
    if (at < regex.length() && regex.charAt(at) == '^') {
      set.append('^');
      at++;
    }
    boolean first = true;
    while (true) {
      if (at == regex.length()) {
        throw malformed("a [ that none closes");
      }
      if (regex.charAt(at) == ']' && !first) {
        at++;
        break;
      }
      first = false;
      member(set);
    }
    thing(set.append(']').toString());
  }

  private void member(StringBuilder set) {
    if (regex.startsWith("[:", at)) {
      int end = regex.indexOf(":]", at);
      String name = end < 0 ? "" : regex.substring(at + 2, end);
      String members = CLASSES.get(name.toLowerCase(Locale.ROOT));
      if (members == null) {
        throw malformed("an unknown class of characters");
      }
      set.append(members);
      at = end + 2;
      return;
    }
    char low = element();
    boolean isRange =
        at + 1 < regex.length() && regex.charAt(at) == '-' && regex.charAt(at + 1) != ']';
    if (!isRange) {
      set.append(literal(low));
      return;
    }
    at++;
    char high = element();
    if (low > high) {
      throw malformed("a range that ends before it begins");
    }
    set.append(literal(low)).append('-').append(literal(high));
  }

  /** A character, also as {@code [.a.]} or {@code [=a=]}. */
  private char element() {
    if (regex.startsWith("[.", at) || regex.startsWith("[=", at)) {
      char kind = regex.charAt(at + 1);
      if (at + 4 < regex.length() && regex.charAt(at + 3) == kind && regex.charAt(at + 4) == ']') {
        char c = regex.charAt(at + 2);
        at += 5;
        return c;
      }
      throw malformed("an element of several characters");
    }
    return regex.charAt(at++);
  }

  private static String literal(char c) {
    boolean isPlain =
        c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '/';
    return isPlain ? Character.toString(c) : "\\x%02x".formatted((int) c);
  }

  private IllegalArgumentException malformed(String what) {
    return new IllegalArgumentException(
        "'%s' is no regular expression: it has %s".formatted(regex, what));
  }
}
