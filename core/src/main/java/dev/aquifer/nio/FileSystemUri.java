package dev.aquifer.nio;

import dev.aquifer.blob.ObjectUrl;
import dev.aquifer.blob.Shown;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The URIs of an image and of paths in it, after the manner of {@code jar:}.
 *
 * <pre>
 * erofs:REFERENCE          an image; REFERENCE is file:///path, http://… or https://…
 * erofs:REFERENCE!/a/b     the path /a/b in it
 * </pre>
 *
 * <p>The last {@code !/} ends the reference, so a {@code !} in a path, and one before a {@code /}
 * in a reference without a path, is written {@code %21}. Bytes of a path other than ASCII letters,
 * digits and {@code -._~/} are written {@code %XX}; so names that are no UTF-8 have URIs, too.
 *
 * @param reference the URL of the image
 */
record FileSystemUri(String reference) {
  static final String SCHEME = "erofs";
  private static final String END = "!/";
  private static final String UNESCAPED = "-._~/";

  /** What {@code uri} names, in one form for each image. */
  static FileSystemUri of(URI uri) {
    String rest = schemeSpecificPart(uri);
    int end = rest.lastIndexOf(END);
    return ofReference(end < 0 ? rest : rest.substring(0, end), uri.toString());
  }

  /** The image at {@code path}. */
  static FileSystemUri of(Path path) throws IOException {
    return new FileSystemUri(canonical(path.toRealPath()));
  }

  private static FileSystemUri ofReference(String reference, String uri) {
    if (ObjectUrl.isUrl(reference)) {
      return new FileSystemUri(reference.replaceFirst("/+$", ""));
    }
    if (!reference.toLowerCase(Locale.ROOT).startsWith("file:/")) {
      throw new IllegalArgumentException(
          "'%s': expected erofs:file:///path, erofs:http://… or erofs:https://…".formatted(uri));
    }
    Path path = Path.of(URI.create(reference));
    try {
      return new FileSystemUri(canonical(Files.exists(path) ? path.toRealPath() : path));
    } catch (IOException e) {
      return new FileSystemUri(canonical(path));
    }
  }

  private static String canonical(Path path) {
    return path.toUri().toString().replaceFirst("(?<=[^/])/+$", "").replace("!", "%21");
  }

  private static String schemeSpecificPart(URI uri) {
    if (!SCHEME.equalsIgnoreCase(uri.getScheme())) {
      throw new IllegalArgumentException("'%s': expected the scheme erofs".formatted(uri));
    }
    return uri.getRawSchemeSpecificPart();
  }

  /** The bytes of the path in {@code uri}. */
  static byte[] pathOf(URI uri) {
    String rest = schemeSpecificPart(uri);
    int end = rest.lastIndexOf(END);
    if (end < 0) {
      throw new IllegalArgumentException(
          "'%s': names an image and no path in it: expected one, as in erofs:file:///image!/etc"
              .formatted(uri));
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    String path = rest.substring(end + 1);
    for (int i = 0; i < path.length(); ) {
      int point = path.codePointAt(i);
      if (point == '%') {
        // URI has checked that two digits follow.
        bytes.write(Integer.parseInt(path, i + 1, i + 3, 16));
        i += 3;
      } else {
        bytes.writeBytes(Character.toString(point).getBytes(StandardCharsets.UTF_8));
        i += Character.charCount(point);
      }
    }
    return bytes.toByteArray();
  }

  /** The image for a message: without what may be secret. */
  String shown() {
    return SCHEME + ":" + Shown.url(reference);
  }

  /** The URI of an absolute path. */
  URI of(byte[] path) {
    StringBuilder text = new StringBuilder(SCHEME + ":" + reference + "!");
    for (byte b : path) {
      if (b >= '0' && b <= '9'
          || b >= 'a' && b <= 'z'
          || b >= 'A' && b <= 'Z'
          || UNESCAPED.indexOf(b) >= 0) {
        text.append((char) b);
      } else {
        text.append("%%%02X".formatted(b & 0xff));
      }
    }
    return URI.create(text.toString());
  }
}
