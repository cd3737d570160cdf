package dev.aquifer.cli;

import dev.aquifer.daemon.Places;
import dev.aquifer.nio.OpenOptions;
import dev.aquifer.nio.OpenedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How an image is opened: the options that all commands have that read one. */
final class ImageOptions {
  static final String IMAGE =
      "An EROFS image: a file, an image layout (a directory), or the URL of either.";

  @Option(
      names = "--device",
      paramLabel = "REF",
      description =
          "An extra device of the image, a file or a URL; once for each, in the order of its table.")
  List<String> devices = new ArrayList<>();

  @Option(
      names = "--mirror",
      paramLabel = "REF",
      description =
          "Another place of the image layout, asked when those before it fail; once for each.")
  List<String> mirrors = new ArrayList<>();

  @Option(
      names = "--offset",
      paramLabel = "BYTES",
      description = "Where the image begins in its file.")
  long offsetBytes;

  @Option(
      names = "--domain",
      paramLabel = "NAME",
      description = "Keep what is fetched of a remote image in the cache, for this domain.")
  @Nullable String domain;

  @Option(
      names = "--cache-dir",
      paramLabel = "DIR",
      description = "Where the cache is. Default: that of the daemon.")
  @Nullable Path cacheDir;

  /** Opens the image that {@code reference} names. */
  OpenedImage open(String reference) throws IOException {
    Path cache = cacheDir;
    if (cache == null && domain != null) {
      cache = Places.of(null, null).cacheDir();
    }
    return OpenedImage.open(
        reference, new OpenOptions(devices, mirrors, offsetBytes, domain, cache, false));
  }
}
