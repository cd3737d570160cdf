package dev.aquifer.input;

import dev.aquifer.build.Xattr;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Extended attributes in the records of pax headers, in three forms: {@code SCHILY.xattr.NAME} with
 * raw bytes, {@code LIBARCHIVE.xattr.NAME} with the value in base 64 and the name escaped as in a
 * URL, and {@code RHT.security.selinux}, the label as text.
 */
final class PaxXattrs {
  private static final String SCHILY = "SCHILY.xattr.";
  private static final String LIBARCHIVE = "LIBARCHIVE.xattr.";
  private static final String SELINUX = "RHT.security.selinux";
  private static final String SELINUX_NAME = "security.selinux";

  private PaxXattrs() {}

  /**
   * The attributes; of one in several forms the last.
   *
   * @throws IllegalArgumentException if one is malformed
   */
  static List<Xattr> of(PaxRecords records) {
    Map<String, byte[]> values = new LinkedHashMap<>();
    for (Map.Entry<String, byte[]> each : records.all().entrySet()) {
      String keyword = each.getKey();
      byte[] value = each.getValue();
      if (keyword.startsWith(SCHILY)) {
        // GNU tar escapes what would end the keyword.
        String name = keyword.substring(SCHILY.length()).replace("%3D", "=").replace("%25", "%");
        values.put(name, value);
      } else if (keyword.startsWith(LIBARCHIVE)) {
        values.put(unescaped(keyword.substring(LIBARCHIVE.length())), base64(keyword, value));
      } else if (keyword.equals(SELINUX)) {
        // The kernel's labels end with a zero byte.
        values.putIfAbsent(SELINUX_NAME, Arrays.copyOf(value, value.length + 1));
      }
    }
    if (values.isEmpty()) {
      return List.of();
    }
    List<Xattr> xattrs = new ArrayList<>(values.size());
    for (Map.Entry<String, byte[]> each : values.entrySet()) {
      xattrs.add(Xattr.of(each.getKey().getBytes(StandardCharsets.ISO_8859_1), each.getValue()));
    }
    return List.copyOf(xattrs);
  }

  private static String unescaped(String name) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int i = 0; i < name.length(); i++) {
      int high = i + 2 < name.length() ? Character.digit(name.charAt(i + 1), 16) : -1;
      int low = i + 2 < name.length() ? Character.digit(name.charAt(i + 2), 16) : -1;
      if (name.charAt(i) == '%' && high >= 0 && low >= 0) {
        bytes.write(high << 4 | low);
        i += 2;
      } else {
        bytes.write(name.charAt(i));
      }
    }
    return bytes.toString(StandardCharsets.ISO_8859_1);
  }

  private static byte[] base64(String keyword, byte[] value) {
    try {
      return Base64.getDecoder().decode(value);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("the value of " + keyword + " is not in base 64", e);
    }
  }
}
