package dev.aquifer.tool;

import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One JSON object, to be written. Keys keep the order in which they were put; the text is ASCII, in
 * one line, with a space after each comma and colon. A lone surrogate is written as its escape, so
 * that names as of {@link dev.aquifer.image.ByteNames} come through.
 *
 * <p>Values are texts, whole numbers, truth values, objects, and collections of these. For use by
 * one thread.
 */
public final class JsonObject {
  private final Map<String, Object> values = new LinkedHashMap<>();

  /** An object without keys. */
  public JsonObject() {}

  /** Puts a value; leaves the key out if it is null. */
  public JsonObject put(String key, @Nullable Object value) {
    if (value != null) {
      values.put(key, value);
    }
    return this;
  }

  /** Takes a key out, if it is there. */
  public JsonObject remove(String key) {
    values.remove(key);
    return this;
  }

  /** The keys and values in their order; not to be changed. */
  public Map<String, Object> values() {
    return Collections.unmodifiableMap(values);
  }

  /** Whether nothing was put. */
  public boolean isEmpty() {
    return values.isEmpty();
  }

  /** The object in one line. */
  @Override
  public String toString() {
    StringBuilder out = new StringBuilder(256);
    appendTo(out);
    return out.toString();
  }

  void appendTo(StringBuilder out) {
    append(out, values);
  }

  private static void append(StringBuilder out, Map<?, ?> values) {
    out.append('{');
    String before = "";
    for (Map.Entry<?, ?> entry : values.entrySet()) {
      out.append(before);
      appendText(out, String.valueOf(entry.getKey()));
      out.append(": ");
      appendValue(out, entry.getValue());
      before = ", ";
    }
    out.append('}');
  }

  private static void appendValue(StringBuilder out, Object value) {
    switch (value) {
      case JsonObject object -> object.appendTo(out);
      case Map<?, ?> map -> append(out, map);
      case Collection<?> items -> {
        out.append('[');
        String before = "";
        for (Object item : items) {
          out.append(before);
          appendValue(out, item);
          before = ", ";
        }
        out.append(']');
      }
      case Number number -> out.append(number);
      case Boolean truth -> out.append(truth);
      default -> appendText(out, value.toString());
    }
  }

  private static void appendText(StringBuilder out, String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        default -> {
          if (c >= ' ' && c < 0x7f) {
            out.append(c);
          } else {
            out.append("\\u");
            for (int shift = 12; shift >= 0; shift -= 4) {
              out.append(Character.forDigit(c >> shift & 0xf, 16));
            }
          }
        }
      }
    }
    out.append('"');
  }
}
