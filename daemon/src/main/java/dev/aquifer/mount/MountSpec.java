package dev.aquifer.mount;

import dev.aquifer.io.RefusedException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One wish to mount.
 *
 * @param source an {@code http://} or {@code https://} URL, or an absolute path: an OCI image
 *     layout of an Aquifer image, or an EROFS image made by other tools
 * @param target the mount point, absolute
 * @param options the options
 */
public record MountSpec(String source, Path target, MountOptions options) {

  /** The source as a log or a message may show it: in one line, without the query of a URL. */
  public String shownSource() {
    return ShownSource.safe(source);
  }

  /** The domain to join; null for a name space of the mount's own. */
  public @Nullable String domainId() {
    return options.domainId();
  }

  /** The mount's name in its domain; null to derive it from the mount point. */
  public @Nullable String fsid() {
    return options.fsid();
  }

  /** The blobs of an image made by other tools, in device order. */
  public List<String> devices() {
    return options.devices();
  }

  /** Further origins of an Aquifer image. */
  public List<String> mirrors() {
    return options.mirrors();
  }

  /** What is fetched ahead of readers. */
  public Prefetch prefetch() {
    return options.prefetch();
  }

  /** What the kernel is told beside read-only. */
  public Set<KernelFlag> flags() {
    return options.flags();
  }

  /**
   * Makes a wish from what a command line gives; relative paths are taken from {@code directory}.
   * The source may be written {@code file:///path}, as {@code findmnt} shows it.
   *
   * @throws RefusedException EINVAL, if the options can't be read, or one of the names is empty
   */
  public static MountSpec of(String source, String target, String options, Path directory)
      throws RefusedException {
    if (source.isEmpty() || target.isEmpty()) {
      throw MountOptions.refused(
          "mount '%s' '%s': expected a source and a mount point".formatted(source, target));
    }
    MountOptions parsed = MountOptions.parse(options);
    return new MountSpec(
        absolute(source, directory),
        Path.of(absolute(target, directory)),
        parsed.with(absolute(parsed.devices(), directory), absolute(parsed.mirrors(), directory)));
  }

  private static List<String> absolute(List<String> names, Path directory) {
    return names.stream().map(name -> absolute(name, directory)).toList();
  }

  private static String absolute(String name, Path directory) {
    String path = name.startsWith("file://") ? name.substring("file://".length()) : name;
    return isUrl(name) ? name : directory.resolve(path).toAbsolutePath().normalize().toString();
  }

  /** Whether {@code source} is a URL and no path. */
  static boolean isUrl(String source) {
    return source.startsWith("http://") || source.startsWith("https://");
  }
}
