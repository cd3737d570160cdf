package dev.aquifer.cli;

import dev.aquifer.image.Image;
import dev.aquifer.io.ByteSource;
import dev.aquifer.io.FileSource;
import java.io.Closeable;
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

  /** An opened image and what has to be closed after it. */
  record Opened(Image image, List<Closeable> sources) implements Closeable {
    @Override
    public void close() throws IOException {
      for (Closeable source : sources.reversed()) {
        source.close();
      }
    }
  }

  /** Opens the image that {@code reference} names. */
  Opened open(String reference) throws IOException {
    List<Closeable> sources = new ArrayList<>();
    ByteSource primary = FileSource.open(Path.of(reference));
    sources.add(primary);
    if (offsetBytes != 0) {
      primary = primary.slice(offsetBytes, primary.sizeBytes() - offsetBytes);
    }
    Image image = Image.open(primary);
    if (!devices.isEmpty()) {
      List<ByteSource> attached = new ArrayList<>();
      for (String device : devices) {
        FileSource source = FileSource.open(Path.of(device));
        sources.add(source);
        attached.add(source);
      }
      image = image.withDevices(attached);
    }
    return new Opened(image, sources);
  }
}
