package dev.aquifer.mount;

import dev.aquifer.blob.Shown;
import dev.aquifer.linux.MountCalls;
import java.io.Closeable;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A name under which the kernel finds the bootstrap and which tells a person something: {@code
 * findmnt} shows the very text that the kernel opened.
 *
 * <p>An image's URL can be that text: {@code http://host/app} is a relative path, which leads from
 * an empty directory over {@code http:} and {@code host} to a symbolic link to the bootstrap. The
 * thread that makes the mount has that directory as its working directory.
 *
 * <p>Closing removes the directory; the kernel has the file open by then.
 */
final class ShownSource implements Closeable {
  private final String text;
  private final Path directory;
  private final List<Path> made;

  private ShownSource(String text, Path directory, List<Path> made) {
    this.text = text;
    this.directory = directory;
    this.made = made;
  }

  /**
   * Prepares a name.
   *
   * @param wanted what is to be shown: a URL, or a path
   * @param bootstrap the file, absolute
   * @param parent where a directory can be made
   */
  static ShownSource of(String wanted, Path bootstrap, Path parent) throws IOException {
    String text = wanted.equals(bootstrap.toString()) ? null : relativeName(wanted);
    if (text == null) {
      return new ShownSource(bootstrap.toString(), Path.of("/"), List.of());
    }
    List<Path> made = new ArrayList<>();
    Path directory = Files.createTempDirectory(parent, "source-");
    ShownSource source = new ShownSource(text, directory, made);
    try {
      made.add(directory);
      Path names = Path.of(text);
      Path at = directory;
      for (int i = 0; i < names.getNameCount() - 1; i++) {
        at = Files.createDirectory(at.resolve(names.getName(i)));
        made.add(at);
      }
      made.add(Files.createSymbolicLink(at.resolve(names.getFileName()), bootstrap));
      return source;
    } catch (IOException | RuntimeException e) {
      source.close();
      throw e;
    }
  }

  /** The URL without user, password and query, if it is fit to be a path; else null. */
  private static @Nullable String relativeName(String wanted) {
    URI uri;
    try {
      uri = wanted.startsWith("/") ? new URI("file", "", wanted, null) : new URI(wanted);
    } catch (java.net.URISyntaxException e) {
      return null;
    }
    if (uri.getScheme() == null || uri.getRawPath() == null) {
      return null;
    }
    String authority = uri.getRawAuthority() == null ? "" : uri.getRawAuthority();
    String path = wanted.startsWith("/") ? wanted : uri.getRawPath();
    // A name with a slash at its end would have to be a directory.
    String text =
        (uri.getScheme() + "://" + authority.substring(authority.lastIndexOf('@') + 1) + path)
            .replaceAll("/+$", "");
    return isFit(text) ? text : null;
  }

  private static boolean isFit(String text) {
    // More than the kernel takes, or a step that leads elsewhere.
    return text.getBytes(StandardCharsets.UTF_8).length <= MountCalls.MAX_PARAMETER_BYTES
        && StandardCharsets.US_ASCII.newEncoder().canEncode(text)
        && text.indexOf('\0') < 0
        && !List.of(text.split("/")).contains("..")
        && !List.of(text.split("/")).contains(".");
  }

  /** What the kernel is given. */
  String text() {
    return text;
  }

  /** From where the text leads to the bootstrap. */
  Path directory() {
    return directory;
  }

  /** Removes a directory that a killed process left. */
  static void remove(Path directory) throws IOException {
    try (var paths = Files.walk(directory)) {
      for (Path path : paths.toList().reversed()) {
        Files.delete(path);
      }
    }
  }

  /**
   * A source as a log, a status and a message may show it: in one line, and without the query of a
   * URL and what stands before its host, which may be secrets.
   */
  static String safe(String source) {
    String text = MountSpec.isUrl(source) ? Shown.url(source) : source;
    return text.replaceAll("\\p{Cntrl}", "?");
  }

  @Override
  public void close() throws IOException {
    while (!made.isEmpty()) {
      Files.deleteIfExists(made.removeLast());
    }
  }
}
